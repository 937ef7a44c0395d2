"""Products that are round: each function draws one item of its kind."""

import numpy as np
from PIL import Image, ImageDraw

from index_builder.demo import labels
from index_builder.demo.labels import MOTIFS, Design
from index_builder.demo.lathe import TILT, Finish, Profile, ring, turn
from index_builder.demo.palette import RGB, darken, lighten, mix, rgb
from index_builder.demo.patterns import cloth
from index_builder.demo.pen import Pen
from index_builder.demo.studio import STAGE, Bytes, Shadow, Stage, empty, lay_over

SILVER, GLASS, CREAM = rgb("c9ccd1"), rgb("e4ecea"), rgb("f3ead9")


def standing(pixels: Bytes, profile: Profile, foot: float | None = None) -> Stage:
    """What was drawn, with the shadow of a round foot under it."""
    radius = (foot or profile.points[-1][1]) * STAGE
    return Stage(pixels, Shadow(True, profile.x * STAGE, profile.bottom + TILT * radius * 0.45, radius))


def _dressed(
    profile: Profile, ground: RGB, design: Design, start: float, end: float, inner: float = 0.62
) -> Image.Image:
    """The ground with the label around it from row ``start`` to ``end`` (shares of the height)."""
    w, h = profile.art_size()
    art = Image.new("RGB", (w, h), ground)
    art.paste(labels.label((w, round(h * (end - start))), design, inner), (0, round(h * start)))
    return art


def sticker(art: Image.Image, design: Design, start: float, end: float, width: float) -> None:
    """A label in the middle of ``art`` that covers ``width`` of it."""
    w, h = round(art.width * width), round(art.height * (end - start))
    shape = Image.new("L", (w, h), 0)
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, w - 1, h - 1), w // 16, 255)
    left, top = (art.width - w) // 2, round(art.height * start)
    art.paste(darken(design.palette.deep, 0.1), (left, top + 3), shape)
    art.paste(labels.label((w, h), design, 0.86), (left, top), shape)


def can(design: Design, rng: np.random.Generator) -> Stage:
    """A slim drink can."""
    pixels = empty()
    points = [
        (0.1, 0.158),
        (0.112, 0.163),
        (0.122, 0.156),
        (0.165, 0.196),
        (0.185, 0.2),
        (0.855, 0.2),
        (0.875, 0.196),
        (0.898, 0.165),
    ]
    profile = Profile(points)
    turn(pixels, profile, _dressed(profile, SILVER, design, 0.085, 0.965), Finish(0.85, metal=((0, 0.085), (0.965, 1))))
    ring(pixels, 0.5, 0.104, 0.155, rgb("d9dce0"), 1)
    ring(pixels, 0.5, 0.107, 0.143, rgb("a7abb1"), 0.8)
    ring(pixels, 0.5, 0.109, 0.135, rgb("cfd3d7"), 1)
    ring(pixels, 0.5, 0.114, 0.045, rgb("9fa4aa"), 1)
    ring(pixels, 0.5, 0.112, 0.04, rgb("e2e5e8"), 1)
    ring(pixels, 0.5, 0.117, 0.017, rgb("8d9298"), 1)
    return standing(pixels, profile)


def tin(design: Design, rng: np.random.Generator) -> Stage:
    """A wide food tin."""
    pixels = empty()
    profile = Profile([(0.2, 0.268), (0.212, 0.272), (0.22, 0.262), (0.81, 0.262), (0.818, 0.272), (0.832, 0.27)])
    turn(
        pixels, profile, _dressed(profile, SILVER, design, 0.05, 0.95, 0.68), Finish(0.45, metal=((0, 0.05), (0.95, 1)))
    )
    for radius, color in (
        (0.266, "e3e6e9"),
        (0.25, "9fa3a8"),
        (0.243, "cdd1d5"),
        (0.2, "b5b9be"),
        (0.194, "d4d8db"),
        (0.14, "bfc3c8"),
        (0.134, "d8dbde"),
    ):
        ring(pixels, 0.5, 0.203, radius, rgb(color), 0.9)
    return standing(pixels, profile)


def jar(design: Design, rng: np.random.Generator) -> Stage:
    """A glass jar with a screwed lid, filled with what its label shows."""
    pixels = empty()
    fill = mix(design.palette.deep, _flesh(design.motif), 0.75)
    body = Profile(
        [(0.24, 0.2), (0.262, 0.206), (0.32, 0.252), (0.36, 0.258), (0.82, 0.258), (0.865, 0.248), (0.885, 0.222)]
    )
    w, h = body.art_size()
    art = Image.new("RGB", (w, h), fill)
    draw = ImageDraw.Draw(art)
    draw.rectangle((0, 0, w, 0.07 * h), lighten(mix(GLASS, fill, 0.3), 0.1))
    draw.rectangle((0, 0.955 * h, w, h), mix(GLASS, fill, 0.35))
    for _ in range(160):
        x, y, r = rng.uniform(0, w), rng.uniform(0.09 * h, 0.94 * h), rng.uniform(6, 20)
        draw.ellipse(
            (x - r, y - r * 0.8, x + r, y + r * 0.8),
            mix(fill, (darken if rng.random() < 0.5 else lighten)(fill, 0.3), 0.5),
        )
    sticker(art, design, 0.22, 0.86, 0.6)
    turn(pixels, body, art, Finish(0.95, clear=((0, 0.2), (0.88, 1))))
    lid = Profile([(0.135, 0.212), (0.145, 0.222), (0.232, 0.224), (0.24, 0.218)])
    lid_art = cloth(lid.art_size(), "gingham" if design.layout in ("band", "badge") else "plain", design.palette, 60)
    if design.layout not in ("band", "badge"):
        lid_art.paste(rgb("d6b25e") if rng.random() < 0.5 else design.palette.deep, (0, 0, *lid_art.size))
    turn(pixels, lid, lid_art, Finish(0.6, metal=((0, 1),)))
    top = lid_art.getpixel((lid_art.width // 3, 4))
    color = lighten((int(top[0]), int(top[1]), int(top[2])) if isinstance(top, tuple) else SILVER, 0.12)
    ring(pixels, 0.5, 0.138, 0.211, color, 0.35)
    ring(pixels, 0.5, 0.1385, 0.19, darken(color, 0.1), 0.35)
    ring(pixels, 0.5, 0.1395, 0.186, color, 0.35)
    return standing(pixels, body, 0.245)


def _flesh(motif: str) -> RGB:
    """The color that an illustration shows most: what is in the jar or bottle."""
    probe = Image.new("RGB", (60, 60), (1, 2, 3))
    MOTIFS[motif](Pen(probe, 30, 30, 30))
    found = [c for c in sorted(probe.getcolors(4096) or [], reverse=True) if c[1] != (1, 2, 3)]
    color = found[0][1]
    return (int(color[0]), int(color[1]), int(color[2])) if isinstance(color, tuple) else CREAM


def bottle(design: Design, rng: np.random.Generator) -> Stage:
    """A glass bottle with a cap."""
    pixels = empty()
    fill = mix(_flesh(design.motif), lighten(design.palette.base, 0.2), 0.22)
    body = Profile(
        [
            (0.1, 0.058),
            (0.16, 0.058),
            (0.25, 0.066),
            (0.34, 0.13),
            (0.4, 0.162),
            (0.45, 0.166),
            (0.87, 0.166),
            (0.895, 0.16),
            (0.91, 0.142),
        ]
    )
    w, h = body.art_size()
    art = Image.new("RGB", (w, h), fill)
    draw = ImageDraw.Draw(art)
    for i in range(20):
        draw.rectangle((0, h * i / 20, w, h), mix(lighten(fill, 0.16), darken(fill, 0.22), i / 19))
    draw.rectangle((0, 0, w, 0.14 * h), mix(GLASS, fill, 0.35))
    sticker(art, design, 0.45, 0.93, 0.66)
    turn(pixels, body, art, Finish(1.0, clear=((0, 0.44), (0.935, 1))))
    cap = Profile([(0.066, 0.06), (0.072, 0.064), (0.135, 0.065), (0.14, 0.062)])
    turn(pixels, cap, Image.new("RGB", cap.art_size(), design.palette.deep), Finish(0.6, metal=((0, 1),)))
    ring(pixels, 0.5, 0.067, 0.06, lighten(design.palette.deep, 0.15), 0.4)
    return standing(pixels, body, 0.158)


def canister(design: Design, rng: np.random.Generator) -> Stage:
    """A tea caddy: a printed tin with a lid."""
    pixels = empty()
    body = Profile([(0.29, 0.226), (0.3, 0.23), (0.86, 0.23), (0.872, 0.226)])
    turn(pixels, body, _dressed(body, design.palette.base, design, 0.0, 1.0, 0.66), Finish(0.6))
    lid = Profile([(0.14, 0.226), (0.155, 0.238), (0.285, 0.24), (0.3, 0.237)])
    art = cloth(lid.art_size(), design.pattern, design.palette, 70)
    ImageDraw.Draw(art).rectangle((0, art.height * 0.84, art.width, art.height), rgb("d8b467"))
    turn(pixels, lid, art, Finish(0.6, metal=((0.84, 1),)))
    ring(pixels, 0.5, 0.146, 0.229, lighten(design.palette.base, 0.08), 0.25)
    ring(pixels, 0.5, 0.146, 0.2, darken(design.palette.base, 0.08), 0.25)
    ring(pixels, 0.5, 0.147, 0.196, lighten(design.palette.base, 0.12), 0.25)
    knob = Profile([(0.108, 0.024), (0.118, 0.032), (0.128, 0.026), (0.142, 0.018)])
    turn(pixels, knob, Image.new("RGB", (40, 40), rgb("d8b467")), Finish(0.5, metal=((0, 1),)))
    return standing(pixels, body)


def pump(design: Design, rng: np.random.Generator) -> Stage:
    """A bottle of soap with a pump."""
    pixels = empty()
    metal = rgb("3b3d42") if rng.random() < 0.5 else rgb("d9c08a")
    _nozzle(pixels, metal)
    body = Profile([(0.3, 0.06), (0.32, 0.1), (0.345, 0.17), (0.375, 0.19), (0.87, 0.19), (0.89, 0.184), (0.9, 0.172)])
    turn(pixels, body, _dressed(body, design.palette.base, design, 0.15, 0.98, 0.62), Finish(0.75))
    collar = Profile([(0.235, 0.058), (0.243, 0.064), (0.305, 0.066), (0.312, 0.062)])
    turn(pixels, collar, Image.new("RGB", collar.art_size(), metal), Finish(0.5, metal=((0, 1),)))
    ring(pixels, 0.5, 0.236, 0.058, lighten(metal, 0.2), 0.4)
    neck = Profile([(0.15, 0.018), (0.24, 0.018)])
    turn(pixels, neck, Image.new("RGB", (40, 40), metal), Finish(0.5, metal=((0, 1),)))
    head = Profile([(0.108, 0.05), (0.114, 0.055), (0.15, 0.057), (0.155, 0.05)])
    turn(pixels, head, Image.new("RGB", head.art_size(), metal), Finish(0.5, metal=((0, 1),)))
    ring(pixels, 0.5, 0.109, 0.05, lighten(metal, 0.25), 0.5)
    return standing(pixels, body, 0.184)


def _nozzle(pixels: Bytes, metal: RGB) -> None:
    image = Image.new("RGBA", (STAGE, STAGE), (*metal, 0))
    draw = ImageDraw.Draw(image)
    bent = [(0.5, 0.125), (0.36, 0.128), (0.325, 0.14), (0.315, 0.175)]
    points = [(x * STAGE, y * STAGE) for x, y in bent]
    draw.line(points, (*darken(metal, 0.25), 255), 36, "curve")
    draw.line([(x, y - 8) for x, y in points], (*lighten(metal, 0.25), 255), 9, "curve")
    lay_over(pixels, np.asarray(image))
