"""Plants in pots."""

import numpy as np
from PIL import Image, ImageDraw

from index_builder.demo.labels import Design
from index_builder.demo.lathe import Finish, Profile, ring, turn
from index_builder.demo.palette import darken, lighten, mix, rgb
from index_builder.demo.patterns import cloth
from index_builder.demo.pen import Pen
from index_builder.demo.studio import STAGE, Bytes, Stage, empty, lay_over
from index_builder.demo.turned import standing


def pot(design: Design, rng: np.random.Generator) -> Stage:
    """A plant in a pot."""
    pixels = empty()
    p = design.palette
    ring(pixels, 0.5, 0.53, 0.222, lighten(p.base, 0.2), 0.1)
    ring(pixels, 0.5, 0.534, 0.2, rgb("3b2a1f"), 0.1)
    _plant(pixels, design.motif, rng)
    body = Profile(
        [(0.53, 0.222), (0.54, 0.226), (0.6, 0.222), (0.606, 0.205), (0.84, 0.165), (0.88, 0.155), (0.888, 0.145)]
    )
    w, h = body.art_size()
    art = cloth((w * 2, h * 2), design.pattern, p, w * 2 // 10)
    ImageDraw.Draw(art).rectangle((0, 0, 2 * w, 0.2 * 2 * h), p.base)
    turn(pixels, body, art.reduce(2), Finish(0.5))
    return standing(pixels, body, 0.158)


def _plant(pixels: Bytes, kind: str, rng: np.random.Generator) -> None:
    image = Image.new("RGBA", (STAGE, STAGE), (60, 110, 70, 0))
    solid = Image.new("RGB", (STAGE, STAGE), (1, 2, 3))
    _PLANTS.get(kind, _fern)(Pen(solid, STAGE / 2, 0.54 * STAGE, 0.42 * STAGE), rng)
    drawn = np.asarray(solid)
    alpha = np.any(drawn != (1, 2, 3), axis=-1)
    rgba = np.dstack([drawn, alpha.astype(np.uint8) * 255])
    lay_over(pixels, rgba)
    image.close()


def _fern(pen: Pen, rng: np.random.Generator) -> None:
    for i, angle in enumerate(np.linspace(-165, -15, 17)):
        green = mix(rgb("2f6b3b"), rgb("74b06a"), float(rng.random()))
        pen.leaf(0, 0.0, 0.62 + 0.36 * float(rng.random()) + 0.1 * (i % 2), float(angle), green, darken(green, 0.25))


def _spears(pen: Pen, rng: np.random.Generator) -> None:
    for i, x in enumerate(np.linspace(-0.28, 0.28, 9)):
        green, lean = mix(rgb("3c7a54"), rgb("27523d"), i % 2), float(x) * 1.2
        tip = 0.7 + 0.32 * float(rng.random())
        blade = [
            (x - 0.06, 0.02),
            (x + lean * 0.5 - 0.075, -tip * 0.5),
            (x + lean, -tip),
            (x + lean * 0.5 + 0.075, -tip * 0.5),
            (x + 0.06, 0.02),
        ]
        pen.blob([(float(a), float(b)) for a, b in blade], green)
        pen.stroke([(float(x), 0.0), (float(x + lean * 0.9), -tip * 0.85)], 0.018, rgb("c9d68a"))


def _round_leaves(pen: Pen, rng: np.random.Generator) -> None:
    for i in range(22):
        angle, length = float(rng.uniform(-2.75, -0.4)), float(rng.uniform(0.35, 0.95))
        x, y = length * float(np.cos(angle)) * 0.8, length * float(np.sin(angle))
        pen.stroke([(0, 0.02), (x, y)], 0.014, rgb("5d7f4a"))
        green = mix(rgb("4f9368"), rgb("9cc98a"), i / 21)
        pen.disc(x, y, 0.135, darken(green, 0.18))
        pen.disc(x - 0.01, y - 0.012, 0.122, green)
        pen.stroke([(x - 0.05, y + 0.05), (x + 0.04, y - 0.06)], 0.012, lighten(green, 0.35))


def _cactus_plant(pen: Pen, rng: np.random.Generator) -> None:
    green = rgb("4f8a5f")
    pen.disc(0, -0.34, 0.36, darken(green, 0.15), 0.44)
    for x in np.linspace(-0.28, 0.28, 5):
        pen.disc(float(x), -0.34, 0.1, lighten(green, 0.1 + 0.1 * float(x)), 0.42 - abs(float(x)) * 0.6)
        for y in np.linspace(-0.66, -0.05, 7):
            pen.disc(float(x), float(y) * (1 - abs(float(x)) * 0.4), 0.014, rgb("f5efcf"))
    for angle in range(0, 360, 45):
        pen.leaf(0, -0.8, 0.17, angle, rgb("ef6a8d"))
    pen.disc(0, -0.8, 0.06, rgb("fbd24e"))


def _blooms(pen: Pen, rng: np.random.Generator) -> None:
    for i, angle in enumerate(np.linspace(-150, -30, 7)):
        length = 0.6 + 0.3 * (i % 2) + 0.1 * float(rng.random())
        x, y = length * float(np.cos(np.radians(angle))) * 0.85, length * float(np.sin(np.radians(angle)))
        pen.stroke([(0, 0.02), (x, y)], 0.03, rgb("4f8a4a"))
        pen.leaf(x * 0.45, y * 0.45, 0.3, float(angle) + 55, rgb("5a9a4a"))
        pen.leaf(x * 0.4, y * 0.4, 0.28, float(angle) - 50, rgb("3f7d40"))
        for k in range(8):
            a = np.radians(45 * k + 10 * i)
            pen.disc(
                x + 0.11 * float(np.cos(a)), y + 0.11 * float(np.sin(a)), 0.085, rgb("f0806a" if i % 2 else "f7a85e")
            )
        pen.disc(x, y, 0.075, rgb("7a3b1e"))


def _tulips(pen: Pen, rng: np.random.Generator) -> None:
    for i, x in enumerate((-0.42, -0.2, 0.02, 0.25, 0.45)):
        top = -0.62 - 0.26 * (i % 2) - 0.06 * float(rng.random())
        pen.curve([(x * 0.3, 0.02), (x * 0.7, top * 0.5), (x, top)], 0.032, rgb("4f8a4a"))
        pen.leaf(x * 0.35, 0.0, 0.62, -90 + 60 * x, rgb("5f9d57"), rgb("3f7d40"))
        petal = rgb(("d8324f", "f2b134", "e8708f", "d8324f", "f2b134")[i])
        pen.blob(
            [
                (x - 0.1, top),
                (x - 0.13, top - 0.16),
                (x - 0.04, top - 0.1),
                (x, top - 0.21),
                (x + 0.04, top - 0.1),
                (x + 0.13, top - 0.16),
                (x + 0.1, top),
                (x, top + 0.06),
            ],
            petal,
        )
        pen.blob(
            [
                (x - 0.045, top + 0.02),
                (x - 0.05, top - 0.1),
                (x, top - 0.2),
                (x + 0.05, top - 0.1),
                (x + 0.045, top + 0.02),
            ],
            lighten(petal, 0.22),
        )


_PLANTS = {
    "mint": _round_leaves,
    "tea": _fern,
    "eucalyptus": _spears,
    "cactus": _cactus_plant,
    "sunflower": _blooms,
    "rose": _tulips,
}
