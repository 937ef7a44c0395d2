"""Illustrations of things to eat and to grow."""

import math
from collections.abc import Callable
from functools import partial

from index_builder.demo.palette import RGB, darken, lighten, mix, rgb
from index_builder.demo.pen import Pen, arc

Motif = Callable[[Pen], None]
GREEN, DEEP_GREEN, CREAM, BROWN = rgb("5a9a4a"), rgb("2f6b3b"), rgb("fff5dc"), rgb("6b4226")


def _shine(pen: Pen, x: float, y: float, r: float, color: RGB) -> None:
    pen.stroke(arc(x, y, r, 195, 250), 0.09 * r / 0.6, lighten(color, 0.55))


def _slice(pen: Pen, rind: RGB, flesh: RGB) -> None:
    pen.disc(0, 0, 1, rind)
    pen.disc(0, 0, 0.9, CREAM)
    for i in range(10):
        a = 36 * i
        wedge = [
            (0.1 * math.cos(math.radians(a)), 0.1 * math.sin(math.radians(a))),
            *arc(0, 0, 0.82, a - 15.5, a + 15.5, 8),
        ]
        pen.poly(wedge, flesh)
        pen.stroke(
            [(wedge[4][0] * 0.55, wedge[4][1] * 0.55), (wedge[4][0] * 0.85, wedge[4][1] * 0.85)],
            0.03,
            lighten(flesh, 0.35),
        )


def _lemon(pen: Pen, skin: RGB) -> None:
    pen.leaf(0.1, -0.62, 0.75, -35, DEEP_GREEN, GREEN)
    pen.blob(
        [
            (-1, 0.25),
            (-0.75, -0.15),
            (-0.3, -0.55),
            (0.35, -0.55),
            (0.75, -0.1),
            (1, 0.1),
            (0.8, 0.4),
            (0.3, 0.72),
            (-0.35, 0.72),
            (-0.8, 0.42),
        ],
        skin,
    )
    pen.stroke(arc(0, 0.08, 0.48, 190, 250), 0.08, lighten(skin, 0.6))
    for x, y in ((0.2, 0.3), (0.38, 0.1), (0.05, 0.48), (-0.15, 0.32)):
        pen.disc(x, y, 0.03, darken(skin, 0.15))


def _berries(pen: Pen, skin: RGB) -> None:
    for angle in (-150, -95, -35):
        pen.leaf(0, -0.25, 0.8, angle, DEEP_GREEN, GREEN)
    spots = [(-0.55, 0.1), (0.55, 0.08), (0, -0.08), (-0.3, 0.5), (0.32, 0.5), (0, 0.85)]
    for i, (x, y) in enumerate(spots):
        color = mix(skin, darken(skin, 0.35), (i % 3) / 3)
        pen.disc(x, y, 0.34, darken(color, 0.35))
        pen.disc(x, y - 0.02, 0.31, color)
        _shine(pen, x, y, 0.2, color)
        pen.disc(x + 0.08, y + 0.06, 0.07, darken(color, 0.4))


def _cherries(pen: Pen, skin: RGB) -> None:
    pen.curve([(-0.45, 0.3), (-0.3, -0.3), (0.2, -0.9)], 0.06, BROWN)
    pen.curve([(0.5, 0.4), (0.5, -0.3), (0.2, -0.9)], 0.06, BROWN)
    pen.leaf(0.2, -0.88, 0.95, 160, DEEP_GREEN, GREEN)
    for x, y in ((-0.47, 0.45), (0.52, 0.55)):
        pen.disc(x, y, 0.44, darken(skin, 0.25))
        pen.disc(x - 0.02, y - 0.02, 0.41, skin)
        _shine(pen, x, y, 0.27, skin)


def _apple(pen: Pen, skin: RGB) -> None:
    body = [
        (0, -0.42),
        (0.4, -0.55),
        (0.85, -0.3),
        (0.85, 0.25),
        (0.5, 0.85),
        (0, 0.78),
        (-0.5, 0.85),
        (-0.85, 0.25),
        (-0.85, -0.3),
        (-0.4, -0.55),
    ]
    pen.blob(body, skin)
    pen.blob([(x * 0.55 + 0.36, y * 0.75 + 0.1) for x, y in body], darken(skin, 0.1))
    pen.curve([(0, -0.4), (0.03, -0.7), (0.15, -0.95)], 0.09, BROWN)
    pen.leaf(0.08, -0.68, 0.62, -20, DEEP_GREEN, GREEN)
    pen.stroke(arc(-0.3, 0.0, 0.36, 175, 245), 0.1, lighten(skin, 0.6))


def _pear(pen: Pen, skin: RGB) -> None:
    pen.blob(
        [
            (0, -0.75),
            (0.28, -0.6),
            (0.36, -0.15),
            (0.7, 0.3),
            (0.5, 0.85),
            (0, 0.97),
            (-0.5, 0.85),
            (-0.7, 0.3),
            (-0.36, -0.15),
            (-0.28, -0.6),
        ],
        skin,
    )
    pen.curve([(0, -0.72), (0.05, -0.9), (0.14, -1)], 0.09, BROWN)
    pen.leaf(0.06, -0.82, 0.62, 15, DEEP_GREEN, GREEN)
    pen.stroke(arc(-0.1, 0.35, 0.4, 165, 230), 0.1, lighten(skin, 0.6))
    for x, y in ((0.25, 0.5), (0.4, 0.3), (0.15, 0.72), (0.3, 0.68)):
        pen.disc(x, y, 0.03, darken(skin, 0.25))


def _strawberry(pen: Pen) -> None:
    red = rgb("e0323f")
    pen.blob(
        [(0, -0.5), (0.55, -0.6), (0.8, -0.2), (0.45, 0.6), (0, 1), (-0.45, 0.6), (-0.8, -0.2), (-0.55, -0.6)], red
    )
    for row, count in enumerate((4, 4, 3, 2)):
        for i in range(count):
            x = (i - (count - 1) / 2) * 0.34
            pen.disc(x + (0.08 if row % 2 else 0), -0.2 + 0.27 * row, 0.04, rgb("ffd98a"), 0.06)
    for angle in (200, 235, 270, 305, 340):
        pen.leaf(0, -0.5, 0.62, angle, GREEN if angle % 2 else DEEP_GREEN)


def _stone_fruit(pen: Pen, skin: RGB, blush: RGB) -> None:
    pen.leaf(0, -0.7, 0.85, -25, DEEP_GREEN, GREEN)
    pen.disc(0, 0.1, 0.86, skin)
    pen.disc(0.26, 0.2, 0.58, mix(skin, blush, 0.55))
    pen.disc(0.36, 0.28, 0.36, mix(skin, blush, 0.85))
    pen.curve([(0, -0.72), (-0.2, -0.2), (-0.1, 0.5)], 0.05, darken(mix(skin, blush, 0.5), 0.15))
    pen.stroke(arc(-0.1, 0.1, 0.62, 185, 235), 0.1, lighten(skin, 0.6))


def _tomato(pen: Pen, skin: RGB) -> None:
    pen.disc(0, 0.12, 0.92, skin, 0.8)
    pen.disc(0.3, 0.25, 0.5, darken(skin, 0.07), 0.5)
    for angle in range(-90, 270, 60):
        pen.leaf(0, -0.5, 0.5, angle, DEEP_GREEN)
    pen.stroke([(0, -0.5), (0.05, -0.85)], 0.09, DEEP_GREEN)
    pen.stroke(arc(-0.1, 0.15, 0.6, 185, 235), 0.1, lighten(skin, 0.6))


def _olives(pen: Pen, skin: RGB) -> None:
    pen.curve([(-0.95, -0.5), (-0.2, -0.35), (0.9, -0.75)], 0.06, BROWN)
    for x, y, a in ((-0.7, -0.45, -70), (-0.25, -0.38, -60), (0.2, -0.45, -95), (0.55, -0.6, 25), (-0.6, -0.45, 110)):
        pen.leaf(x, y, 0.62, a, DEEP_GREEN if a < -60 else GREEN)
    for x, y in ((-0.3, 0.3), (0.38, 0.2)):
        pen.disc(x, y, 0.33, darken(skin, 0.2), 0.45, 12)
        pen.disc(x - 0.02, y - 0.02, 0.3, skin, 0.42, 12)
        pen.stroke(arc(x, y, 0.2, 190, 245), 0.07, lighten(skin, 0.55))


def _chili(pen: Pen) -> None:
    red = rgb("d62828")
    pen.blob(
        [(0.55, -0.7), (0.85, -0.45), (0.7, 0.2), (0.1, 0.75), (-0.9, 0.9), (-0.2, 0.45), (0.2, -0.05), (0.3, -0.5)],
        red,
    )
    pen.curve([(0.62, -0.3), (0.45, 0.15), (0.05, 0.5)], 0.07, lighten(red, 0.5))
    pen.blob([(0.3, -0.72), (0.6, -0.85), (0.92, -0.6), (0.6, -0.5)], DEEP_GREEN)
    pen.curve([(0.62, -0.75), (0.6, -0.95), (0.4, -1)], 0.1, DEEP_GREEN)


def _wheat(pen: Pen, grain: RGB) -> None:
    for base, lean in ((-0.45, -18), (0.0, 0), (0.45, 18)):
        tip = base + 0.7 * math.sin(math.radians(lean))
        pen.stroke([(base * 0.3, 1), (tip, -0.65)], 0.05, darken(grain, 0.3))
        for i in range(6):
            t = 0.25 + 0.15 * i
            x, y = base * 0.3 + (tip - base * 0.3) * t, 1 - 1.65 * t
            pen.leaf(x, y, 0.32, -90 + lean - 38, grain)
            pen.leaf(x, y, 0.32, -90 + lean + 38, lighten(grain, 0.2))
        pen.leaf(tip, -0.55, 0.36, -90 + lean, grain)


def _honey(pen: Pen) -> None:
    comb, fill = rgb("f3b61f"), rgb("fbd766")
    for i, (x, y) in enumerate(((-0.5, -0.3), (0, -0.58), (0.5, -0.3), (-0.5, 0.28), (0, 0.0), (0.5, 0.28), (0, 0.58))):
        hexagon = [
            (x + 0.31 * math.cos(math.radians(60 * k)), y + 0.31 * math.sin(math.radians(60 * k))) for k in range(6)
        ]
        pen.poly(hexagon, comb if i % 3 else fill)
    pen.disc(0.42, -0.62, 0.3, CREAM, 0.17, -60)
    pen.disc(0.72, -0.55, 0.3, CREAM, 0.17, -30)
    pen.disc(0.52, -0.32, 0.36, rgb("2b2118"), 0.24, 20)
    for x in (0.38, 0.55, 0.7):
        pen.stroke([(x + 0.05, -0.52 + (x - 0.5) * 0.3), (x - 0.05, -0.15 + (x - 0.5) * 0.3)], 0.08, fill)


def _cocoa(pen: Pen) -> None:
    pod, bean = rgb("b5562b"), rgb("5b3420")
    for angle in (-140, -50):
        pen.leaf(0, -0.2, 0.95, angle, DEEP_GREEN, GREEN)
    pen.disc(0, 0.12, 0.5, pod, 0.85, 0)
    for x in (-0.26, 0.0, 0.26):
        pen.curve([(x * 0.5, -0.65), (x * 1.35, 0.1), (x * 0.5, 0.9)], 0.06, darken(pod, 0.3))
    for x, y, t in ((-0.68, 0.72, 30), (0.68, 0.72, -30)):
        pen.disc(x, y, 0.3, bean, 0.2, t)
        pen.disc(x, y - 0.03, 0.18, lighten(bean, 0.25), 0.06, t)


def _bean(pen: Pen) -> None:
    roast = rgb("5a3522")
    for x, y, turn, size in ((-0.4, -0.1, -28, 0.85), (0.42, 0.22, 32, 0.8)):
        pen.disc(x, y, 0.5 * size, darken(roast, 0.3), 0.78 * size, turn)
        pen.disc(x - 0.03, y - 0.03, 0.46 * size, roast, 0.74 * size, turn)
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        line = [(0.05, -0.66), (-0.1, -0.25), (0.1, 0.2), (-0.03, 0.66)]
        pen.curve([(x + size * (u * c - v * s), y + size * (u * s + v * c)) for u, v in line], 0.07, rgb("2a160c"))


def _sprig(pen: Pen, leaf: RGB, vein: RGB) -> None:
    pen.curve([(-0.05, 1), (0.03, 0.2), (0, -0.65)], 0.06, darken(leaf, 0.25))
    for i in range(4):
        y = 0.7 - 0.4 * i
        length = 0.82 - 0.1 * i
        pen.leaf(0, y, length, -35 - 5 * i, leaf, vein)
        pen.leaf(0, y - 0.08, length, 215 + 5 * i, lighten(leaf, 0.12), vein)
    pen.leaf(0, -0.55, 0.48, -90, leaf, vein)


def _lavender(pen: Pen, bloom: RGB) -> None:
    for x, top in ((-0.6, -0.55), (-0.2, -0.85), (0.2, -0.9), (0.6, -0.6)):
        pen.curve([(x * 0.15, 1), (x * 0.6, 0.3), (x, top)], 0.045, GREEN)
        for i in range(6):
            y = top + 0.15 * i
            width = 0.13 + 0.015 * i
            color = mix(bloom, lighten(bloom, 0.4), (i % 2))
            pen.disc(x - width * 0.6 - 0.03 * i * x, y, width * 0.75, color, 0.1, -25)
            pen.disc(x + width * 0.6 - 0.03 * i * x, y, width * 0.75, darken(color, 0.1), 0.1, 25)
    pen.stroke([(-0.22, 0.72), (0.22, 0.72)], 0.11, rgb("e8c07d"))


def _mushroom(pen: Pen, cap: RGB) -> None:
    pen.blob([(-0.25, 0), (0.25, 0), (0.3, 0.6), (0.38, 0.95), (-0.38, 0.95), (-0.3, 0.6)], rgb("f2e3c9"))
    pen.poly([*arc(0, 0.08, 0.95, 180, 360), (0.95, 0.14), (-0.95, 0.14)], cap)
    pen.disc(0, 0.12, 0.95, darken(cap, 0.25), 0.12)
    for x, y, r in ((-0.45, -0.3, 0.14), (0.05, -0.55, 0.16), (0.5, -0.25, 0.12), (-0.1, -0.12, 0.1)):
        pen.disc(x, y, r, CREAM, r * 0.8)


def _fish(pen: Pen, skin: RGB) -> None:
    pen.poly([(0.55, 0), (1.05, -0.45), (0.92, 0), (1.05, 0.45)], darken(skin, 0.2))
    pen.blob([(-0.95, 0.05), (-0.5, -0.4), (0.1, -0.42), (0.72, 0), (0.1, 0.42), (-0.5, 0.4)], skin)
    pen.blob([(-0.1, -0.38), (0.1, -0.72), (0.42, -0.25)], darken(skin, 0.2))
    pen.stroke(arc(-0.75, 0, 0.36, -55, 55), 0.05, darken(skin, 0.35))
    for i in range(3):
        for k in (-1, 0, 1):
            pen.stroke(arc(-0.2 + 0.22 * i, 0.17 * k, 0.1, -60, 60, 8), 0.04, lighten(skin, 0.5))
    pen.disc(-0.66, -0.08, 0.09, CREAM)
    pen.disc(-0.66, -0.08, 0.05, rgb("1b1b1b"))


def _daisy(pen: Pen, petal: RGB, heart: RGB) -> None:
    for i in range(14):
        a = 360 / 14 * i
        c, s = math.cos(math.radians(a)), math.sin(math.radians(a))
        pen.disc(0.6 * c, 0.6 * s, 0.38, mix(petal, darken(petal, 0.1), i % 2), 0.13, a)
    pen.disc(0, 0, 0.31, heart)
    pen.disc(-0.05, -0.05, 0.2, lighten(heart, 0.25))


def _rose(pen: Pen, petal: RGB) -> None:
    pen.leaf(0.1, 0.5, 0.85, 35, DEEP_GREEN, GREEN)
    pen.leaf(-0.1, 0.5, 0.85, 145, DEEP_GREEN, GREEN)
    for ring, (r, count) in enumerate(((0.58, 7), (0.4, 6), (0.22, 4))):
        for i in range(count):
            a = math.radians(360 / count * i + 25 * ring)
            shade = mix(lighten(petal, 0.25), darken(petal, 0.3), ring / 2.5 + 0.12 * (i % 2))
            pen.disc(r * math.cos(a), r * math.sin(a) - 0.08, 0.36 - 0.07 * ring, shade)
    pen.stroke(
        [(0.13 * t / 9 * math.cos(t), 0.13 * t / 9 * math.sin(t) - 0.08) for t in range(1, 12)],
        0.05,
        darken(petal, 0.5),
    )


FOOD: dict[str, Motif] = {
    "orange": partial(_slice, rind=rgb("f28a1e"), flesh=rgb("f9a23b")),
    "grapefruit": partial(_slice, rind=rgb("f2a13f"), flesh=rgb("e8535b")),
    "lime": partial(_slice, rind=rgb("5f9a32"), flesh=rgb("b4d455")),
    "lemon": partial(_lemon, skin=rgb("f7d038")),
    "blueberry": partial(_berries, skin=rgb("45569f")),
    "blackcurrant": partial(_berries, skin=rgb("4b2a5f")),
    "raspberry": partial(_berries, skin=rgb("d83a5d")),
    "cherry": partial(_cherries, skin=rgb("c81d3c")),
    "apple": partial(_apple, skin=rgb("d8373b")),
    "green_apple": partial(_apple, skin=rgb("8cb63c")),
    "pear": partial(_pear, skin=rgb("c8cf4a")),
    "strawberry": _strawberry,
    "peach": partial(_stone_fruit, skin=rgb("fbb45f"), blush=rgb("e8604c")),
    "mango": partial(_stone_fruit, skin=rgb("f9c136"), blush=rgb("d9603b")),
    "plum": partial(_stone_fruit, skin=rgb("7a3f86"), blush=rgb("4a2160")),
    "tomato": partial(_tomato, skin=rgb("dd3d2a")),
    "pumpkin": partial(_tomato, skin=rgb("e98a2b")),
    "olive": partial(_olives, skin=rgb("7f8c35")),
    "chili": _chili,
    "wheat": partial(_wheat, grain=rgb("e0ac4a")),
    "honey": _honey,
    "cocoa": _cocoa,
    "coffee": _bean,
    "mint": partial(_sprig, leaf=rgb("4fa36a"), vein=rgb("a9dcb0")),
    "tea": partial(_sprig, leaf=rgb("4d7c3a"), vein=rgb("a3c585")),
    "eucalyptus": partial(_sprig, leaf=rgb("6f9f93"), vein=rgb("c3dcd4")),
    "lavender": partial(_lavender, bloom=rgb("8a6fc0")),
    "mushroom": partial(_mushroom, cap=rgb("b5543a")),
    "sardine": partial(_fish, skin=rgb("5f9db8")),
    "salmon": partial(_fish, skin=rgb("ee8a6d")),
    "daisy": partial(_daisy, petal=rgb("fffaf0"), heart=rgb("f4b528")),
    "sunflower": partial(_daisy, petal=rgb("f6bf26"), heart=rgb("6b4020")),
    "rose": partial(_rose, petal=rgb("de5d7b")),
}
"""Illustrations by name."""
