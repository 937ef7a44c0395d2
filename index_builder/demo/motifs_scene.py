"""Illustrations of places, animals and things; most of them fill a disc."""

import math
from functools import partial

import numpy as np

from index_builder.demo.motifs_food import Motif
from index_builder.demo.palette import RGB, darken, lighten, mix, rgb
from index_builder.demo.pen import Pen, Point, arc

WHITE, INK, GOLD = rgb("fff8ea"), rgb("1d2530"), rgb("f5b841")


def _below(y: float, n: int = 24) -> list[Point]:
    """The part of the unit disc below ``y``."""
    a = math.degrees(math.asin(y))
    return arc(0, 0, 1, a, 180 - a, n)


def _wavy(y: float, height: float, waves: float, phase: float = 0.0) -> list[Point]:
    """The part of the unit disc below a wavy line."""
    edge = math.sqrt(1 - y * y)
    xs = np.linspace(edge, -edge, 40)
    top = [(float(x), y + height * math.sin(waves * math.pi * float(x) + phase)) for x in xs]
    return [*top[::-1][:0], *_below(y), *top[::-1]]


def _mountains(pen: Pen, sky: RGB, rock: RGB) -> None:
    pen.disc(0, 0, 1, sky)
    pen.disc(0.38, -0.35, 0.26, GOLD)
    pen.poly([(-0.93, 0.35), (-0.35, -0.5), (0.2, 0.35)], rock)
    pen.poly([(-0.35, -0.5), (-0.53, -0.23), (-0.4, -0.28), (-0.3, -0.18), (-0.2, -0.27)], WHITE)
    pen.poly([(-0.35, 0.35), (0.25, -0.28), (0.93, 0.35)], darken(rock, 0.25))
    pen.poly([(0.25, -0.28), (0.08, -0.1), (0.2, -0.13), (0.32, -0.05), (0.43, -0.11)], WHITE)
    pen.poly(_wavy(0.32, 0.06, 1.3), mix(rock, rgb("3f7d4e"), 0.75))
    pen.poly(_wavy(0.6, 0.05, 1.1, 1.5), mix(rock, rgb("24523a"), 0.85))


def _waves(pen: Pen, sky: RGB, sea: RGB) -> None:
    pen.disc(0, 0, 1, sky)
    pen.disc(0, -0.12, 0.42, GOLD)
    for i in range(5):
        pen.poly(_wavy(-0.02 + 0.2 * i, 0.06, 2.4, 1.6 * i), mix(lighten(sea, 0.35), darken(sea, 0.3), i / 4))


def _sunrise(pen: Pen, ray: RGB, ground: RGB) -> None:
    pen.disc(0, 0, 1, lighten(ray, 0.72))
    for i in range(12):
        a = 180 + 15 * i
        pen.poly([(0, 0.3), *arc(0, 0, 1, a + 2, a + 9.5, 4)], ray)
    pen.disc(0, 0.3, 0.48, lighten(ray, 0.72))
    pen.disc(0, 0.3, 0.41, ray)
    pen.poly(_below(0.3), ground)
    for i in range(4):
        pen.stroke([(-0.5 + 0.11 * i, 0.45 + 0.13 * i), (0.5 - 0.11 * i, 0.45 + 0.13 * i)], 0.05, lighten(ray, 0.4))


def _moon(pen: Pen, night: RGB) -> None:
    pen.disc(0, 0, 1, night)
    pen.disc(-0.08, -0.05, 0.6, rgb("f7e3a1"))
    pen.disc(0.17, -0.18, 0.52, night)
    for x, y, r in (
        (0.55, -0.35, 0.12),
        (0.35, 0.3, 0.08),
        (0.12, -0.7, 0.07),
        (-0.62, -0.55, 0.07),
        (0.65, 0.2, 0.05),
    ):
        pen.poly(star(x, y, r), rgb("f7e3a1"))
    pen.poly(_wavy(0.66, 0.06, 1.5), lighten(night, 0.18))


def star(x: float, y: float, r: float, points: int = 4, inner: float = 0.38) -> list[Point]:
    """Points of a star."""
    radii = [r if i % 2 == 0 else r * inner for i in range(2 * points)]
    angles = [math.pi * i / points - math.pi / 2 for i in range(2 * points)]
    return [(x + q * math.cos(a), y + q * math.sin(a)) for q, a in zip(radii, angles, strict=True)]


def _boat(pen: Pen, sky: RGB, sea: RGB) -> None:
    pen.disc(0, 0, 1, sky)
    pen.poly([(0.04, -0.75), (0.04, 0.22), (0.62, 0.22)], WHITE)
    pen.poly([(-0.04, -0.6), (-0.04, 0.22), (-0.5, 0.22)], rgb("e4572e"))
    pen.stroke([(0, -0.8), (0, 0.35)], 0.05, rgb("5a3c28"))
    pen.poly([(-0.62, 0.3), (0.68, 0.3), (0.45, 0.58), (-0.42, 0.58)], rgb("5a3c28"))
    pen.poly(_wavy(0.5, 0.05, 2.6), sea)
    pen.poly(_wavy(0.7, 0.05, 2.2, 1.2), darken(sea, 0.25))


def _lighthouse(pen: Pen, sky: RGB, sea: RGB) -> None:
    pen.disc(0, 0, 1, sky)
    for side in (-1, 1):
        pen.poly([(0, -0.47), (side * 0.93, -0.36), (side * 0.82, -0.57)], lighten(rgb("fbe08a"), 0.3))
    pen.poly([(-0.16, -0.35), (0.16, -0.35), (0.27, 0.6), (-0.27, 0.6)], WHITE)
    for i in range(3):
        y = -0.2 + 0.28 * i
        w = 0.18 + 0.03 * i * 1.1
        pen.poly([(-w, y), (w, y), (w + 0.015, y + 0.13), (-w - 0.015, y + 0.13)], rgb("d5392f"))
    pen.poly([(-0.13, -0.58), (0.13, -0.58), (0.13, -0.35), (-0.13, -0.35)], rgb("fbe08a"))
    pen.poly([(-0.2, -0.58), (0.2, -0.58), (0, -0.78)], rgb("d5392f"))
    pen.poly(_wavy(0.5, 0.06, 2.0), sea)
    pen.poly(_wavy(0.7, 0.05, 2.4, 1.0), darken(sea, 0.25))


def _cactus(pen: Pen, sky: RGB) -> None:
    pen.disc(0, 0, 1, sky)
    pen.disc(0.45, -0.4, 0.25, rgb("f26b4e"))
    pen.poly(_wavy(0.45, 0.05, 1.2), rgb("d9954f"))
    body = rgb("3f8a5b")
    pen.stroke([(-0.1, 0.55), (-0.1, -0.5)], 0.3, body)
    pen.curve([(-0.1, 0.15), (-0.5, 0.15), (-0.52, -0.2)], 0.2, body)
    pen.curve([(-0.1, 0.28), (0.32, 0.26), (0.33, -0.05)], 0.2, body)
    for x in (-0.18, -0.02):
        pen.stroke([(x, 0.5), (x, -0.5)], 0.025, lighten(body, 0.4))
    pen.disc(-0.1, -0.66, 0.09, rgb("f0527a"))


def _pines(pen: Pen, sky: RGB, tree: RGB) -> None:
    pen.disc(0, 0, 1, sky)
    pen.disc(-0.3, -0.35, 0.24, WHITE)
    pen.poly(_wavy(0.25, 0.08, 1.1), lighten(tree, 0.35))
    for x, y, s in ((-0.55, 0.45, 0.8), (0.55, 0.4, 0.9), (0.0, 0.6, 1.25)):
        for k in range(3):
            top, w = y - s * (0.25 + 0.25 * k) - 0.15 * s, s * (0.34 - 0.07 * k)
            pen.poly(
                [(x - w, top + 0.38 * s), (x + w, top + 0.38 * s), (x, top)], mix(tree, darken(tree, 0.35), 1 - s / 1.3)
            )
        pen.stroke([(x, y), (x, y + 0.1)], 0.08, rgb("5a3c28"))
    pen.poly(_wavy(0.66, 0.04, 1.4), darken(tree, 0.35))


def _city(pen: Pen, sky: RGB, wall: RGB) -> None:
    pen.disc(0, 0, 1, sky)
    pen.disc(0.3, -0.4, 0.3, lighten(GOLD, 0.3))
    for i, (x, top) in enumerate(((-0.72, -0.05), (-0.42, -0.4), (-0.12, 0.0), (0.16, -0.62), (0.48, -0.2))):
        color = mix(wall, darken(wall, 0.4), (i % 3) / 2)
        pen.poly([(x, top), (x + 0.28, top), (x + 0.28, 0.6), (x, 0.6)], color)
        for row in range(int((0.5 - top) / 0.16)):
            for col in (0.06, 0.17):
                pen.poly(
                    [
                        (x + col, top + 0.08 + 0.16 * row),
                        (x + col + 0.06, top + 0.08 + 0.16 * row),
                        (x + col + 0.06, top + 0.16 + 0.16 * row),
                        (x + col, top + 0.16 + 0.16 * row),
                    ],
                    rgb("ffe09a"),
                )
    pen.poly(_below(0.58), darken(wall, 0.55))


def _whale(pen: Pen, sea: RGB) -> None:
    pen.disc(0, 0, 1, lighten(sea, 0.75))
    pen.blob(
        [
            (-0.78, 0.1),
            (-0.55, -0.3),
            (0, -0.38),
            (0.4, -0.05),
            (0.62, -0.2),
            (0.78, -0.5),
            (0.85, -0.15),
            (0.6, 0.25),
            (0.1, 0.45),
            (-0.5, 0.45),
        ],
        sea,
    )
    pen.blob([(-0.75, 0.18), (-0.2, 0.3), (0.2, 0.36), (-0.1, 0.46), (-0.55, 0.42)], WHITE)
    pen.disc(-0.52, -0.02, 0.05, INK)
    for x in (-0.42, -0.2):
        pen.curve([(-0.3, -0.42), (-0.31, -0.65), (x - 0.04 if x < -0.3 else x + 0.04, -0.8)], 0.05, lighten(sea, 0.3))
    pen.poly(_wavy(0.55, 0.05, 2.5), lighten(sea, 0.3))


def _bird(pen: Pen, feather: RGB) -> None:
    pen.curve([(-0.9, 0.7), (0, 0.62), (0.9, 0.78)], 0.07, rgb("6b4a30"))
    pen.leaf(0.5, 0.68, 0.5, -50, rgb("5a9a4a"))
    pen.poly([(0.35, 0.1), (0.98, 0.42), (0.82, 0.55), (0.3, 0.4)], darken(feather, 0.3))
    pen.blob(
        [(-0.55, -0.35), (-0.3, -0.62), (0.02, -0.4), (0.4, 0.05), (0.38, 0.45), (-0.1, 0.6), (-0.5, 0.3)], feather
    )
    pen.blob([(-0.45, 0.1), (-0.2, 0.0), (0.02, 0.35), (-0.15, 0.55), (-0.42, 0.35)], lighten(feather, 0.65))
    pen.blob([(-0.1, -0.15), (0.35, 0.1), (0.5, 0.38), (0.1, 0.3)], darken(feather, 0.2))
    pen.poly([(-0.52, -0.42), (-0.82, -0.3), (-0.52, -0.25)], GOLD)
    pen.disc(-0.33, -0.4, 0.06, INK)


def _cat(pen: Pen, fur: RGB) -> None:
    for side in (-1, 1):
        pen.poly([(side * 0.75, -0.85), (side * 0.82, 0.0), (side * 0.15, -0.45)], fur)
        pen.poly([(side * 0.68, -0.62), (side * 0.7, -0.2), (side * 0.36, -0.42)], rgb("f2a7a0"))
    pen.disc(0, 0.1, 0.82, fur, 0.72)
    for side in (-1, 1):
        pen.disc(side * 0.34, 0.02, 0.14, rgb("f6e27a"), 0.17)
        pen.disc(side * 0.34, 0.02, 0.05, INK, 0.15)
        for k in (-1, 0, 1):
            pen.stroke([(side * 0.4, 0.35 + 0.06 * k), (side * 0.98, 0.32 + 0.14 * k)], 0.025, lighten(fur, 0.6))
    pen.poly([(-0.09, 0.24), (0.09, 0.24), (0, 0.34)], rgb("f2a7a0"))
    pen.curve([(-0.2, 0.48), (-0.05, 0.48), (0, 0.35)], 0.035, darken(fur, 0.6))
    pen.curve([(0.2, 0.48), (0.05, 0.48), (0, 0.35)], 0.035, darken(fur, 0.6))


def _fox(pen: Pen) -> None:
    fur = rgb("e2702f")
    for side in (-1, 1):
        pen.poly([(side * 0.85, -0.95), (side * 0.9, -0.1), (side * 0.2, -0.45)], fur)
        pen.poly([(side * 0.76, -0.7), (side * 0.78, -0.25), (side * 0.42, -0.42)], rgb("3b2318"))
    pen.blob([(-0.9, -0.1), (-0.4, -0.5), (0.4, -0.5), (0.9, -0.1), (0.45, 0.5), (0, 0.92), (-0.45, 0.5)], fur)
    for side in (-1, 1):
        pen.blob([(side * 0.92, -0.05), (side * 0.45, 0.12), (side * 0.1, 0.5), (0, 0.88), (side * 0.45, 0.5)], WHITE)
        pen.disc(side * 0.36, 0.0, 0.075, INK, 0.09)
    pen.disc(0, 0.82, 0.11, INK, 0.09)


def _rocket(pen: Pen, hull: RGB) -> None:
    pen.disc(0, 0, 1, rgb("22305a"))
    for x, y, r in ((-0.6, -0.4, 0.09), (0.6, -0.2, 0.07), (0.5, 0.5, 0.06), (-0.45, 0.45, 0.07), (0.25, -0.75, 0.05)):
        pen.poly(star(x, y, r), rgb("ffe9a8"))
    pen.blob([(-0.13, 0.5), (0.13, 0.5), (0, 0.95)], rgb("f7a440"))
    pen.poly([(-0.4, 0.55), (-0.2, 0.05), (0.2, 0.05), (0.4, 0.55)], darken(hull, 0.25))
    pen.blob([(0, -0.8), (0.24, -0.3), (0.22, 0.3), (0.15, 0.52), (-0.15, 0.52), (-0.22, 0.3), (-0.24, -0.3)], WHITE)
    pen.blob([(0, -0.8), (0.19, -0.42), (0, -0.38), (-0.19, -0.42)], hull)
    pen.disc(0, -0.08, 0.13, hull)
    pen.disc(0, -0.08, 0.085, rgb("9fd8ef"))


def _balloon(pen: Pen, a: RGB, b: RGB) -> None:
    pen.disc(0, 0, 1, rgb("bfe3f2"))
    for x, y, r in ((-0.6, 0.25, 0.18), (0.62, -0.3, 0.15), (0.55, 0.5, 0.2)):
        pen.disc(x, y, r * 1.7, WHITE, r * 0.5)
        pen.disc(x - 0.05, y - r * 0.4, r, WHITE, r * 0.7)
    for i, w in enumerate((0.56, 0.42, 0.24, 0.08)):
        pen.blob(
            [(0, -0.82), (w, -0.4), (w * 0.8, 0.05), (w * 0.3, 0.4), (-w * 0.3, 0.4), (-w * 0.8, 0.05), (-w, -0.4)],
            a if i % 2 == 0 else b,
        )
    pen.stroke([(-0.12, 0.4), (-0.09, 0.6)], 0.02, INK)
    pen.stroke([(0.12, 0.4), (0.09, 0.6)], 0.02, INK)
    pen.poly([(-0.13, 0.58), (0.13, 0.58), (0.1, 0.78), (-0.1, 0.78)], rgb("8b5a33"))


def _house(pen: Pen, wall: RGB, roof: RGB) -> None:
    pen.disc(0, 0, 1, lighten(wall, 0.65))
    pen.poly(_wavy(0.4, 0.04, 1.2), rgb("7fae62"))
    pen.poly([(-0.5, -0.1), (0.5, -0.1), (0.5, 0.55), (-0.5, 0.55)], wall)
    pen.poly([(-0.65, -0.08), (0, -0.62), (0.65, -0.08)], roof)
    pen.poly([(0.25, -0.6), (0.4, -0.6), (0.4, -0.2), (0.25, -0.3)], darken(roof, 0.2))
    pen.poly([(-0.12, 0.15), (0.12, 0.15), (0.12, 0.55), (-0.12, 0.55)], darken(roof, 0.4))
    for x in (-0.38, 0.2):
        pen.poly([(x, 0.05), (x + 0.18, 0.05), (x + 0.18, 0.25), (x, 0.25)], rgb("ffe6a0"))


def _planet(pen: Pen, ball: RGB, ring: RGB) -> None:
    pen.disc(0, 0, 1, rgb("1c2140"))
    for x, y, r in (
        (-0.65, -0.4, 0.09),
        (0.55, -0.62, 0.08),
        (0.7, 0.45, 0.06),
        (-0.4, 0.72, 0.07),
        (-0.1, -0.82, 0.05),
    ):
        pen.poly(star(x, y, r), rgb("ffe9a8"))
    pen.disc(0, 0, 0.5, ball)
    for y, h in ((-0.2, 0.06), (0.05, 0.09), (0.28, 0.05)):
        pen.disc(0, y, math.sqrt(0.25 - y * y) * 0.96, lighten(ball, 0.25), h)
    pen.stroke(
        [
            (x * 0.94 - y * 0.34, x * 0.34 + y * 0.94)
            for x, y in ((0.85 * math.cos(t), 0.2 * math.sin(t)) for t in np.linspace(-0.5, math.pi + 0.5, 40))
        ],
        0.07,
        ring,
    )


def _compass(pen: Pen, face: RGB, needle: RGB) -> None:
    pen.disc(0, 0, 1, face)
    pen.disc(0, 0, 0.86, WHITE)
    pen.disc(0, 0, 0.8, face)
    pen.poly(star(0, 0, 0.5, 4, 0.4), lighten(face, 0.45))
    turned = [((x - y) * 0.707, (x + y) * 0.707) for x, y in star(0, 0, 0.0, 4, 0.3)]
    pen.poly(turned, lighten(face, 0.45))
    pen.poly([(0, -0.75), (0.13, 0), (-0.13, 0)], needle)
    pen.poly([(0, 0.75), (0.13, 0), (-0.13, 0)], WHITE)
    pen.poly([(-0.75, 0), (0, 0.1), (0, -0.1)], WHITE)
    pen.poly([(0.75, 0), (0, 0.1), (0, -0.1)], WHITE)
    pen.disc(0, 0, 0.09, GOLD)


def _rainbow(pen: Pen, colors: tuple[RGB, ...]) -> None:
    for i, color in enumerate(colors):
        r = 1 - 0.19 * i
        pen.poly([*arc(0, 0.5, r, 180, 360), (r, 0.75), (-r, 0.75)], color)
    pen.poly([*arc(0, 0.5, 0.2, 180, 360), (0.2, 0.75), (-0.2, 0.75)], WHITE)


def _bauhaus(pen: Pen, colors: tuple[RGB, ...]) -> None:
    red, yellow, blue, dark = colors
    pen.poly([(-0.9, -0.9), (0, -0.9), (0, 0), (-0.9, 0)], yellow)
    pen.disc(-0.45, -0.45, 0.38, red)
    pen.poly([(0, -0.9), (0.9, -0.9), (0.9, 0), (0, 0)], dark)
    pen.poly([(0, 0), *arc(0, 0, 0.88, -90, 0)], WHITE)
    pen.poly([(-0.9, 0), (0, 0), (0, 0.9), (-0.9, 0.9)], blue)
    pen.poly([(-0.9, 0.9), (0, 0.9), (-0.45, 0.08)], yellow)
    pen.poly([(0, 0), (0.9, 0), (0.9, 0.9), (0, 0.9)], red)
    for i in range(4):
        pen.stroke([(0.1, 0.15 + 0.2 * i), (0.8, 0.15 + 0.2 * i)], 0.08, WHITE)


def _snowflake(pen: Pen, ice: RGB) -> None:
    for i in range(6):
        a = math.radians(60 * i)
        c, s = math.cos(a), math.sin(a)
        pen.stroke([(0, 0), (0.95 * c, 0.95 * s)], 0.08, ice)
        for r in (0.45, 0.7):
            for turn in (-0.9, 0.9):
                pen.stroke(
                    [(r * c, r * s), (r * c + 0.26 * math.cos(a + turn), r * s + 0.26 * math.sin(a + turn))], 0.07, ice
                )


SCENES: dict[str, Motif] = {
    "mountains": partial(_mountains, sky=rgb("f8d9a8"), rock=rgb("5f7a94")),
    "alps": partial(_mountains, sky=rgb("a9d6ef"), rock=rgb("6b6f8f")),
    "waves": partial(_waves, sky=rgb("fde3c0"), sea=rgb("2a7f9e")),
    "sunrise": partial(_sunrise, ray=rgb("f08a3c"), ground=rgb("7a3b2e")),
    "moon": partial(_moon, night=rgb("25305c")),
    "boat": partial(_boat, sky=rgb("bfe3ea"), sea=rgb("2c7da0")),
    "lighthouse": partial(_lighthouse, sky=rgb("41668f"), sea=rgb("1f4b6e")),
    "cactus": partial(_cactus, sky=rgb("fbe3c4")),
    "pines": partial(_pines, sky=rgb("cfe6dc"), tree=rgb("2f6b4f")),
    "city": partial(_city, sky=rgb("f2b8a2"), wall=rgb("4a5585")),
    "whale": partial(_whale, sea=rgb("2f6f9f")),
    "robin": partial(_bird, feather=rgb("d9573b")),
    "bluebird": partial(_bird, feather=rgb("3f7fb8")),
    "cat": partial(_cat, fur=rgb("4a4a55")),
    "fox": _fox,
    "rocket": partial(_rocket, hull=rgb("e4473b")),
    "balloon": partial(_balloon, a=rgb("e4573d"), b=rgb("f7c548")),
    "house": partial(_house, wall=rgb("f0c27b"), roof=rgb("c0503b")),
    "planet": partial(_planet, ball=rgb("e88a52"), ring=rgb("f3dba2")),
    "compass": partial(_compass, face=rgb("27506b"), needle=rgb("e4473b")),
    "rainbow": partial(_rainbow, colors=(rgb("d9573b"), rgb("f0a04b"), rgb("f4cf6d"), rgb("6ea88c"))),
    "bauhaus": partial(_bauhaus, colors=(rgb("d9432f"), rgb("f2b632"), rgb("2c5fa8"), rgb("22242b"))),
    "snowflake": partial(_snowflake, ice=rgb("e9f4fb")),
}
"""Illustrations by name."""
