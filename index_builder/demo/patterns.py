"""Repeating patterns for labels, mugs and textiles."""

import math
from collections.abc import Callable

from PIL import Image, ImageDraw

from index_builder.demo.palette import Palette, darken, lighten, mix
from index_builder.demo.pen import Pen, arc

Painter = Callable[[Image.Image, Palette, int], None]


def _stripes(image: Image.Image, p: Palette, unit: int) -> None:
    draw = ImageDraw.Draw(image)
    for i, x in enumerate(range(0, image.width, unit)):
        draw.rectangle((x, 0, x + unit // 2, image.height), p.paper if i % 3 else p.accent)


def _bands(image: Image.Image, p: Palette, unit: int) -> None:
    draw = ImageDraw.Draw(image)
    for i, y in enumerate(range(0, image.height, unit)):
        draw.rectangle((0, y, image.width, y + unit // 2), (p.paper, p.deep, p.paper, p.accent)[i % 4])


def _dots(image: Image.Image, p: Palette, unit: int) -> None:
    for row, y in enumerate(range(0, image.height + unit, unit)):
        for i, x in enumerate(range(-(row % 2) * unit // 2, image.width + unit, unit)):
            Pen(image, x, y, unit * 0.26).disc(0, 0, 1, p.accent if (i + row) % 4 == 0 else p.paper)


def _gingham(image: Image.Image, p: Palette, unit: int) -> None:
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, image.width, image.height), p.paper)
    half = mix(p.base, p.paper, 0.5)
    for x in range(0, image.width, 2 * unit):
        draw.rectangle((x, 0, x + unit, image.height), half)
    for y in range(0, image.height, 2 * unit):
        draw.rectangle((0, y, image.width, y + unit), half)
        for x in range(0, image.width, 2 * unit):
            draw.rectangle((x, y, x + unit, y + unit), p.base)


def _tartan(image: Image.Image, p: Palette, unit: int) -> None:
    sett = [(0, 1.5, p.deep, 0.75), (2.1, 0.35, p.paper, 0.6), (2.8, 0.9, p.deep, 0.5), (4.1, 0.25, p.accent, 0.8)]
    across = Image.new("RGB", image.size, p.base)
    for layer, vertical in ((across, True), (image, False)):
        draw = ImageDraw.Draw(layer)
        end = layer.width if vertical else layer.height
        for start in range(0, end, 5 * unit):
            for offset, width, color, share in sett:
                a, b = start + offset * unit, start + (offset + width) * unit
                tone = mix(p.base, color, share)
                draw.rectangle((a, 0, b, layer.height) if vertical else (0, a, layer.width, b), tone)
    image.paste(Image.blend(image, across, 0.5))


def _chevrons(image: Image.Image, p: Palette, unit: int) -> None:
    colors = (p.paper, p.base, p.accent, p.base, p.deep, p.base)
    draw = ImageDraw.Draw(image)
    for i, y in enumerate(range(-2 * unit, image.height + 2 * unit, unit)):
        points = [(x, y + (unit if k % 2 else 0)) for k, x in enumerate(range(0, image.width + 2 * unit, unit))]
        lower = [(x, yy + unit // 2) for x, yy in reversed(points)]
        draw.polygon(points + lower, colors[i % len(colors)])


def _scallops(image: Image.Image, p: Palette, unit: int) -> None:
    rows = range(0, image.height + 2 * unit, unit // 2)
    for row, y in enumerate(rows):
        for i, x in enumerate(range(-(row % 2) * unit // 2, image.width + unit, unit)):
            pen = Pen(image, x, y, unit * 0.5)
            tone = (p.base, mix(p.base, p.deep, 0.5), p.accent)[(i * 2 + row) % 3 if (i + row) % 5 == 0 else (row % 2)]
            for r, color in ((1, p.paper), (0.88, tone), (0.62, p.paper), (0.5, tone), (0.22, p.paper)):
                pen.disc(0, 0, r, color)


def _triangles(image: Image.Image, p: Palette, unit: int) -> None:
    draw = ImageDraw.Draw(image)
    colors = (p.accent, p.paper, p.deep, mix(p.base, p.paper, 0.5), p.base)
    for row, y in enumerate(range(0, image.height, unit)):
        for i, x in enumerate(range(-unit, image.width + unit, unit)):
            left, color = x + (row % 2) * unit // 2, colors[(i * 3 + row * 2 + i * row) % 5]
            draw.polygon([(left, y + unit), (left + unit, y + unit), (left + unit / 2, y)], color)


def _diamonds(image: Image.Image, p: Palette, unit: int) -> None:
    for row, y in enumerate(range(0, image.height + unit, unit)):
        for i, x in enumerate(range((row % 2) * unit // 2, image.width + unit, unit)):
            pen = Pen(image, x, y, unit * 0.5)
            for r, color in (
                (0.95, p.deep),
                (0.7, p.paper),
                (0.45, p.accent if (i + row) % 2 else p.base),
                (0.18, p.paper),
            ):
                pen.poly([(0, -1.5 * r), (r, 0), (0, 1.5 * r), (-r, 0)], color)


def _confetti(image: Image.Image, p: Palette, unit: int) -> None:
    colors = (p.accent, p.paper, p.deep, lighten(p.base, 0.45))
    for row, y in enumerate(range(0, image.height + unit, unit)):
        for i, x in enumerate(range(0, image.width + unit, unit)):
            n = (row * 7 + i * 13 + row * i) % 11
            pen = Pen(image, x + (n - 5) * unit * 0.07, y + ((n * 3) % 7 - 3) * unit * 0.08, unit * 0.33, 33 * n)
            color = colors[(n + i) % 4]
            if n % 4 == 0:
                pen.disc(0, 0, 0.6, color)
            elif n % 4 == 1:
                pen.poly([(-0.7, 0.6), (0.7, 0.6), (0, -0.7)], color)
            elif n % 4 == 2:
                pen.stroke([(-0.9, 0), (-0.45, -0.35), (0, 0.1), (0.45, -0.35), (0.9, 0)], 0.22, color)
            else:
                pen.poly(arc(0, 0, 0.75, 0, 180), color)


def _leaves(image: Image.Image, p: Palette, unit: int) -> None:
    for row, y in enumerate(range(0, image.height + unit, unit)):
        for i, x in enumerate(range((row % 2) * unit // 2, image.width + unit, unit)):
            pen = Pen(image, x, y, unit * 0.5, 25 if (i + row) % 2 else -30)
            color = (p.paper, p.accent, lighten(p.base, 0.4))[(i + 2 * row) % 3]
            pen.stroke([(0, 0.9), (0, -0.3)], 0.07, color)
            for y0, length in ((0.55, 0.62), (0.1, 0.6), (-0.25, 0.5)):
                pen.leaf(0, y0, length, -40, color)
                pen.leaf(0, y0, length, 220, color)
            pen.leaf(0, -0.25, 0.6, -90, color)


def _flowers(image: Image.Image, p: Palette, unit: int) -> None:
    for row, y in enumerate(range(0, image.height + unit, unit)):
        for i, x in enumerate(range((row % 2) * unit // 2, image.width + unit, unit)):
            pen = Pen(image, x, y, unit * (0.42 if (i + row) % 2 else 0.27), 20 * i)
            petal = (p.paper, p.accent)[(i + row) % 2]
            for k in range(5):
                a = math.radians(72 * k)
                pen.disc(0.55 * math.cos(a), 0.55 * math.sin(a), 0.4, petal)
            pen.disc(0, 0, 0.28, p.deep if petal == p.accent else p.accent)


def _ripples(image: Image.Image, p: Palette, unit: int) -> None:
    draw = ImageDraw.Draw(image)
    for row, y in enumerate(range(-unit, image.height + unit, unit // 2)):
        color = (p.paper, mix(p.base, p.deep, 0.6), p.accent, mix(p.base, p.paper, 0.4))[row % 4]
        points = [(x, y + 0.28 * unit * math.sin(x / unit * 1.8 + row * 0.7)) for x in range(0, image.width + 8, 8)]
        draw.line(points, fill=color, width=max(2, unit // 6), joint="curve")


def _terrazzo(image: Image.Image, p: Palette, unit: int) -> None:
    colors = (p.accent, p.base, p.deep, mix(p.base, p.paper, 0.5))
    ImageDraw.Draw(image).rectangle((0, 0, image.width, image.height), p.paper)
    for row, y in enumerate(range(0, image.height + unit, unit)):
        for i, x in enumerate(range(0, image.width + unit, unit)):
            n = (row * 5 + i * 11 + 3 * row * i) % 13
            pen = Pen(
                image, x + (n - 6) * unit * 0.06, y + ((n * 5) % 9 - 4) * unit * 0.07, unit * (0.2 + 0.025 * n), 47 * n
            )
            pen.poly([(-0.9, -0.2), (-0.1, -0.8), (0.8, -0.35), (0.7, 0.6), (-0.35, 0.75)], colors[(n + row) % 4])


def _squares(image: Image.Image, p: Palette, unit: int) -> None:
    draw = ImageDraw.Draw(image)
    colors = (p.base, p.accent, p.deep, p.paper)
    for row, y in enumerate(range(0, image.height, unit)):
        for i, x in enumerate(range(0, image.width, unit)):
            for k in range(4):
                inset = unit * (0.02 + 0.12 * k)
                box = (x + inset, y + inset, x + unit - inset, y + unit - inset)
                draw.rectangle(box, colors[(i + row * 2 + k) % 4])


def _houndstooth(image: Image.Image, p: Palette, unit: int) -> None:
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, image.width, image.height), p.paper)
    u = unit / 4
    tooth = [
        (0, 0),
        (2, 0),
        (2, 1),
        (3, 0),
        (4, 0),
        (2, 2),
        (4, 2),
        (3, 3),
        (2, 3),
        (2, 4),
        (1, 4),
        (2, 3),
        (0, 3),
        (0, 2),
        (-1, 3),
        (-1, 2),
        (0, 1),
    ]
    for y in range(-unit, image.height + unit, unit):
        for x in range(-unit, image.width + unit, unit):
            draw.polygon([(x + a * u, y + b * u) for a, b in tooth], p.deep)


def _argyle(image: Image.Image, p: Palette, unit: int) -> None:
    for row, y in enumerate(range(0, image.height + 2 * unit, unit)):
        for i, x in enumerate(range((row % 2) * unit // 2, image.width + unit, unit)):
            color = (p.accent, p.deep, p.paper)[(row // 2 + i) % 3]
            Pen(image, x, y, unit * 0.5).poly(
                [(0, -2), (1, 0), (0, 2), (-1, 0)] if row % 2 else [(0, -1.2), (0.6, 0), (0, 1.2), (-0.6, 0)], color
            )
    draw = ImageDraw.Draw(image)
    line = darken(p.base, 0.25)
    for x in range(-4 * image.height, image.width + 4 * image.height, unit):
        draw.line([(x, 0), (x + image.height / 2, image.height)], fill=line, width=max(2, unit // 24))
        draw.line([(x, 0), (x - image.height / 2, image.height)], fill=line, width=max(2, unit // 24))


PATTERNS: dict[str, Painter] = {
    "stripes": _stripes,
    "bands": _bands,
    "dots": _dots,
    "gingham": _gingham,
    "tartan": _tartan,
    "chevrons": _chevrons,
    "scallops": _scallops,
    "triangles": _triangles,
    "diamonds": _diamonds,
    "confetti": _confetti,
    "leaves": _leaves,
    "flowers": _flowers,
    "ripples": _ripples,
    "terrazzo": _terrazzo,
    "squares": _squares,
    "houndstooth": _houndstooth,
    "argyle": _argyle,
}
"""What paints a pattern over a picture: (image, palette, size of one repeat in pixels)."""


def cloth(size: tuple[int, int], pattern: str, palette: Palette, unit: int) -> Image.Image:
    """A picture of ``size`` filled with a pattern on the palette's base; "plain" is the base alone."""
    image = Image.new("RGB", size, palette.base)
    if pattern != "plain":
        PATTERNS[pattern](image, palette, unit)
    return image
