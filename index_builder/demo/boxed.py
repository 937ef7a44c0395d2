"""Products with flat sides: each function draws one item of its kind."""

import numpy as np
from PIL import Image, ImageDraw

from index_builder.demo import labels, lettering
from index_builder.demo.boxes import Corner, View, face, plain, polygon
from index_builder.demo.labels import Design
from index_builder.demo.palette import RGB, darken, lighten, mix, rgb
from index_builder.demo.patterns import cloth
from index_builder.demo.studio import STAGE, Bytes, Shadow, Stage, empty

PAGES = rgb("f4eddc")


def _shadow(view: View) -> Shadow:
    w, h, d = (s / 2 for s in view.size)
    return Shadow(True, footprint=tuple(view.project(x, -h, z) for x, z in ((-w, -d), (w, -d), (w, d), (-w, d))))


def _side_art(size: tuple[int, int], d: Design) -> Image.Image:
    """The narrow side of a pack: a pattern, the title upwards."""
    w, h = size
    art = cloth((w, h), d.pattern, d.palette, max(24, w // 3))
    upright = Image.new("RGB", (round(h * 0.62), round(w * 0.52)), d.palette.deep)
    box = (upright.width * 0.08, upright.height * 0.16, upright.width * 0.92, upright.height * 0.84)
    lettering.write(upright, d.title, box, d.palette.on(d.palette.deep), lettering.BOLD)
    upright = upright.rotate(90, expand=True)
    art.paste(upright, ((w - upright.width) // 2, (h - upright.height) // 2))
    return art


def _pack(view: View, d: Design, top: Image.Image, gloss: float = 0.5) -> Stage:
    pixels, (w, h, depth) = empty(), view.size
    polygon(pixels, _hull(view), mix(d.palette.base, d.palette.deep, 0.5))
    unit = STAGE * view.scale
    face(pixels, _side_art((round(depth * unit), round(h * unit)), d), view.side(), 0.74, 0.16)
    face(pixels, top, view.top(), 1.06, -0.04)
    face(pixels, labels.label((round(w * unit), round(h * unit)), d), view.front(), 1.0, 0.1, gloss)
    return Stage(pixels, _shadow(view))


def _hull(view: View) -> list[Corner]:
    front, side, top = view.front(), view.side(), view.top()
    if view.yaw < 0:
        return [front[0], top[0], top[1], side[2], side[3], front[3]]
    return [side[0], top[1], front[1], front[2], front[3], side[3]]


def cereal(design: Design, rng: np.random.Generator) -> Stage:
    """A tall carton of breakfast cereal."""
    view = View((0.5, 0.72, 0.17), float(rng.choice([-27.0, 27.0])), 9, (0.5, 0.495), 1.0)
    return _pack(view, design, plain((200, 80), design.palette.accent))


def carton(design: Design, rng: np.random.Generator) -> Stage:
    """A drink carton with a gabled top and a screw cap."""
    view = View((0.34, 0.56, 0.34), float(rng.choice([-32.0, 32.0])), 8, (0.5, 0.585), 1.0)
    stage = _pack(view, design, plain((60, 60), design.palette.base), 0.35)
    _gable(stage.pixels, view, design)
    return stage


def _gable(pixels: Bytes, view: View, d: Design) -> None:
    w, h, depth = (s / 2 for s in view.size)
    p, high = d.palette, h + 0.15
    ridge = [view.project(-w, high, 0), view.project(w, high, 0)]
    fin = [view.project(-w, high + 0.055, 0), view.project(w, high + 0.055, 0)]
    left, right = view.project(-w, h, depth), view.project(w, h, depth)
    if view.yaw < 0:
        sloped = [view.project(w, h, depth), view.project(w, h, -depth), ridge[1]]
    else:
        sloped = [view.project(-w, h, -depth), view.project(-w, h, depth), ridge[0]]
    polygon(pixels, sloped, darken(mix(p.base, p.deep, 0.4), 0.32))
    face(pixels, plain((60, 20), mix(p.base, p.paper, 0.25)), [fin[0], fin[1], ridge[1], ridge[0]], 1.0, 0.12)
    face(pixels, plain((160, 80), lighten(p.base, 0.1)), [ridge[0], ridge[1], right, left], 1.08, 0.1)
    x, y = (ridge[0][0] + right[0]) / 2, (ridge[0][1] + right[1]) / 2
    _cap(pixels, x, y - 8, p.accent)


def _cap(pixels: Bytes, x: float, y: float, color: RGB) -> None:
    for lift, radius, tone in (
        (0, 50, darken(color, 0.35)),
        (10, 46, darken(color, 0.15)),
        (20, 46, color),
        (22, 36, lighten(color, 0.18)),
    ):
        ring = [(x + radius * np.cos(a), y - lift + radius * 0.62 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 40)]
        polygon(pixels, [(float(u), float(v)) for u, v in ring], tone)


def tea_box(design: Design, rng: np.random.Generator) -> Stage:
    """A squat box of tea bags, biscuits or the like."""
    view = View((0.58, 0.46, 0.26), float(rng.choice([-30.0, 30.0])), 17, (0.5, 0.53), 1.0)
    unit = STAGE
    top = cloth((round(0.58 * unit), round(0.26 * unit)), design.pattern, design.palette, 70)
    ImageDraw.Draw(top).rectangle((0, top.height * 0.3, top.width, top.height * 0.7), design.palette.deep)
    box = (top.width * 0.1, top.height * 0.36, top.width * 0.9, top.height * 0.64)
    lettering.write(top, design.brand.upper(), box, design.palette.on(design.palette.deep), lettering.SPACED)
    return _pack(view, design, top)


def soap(design: Design, rng: np.random.Generator) -> Stage:
    """A bar of soap in a paper band."""
    view = View((0.66, 0.36, 0.2), float(rng.choice([-24.0, 24.0])), 30, (0.5, 0.53), 1.0)
    pixels, p = empty(), design.palette
    bar = mix(p.base, p.paper, 0.45)
    polygon(pixels, _hull(view), darken(bar, 0.12))
    face(pixels, plain((120, 300), bar), view.side(), 0.78, 0.1)
    top = plain((660, 200), bar)
    top.paste(cloth((340, 200), design.pattern, p, 70), (160, 0))
    face(pixels, top, view.top(), 1.08, -0.04)
    front = plain((round(0.66 * STAGE), round(0.36 * STAGE)), bar)
    band = labels.label((round(front.width * 340 / 660), front.height), design)
    front.paste(band, (round(front.width * 160 / 660), 0))
    face(pixels, front, view.front(), 0.98, 0.1, 0.2)
    return Stage(pixels, _shadow(view))


def book(design: Design, rng: np.random.Generator) -> Stage:
    """A hardback that stands, its spine embossed in gold."""
    view = View((0.46, 0.68, 0.1), 30.0, 10, (0.52, 0.5), 1.0)
    pixels, (w, h, depth), p = empty(), view.size, design.palette
    polygon(pixels, _hull(view), p.deep)
    face(pixels, _pages(), view.top(), 1.0, 0.0)
    face(pixels, _spine((round(depth * STAGE * 1.4), round(h * STAGE)), design), view.side(), 0.86, 0.12, 0.5)
    face(pixels, _cover((round(w * STAGE), round(h * STAGE)), design), view.front(), 1.0, 0.1, 0.4)
    return Stage(pixels, _shadow(view))


def _pages() -> Image.Image:
    art = plain((240, 60), PAGES)
    draw = ImageDraw.Draw(art)
    for y in range(4, 60, 5):
        draw.line((0, y, 240, y), darken(PAGES, 0.12))
    return art


def _spine(size: tuple[int, int], d: Design) -> Image.Image:
    w, h = size
    gold, ground = rgb("e3bf6a"), mix(d.palette.deep, d.palette.base, 0.15)
    shades = np.interp(np.linspace(0, 1, w), [0, 0.25, 0.6, 1], [0.72, 1.1, 1.0, 0.8])
    art = plain((w, h), ground)
    draw = ImageDraw.Draw(art)
    for y in (0.06, 0.075, 0.2, 0.8, 0.925, 0.94):
        draw.rectangle((0, y * h, w, y * h + 4), gold)
    upright = plain((round(h * 0.52), w), ground)
    lettering.write(upright, d.title, (0, w * 0.28, upright.width, w * 0.72), gold, lettering.BOLD)
    art.paste(upright.rotate(-90, expand=True), (0, round(h * 0.24)))
    labels.draw_motif(art, d.motif, (w * 0.2, h * 0.09, w * 0.8, h * 0.185))
    return Image.fromarray(np.clip(np.asarray(art) * shades[None, :, None], 0, 255).astype(np.uint8))


def _cover(size: tuple[int, int], d: Design) -> Image.Image:
    big = Image.new("RGB", (size[0] * 2, size[1] * 2), d.palette.base)
    COVERS[d.layout](big, d, labels.Area(0.08 * big.width, 0.05 * big.height, 0.94 * big.width, 0.95 * big.height))
    art = big.reduce(2)
    pixels = np.asarray(art, np.float32)
    x = np.arange(art.width, dtype=np.float32)
    groove = (
        1 - 0.28 * np.exp(-(((x - 0.045 * art.width) / 7) ** 2)) + 0.14 * np.exp(-(((x - 0.062 * art.width) / 5) ** 2))
    )
    return Image.fromarray(np.clip(pixels * groove[None, :, None], 0, 255).astype(np.uint8))


def _framed(image: Image.Image, d: Design, a: labels.Area) -> None:
    p = d.palette
    draw = ImageDraw.Draw(image)
    for inset, width in ((0.0, 8), (0.02, 3)):
        draw.rectangle(a.box(inset, inset * 0.7, 1 - inset, 1 - inset * 0.7), None, p.accent, width)
    on = p.on(p.base)
    lettering.write_lines(image, d.title, a.box(0.1, 0.07, 0.9, 0.32), on, lettering.TALL)
    labels.draw_motif(image, d.motif, a.box(0.1, 0.34, 0.9, 0.82))
    lettering.write(image, d.note.upper(), a.box(0.16, 0.87, 0.84, 0.92), on, lettering.SPACED)


def _split(image: Image.Image, d: Design, a: labels.Area) -> None:
    p, w, h = d.palette, *image.size
    ImageDraw.Draw(image).rectangle((0, 0, w, 0.36 * h), p.paper)
    lettering.write_lines(image, d.title, a.box(0.04, 0.03, 0.96, 0.27), p.deep, lettering.HEAVY)
    lettering.write(image, d.note, a.box(0.2, 0.28, 0.8, 0.32), p.ink, lettering.SPACED)
    labels.draw_motif(image, d.motif, a.box(0.04, 0.4, 0.96, 0.93))
    lettering.write(image, d.brand, a.box(0.3, 0.955, 0.7, 0.99), p.on(p.base), lettering.PLAIN)


def _woven(image: Image.Image, d: Design, a: labels.Area) -> None:
    p = d.palette
    image.paste(cloth(image.size, d.pattern, p, image.width // 7))
    ImageDraw.Draw(image).rectangle(a.box(0.08, 0.3, 0.92, 0.7), p.paper, p.deep, 8)
    lettering.write_lines(image, d.title, a.box(0.14, 0.34, 0.86, 0.55), p.ink, lettering.BOLD)
    labels.draw_motif(image, d.motif, a.box(0.4, 0.56, 0.6, 0.65))
    lettering.write(image, d.note, a.box(0.2, 0.655, 0.8, 0.685), p.deep, lettering.SPACED)


COVERS = {"panel": _framed, "band": _split, "badge": _woven}


def notebook(design: Design, rng: np.random.Generator) -> Stage:
    """A notebook with a patterned cover and an elastic band, seen from above."""
    view = View((0.56, 0.78, 0.05), -16.0, -6, (0.49, 0.5), 1.0)
    pixels, (w, h, _), p = empty(), view.size, design.palette
    polygon(pixels, _hull(view), PAGES)
    face(pixels, _pages().rotate(90, expand=True), view.side(), 0.9, 0.1)
    size = (round(w * STAGE) * 2, round(h * STAGE) * 2)
    art = cloth(size, design.pattern, p, size[0] // 8)
    area = labels.Area(0, 0, *size)
    draw = ImageDraw.Draw(art)
    draw.rounded_rectangle(area.box(0.2, 0.2, 0.7, 0.5), 40, p.paper, p.deep, 8)
    labels.draw_motif(art, design.motif, area.box(0.3, 0.22, 0.6, 0.39))
    lettering.write(art, design.title, area.box(0.24, 0.4, 0.66, 0.47), p.ink, lettering.BOLD)
    draw.rectangle(area.box(0.0, 0, 0.09, 1), p.deep)
    for x, color in ((0.86, darken(p.accent, 0.3)), (0.863, p.accent), (0.882, darken(p.accent, 0.15))):
        draw.rectangle(area.box(x, 0, x + 0.022 if x < 0.88 else x + 0.004, 1), color)
    face(pixels, art.reduce(2), view.front(), 1.0, 0.06, 0.3)
    return Stage(pixels, Shadow(False))


def chocolate(design: Design, rng: np.random.Generator) -> Stage:
    """A bar of chocolate: paper sleeve, foil at the ends."""
    view = View((0.4, 0.84, 0.045), -17.0, -5, (0.49, 0.5), 1.0)
    pixels, (w, h, _), p = empty(), view.size, design.palette
    polygon(pixels, _hull(view), p.deep)
    face(pixels, plain((30, 400), p.deep), view.side(), 0.8, 0.1)
    art = labels.label((round(w * STAGE), round(h * STAGE)), design)
    foil, high = _foil((art.width, round(art.height * 0.075)), rng), round(art.height * 0.075)
    art = _between(art, foil, high)
    face(pixels, art, view.front(), 1.0, 0.05, 0.5)
    return Stage(pixels, Shadow(False))


def _between(art: Image.Image, foil: Image.Image, high: int) -> Image.Image:
    whole = Image.new("RGB", art.size)
    whole.paste(art.resize((art.width, art.height - 2 * high), Image.Resampling.LANCZOS), (0, high))
    whole.paste(foil, (0, 0))
    whole.paste(foil.transpose(Image.Transpose.ROTATE_180), (0, art.height - high))
    return whole


def _foil(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    w, h = size
    pleats = 0.8 + 0.16 * np.sin(np.linspace(0, 60, w)) + 0.07 * rng.standard_normal(w)
    ends = np.linspace(0.8, 1.1, h)
    tone = np.clip(pleats[None, :] * ends[:, None], 0.3, 1.2)[..., None] * np.array([214, 190, 132])
    return Image.fromarray(np.clip(tone, 0, 255).astype(np.uint8))
