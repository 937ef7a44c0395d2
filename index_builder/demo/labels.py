"""Label layouts: brand, title, illustration and small print, arranged on a ground."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from index_builder.demo import lettering
from index_builder.demo.motifs_food import FOOD
from index_builder.demo.motifs_scene import SCENES
from index_builder.demo.palette import Palette, darken, lighten, mix
from index_builder.demo.patterns import cloth
from index_builder.demo.pen import Pen

MOTIFS = {**FOOD, **SCENES}
FINE = 2
"""Labels are drawn this many times larger and reduced, so that edges come out smooth."""


@dataclass(frozen=True)
class Design:
    """What one item shows: words, colors, illustration, pattern, layout."""

    brand: str
    title: str
    line: str
    note: str
    palette: Palette
    motif: str
    pattern: str
    layout: str


@dataclass(frozen=True)
class Area:
    """The part of a label that faces the camera, in pixels of the label."""

    left: float
    top: float
    right: float
    bottom: float

    def box(self, x0: float, y0: float, x1: float, y1: float) -> lettering.Box:
        """Pixels of a rectangle that is given in shares of the area."""
        w, h = self.right - self.left, self.bottom - self.top
        return self.left + x0 * w, self.top + y0 * h, self.left + x1 * w, self.top + y1 * h


def draw_motif(image: Image.Image, name: str, box: lettering.Box, turn: float = 0.0) -> None:
    """Draw an illustration as large as fits in ``box``."""
    left, top, right, bottom = box
    MOTIFS[name](Pen(image, (left + right) / 2, (top + bottom) / 2, min(right - left, bottom - top) / 2, turn))


def label(size: tuple[int, int], design: Design, inner: float = 0.86) -> Image.Image:
    """The label as a picture of ``size``; words keep to the middle ``inner`` of the width."""
    w, h = size[0] * FINE, size[1] * FINE
    image = Image.new("RGB", (w, h), design.palette.base)
    margin = (1 - inner) / 2 * w
    LAYOUTS[design.layout](image, design, Area(margin, 0.045 * h, w - margin, 0.955 * h))
    return image.reduce(FINE)


def _panel(image: Image.Image, d: Design, a: Area) -> None:
    p, on = d.palette, d.palette.on(d.palette.base)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0.8 * image.height, image.width, image.height), p.deep)
    draw.rectangle((0, 0.785 * image.height, image.width, 0.8 * image.height), p.accent)
    lettering.write(image, d.brand.upper(), a.box(0.1, 0.02, 0.9, 0.075), on, lettering.SPACED)
    _halo(image, a.box(0.04, 0.13, 0.96, 0.56), lighten(p.base, 0.25))
    draw_motif(image, d.motif, a.box(0.12, 0.16, 0.88, 0.53))
    lettering.write_lines(image, d.title, a.box(0.0, 0.58, 1, 0.78), on, lettering.BOLD)
    lettering.write(image, d.line.upper(), a.box(0.08, 0.845, 0.92, 0.895), p.on(p.deep), lettering.SPACED)
    lettering.write(image, d.note, a.box(0.3, 0.93, 0.7, 0.97), mix(p.on(p.deep), p.deep, 0.25), lettering.PLAIN)


def _halo(image: Image.Image, box: lettering.Box, color: tuple[int, int, int]) -> None:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    r = min(box[2] - box[0], box[3] - box[1]) / 2
    ImageDraw.Draw(image).ellipse((x - r, y - r, x + r, y + r), color)


def _band(image: Image.Image, d: Design, a: Area) -> None:
    p = d.palette
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, image.width, image.height), p.paper)
    draw.rectangle((0, 0.56 * image.height, image.width, 0.8 * image.height), p.base)
    for y in (0.545, 0.81):
        draw.rectangle((0, y * image.height, image.width, (y + 0.008) * image.height), p.accent)
    lettering.write(image, d.brand, a.box(0.08, 0.0, 0.92, 0.1), p.deep, lettering.SLANTED)
    draw_motif(image, d.motif, a.box(0.06, 0.13, 0.94, 0.52))
    lettering.write_lines(image, d.title, a.box(0.0, 0.585, 1, 0.78), p.on(p.base), lettering.HEAVY)
    lettering.write(image, d.line.upper(), a.box(0.06, 0.86, 0.94, 0.91), p.deep, lettering.SPACED)
    lettering.write(image, d.note, a.box(0.3, 0.95, 0.7, 0.99), p.base, lettering.PLAIN)


def _badge(image: Image.Image, d: Design, a: Area) -> None:
    p = d.palette
    image.paste(cloth(image.size, d.pattern, p, image.width // 9))
    left, top, right, bottom = a.box(0, 0.14, 1, 0.86)
    draw = ImageDraw.Draw(image)
    x, y, rx = (left + right) / 2, (top + bottom) / 2, (right - left) / 2
    ry = min((bottom - top) / 2, rx * 1.45)
    for grow, color in ((1.0, p.deep), (0.965, p.paper), (0.92, p.deep), (0.905, p.paper)):
        draw.ellipse((x - rx * grow, y - ry * grow, x + rx * grow, y + ry * grow), color)
    inner = Area(x - rx, y - ry, x + rx, y + ry)
    lettering.write(image, d.brand, inner.box(0.26, 0.1, 0.74, 0.19), p.deep, lettering.SLANTED)
    draw_motif(image, d.motif, inner.box(0.2, 0.2, 0.8, 0.56))
    lettering.write_lines(image, d.title, inner.box(0.13, 0.58, 0.87, 0.78), p.ink, lettering.BOLD)
    lettering.write(image, d.line.upper(), inner.box(0.24, 0.8, 0.76, 0.855), p.deep, lettering.SPACED)


def _scene(image: Image.Image, d: Design, a: Area) -> None:
    p, h = d.palette, image.height
    _sky(image, lighten(p.base, 0.45), p.base)
    lettering.write(image, d.brand.upper(), a.box(0.14, 0.02, 0.86, 0.07), p.on(lighten(p.base, 0.4)), lettering.SPACED)
    lettering.write_lines(image, d.title, a.box(0, 0.1, 1, 0.33), p.on(lighten(p.base, 0.2)), lettering.TALL)
    for i, (y, color) in enumerate(
        ((0.62, mix(p.base, p.deep, 0.45)), (0.72, mix(p.base, p.deep, 0.75)), (0.84, p.deep))
    ):
        _hills(image, y * h, color, i)
    draw_motif(image, d.motif, a.box(0.08, 0.36, 0.92, 0.8))
    lettering.write(image, d.line.upper(), a.box(0.1, 0.875, 0.9, 0.925), p.on(p.deep), lettering.SPACED)
    lettering.write(image, d.note, a.box(0.3, 0.95, 0.7, 0.99), p.accent, lettering.PLAIN)


def _sky(image: Image.Image, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> None:
    draw = ImageDraw.Draw(image)
    for i in range(24):
        y = i * image.height * 0.75 / 24
        draw.rectangle((0, y, image.width, y + image.height), mix(top, bottom, i / 23))


def _hills(image: Image.Image, y: float, color: tuple[int, int, int], i: int) -> None:
    w, h = image.size
    pen = Pen(image, 0, 0, 1)
    crest = [(-0.3 * w, y), (0.1 * w, y - (0.05, -0.02, 0.02)[i] * h), (0.45 * w, y + (0.02, -0.04, 0.01)[i] * h)]
    crest += [(0.75 * w, y - (0.03, 0.03, 0.0)[i] * h), (1.3 * w, y + 0.02 * h)]
    pen.blob([*crest, (1.4 * w, 1.4 * h), (-0.4 * w, 1.4 * h)], color)


def _block(image: Image.Image, d: Design, a: Area) -> None:
    p, w, h = d.palette, *image.size
    draw = ImageDraw.Draw(image)
    draw.polygon([(0, 0.45 * h), (w, 0.28 * h), (w, h), (0, h)], p.deep)
    draw.polygon([(0, 0.45 * h), (w, 0.28 * h), (w, 0.31 * h), (0, 0.48 * h)], p.accent)
    on = p.on(p.base)
    lettering.write(image, d.brand, a.box(0.0, 0.01, 1, 0.1), on, lettering.HEAVY)
    lettering.write(image, d.line.upper(), a.box(0.1, 0.13, 0.9, 0.175), on, lettering.SPACED)
    _halo(image, a.box(0.06, 0.21, 0.94, 0.67), p.paper)
    draw_motif(image, d.motif, a.box(0.15, 0.25, 0.85, 0.63))
    lettering.write_lines(image, d.title, a.box(0, 0.69, 1, 0.91), p.on(p.deep), lettering.HEAVY)
    lettering.write(image, d.note, a.box(0.25, 0.945, 0.75, 0.985), p.accent, lettering.PLAIN)


def _plate(image: Image.Image, d: Design, a: Area) -> None:
    p = d.palette
    image.paste(cloth(image.size, d.pattern, p, image.width // 8))
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = a.box(0.0, 0.2, 1, 0.8)
    edge = 0.012 * image.width
    radius = 0.06 * image.width
    draw.rounded_rectangle((left, top, right, bottom), radius, p.paper)
    draw.rounded_rectangle(
        (left + edge, top + edge, right - edge, bottom - edge), radius - edge, None, p.deep, max(2, round(edge / 3))
    )
    inner = Area(left, top, right, bottom)
    lettering.write(image, d.brand.upper(), inner.box(0.14, 0.06, 0.86, 0.12), p.deep, lettering.SPACED)
    draw_motif(image, d.motif, inner.box(0.18, 0.16, 0.82, 0.6))
    lettering.write_lines(image, d.title, inner.box(0.07, 0.63, 0.93, 0.85), p.ink, lettering.BOLD)
    lettering.write(
        image, d.line.upper(), inner.box(0.12, 0.87, 0.88, 0.925), mix(p.deep, p.ink, 0.3), lettering.SPACED
    )


def _quiet(image: Image.Image, d: Design, a: Area) -> None:
    p = d.palette
    ground = mix(p.paper, p.base, 0.16)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, image.width, image.height), ground)
    draw.rectangle((0, 0.93 * image.height, image.width, image.height), p.base)
    lettering.write(image, d.brand, a.box(0.1, 0.03, 0.9, 0.14), p.deep, lettering.TALL)
    draw.line((*a.box(0.36, 0.185, 0.64, 0.185),), fill=p.accent, width=max(3, image.width // 120))
    draw_motif(image, d.motif, a.box(0.14, 0.23, 0.86, 0.6))
    lettering.write_lines(image, d.title, a.box(0.03, 0.64, 0.97, 0.8), p.ink, lettering.PLAIN)
    lettering.write(image, d.line.upper(), a.box(0.1, 0.83, 0.9, 0.875), p.deep, lettering.SPACED)
    lettering.write(image, d.note, a.box(0.3, 0.9, 0.7, 0.935), darken(p.base, 0.35), lettering.PLAIN)


def _rays(image: Image.Image, d: Design, a: Area) -> None:
    p, w, h = d.palette, *image.size
    x, y = w / 2, 0.45 * h
    pen = Pen(image, x, y, 1.2 * max(w, h))
    tone = mix(p.base, p.on(p.base), 0.16)
    for i in range(18):
        pen.poly([(0, 0), _around(20 * i), _around(20 * i + 10)], tone)
    _halo(image, a.box(0.02, 0.2, 0.98, 0.7), p.deep)
    _halo(image, a.box(0.05, 0.215, 0.95, 0.685), p.paper)
    draw_motif(image, d.motif, a.box(0.15, 0.26, 0.85, 0.64))
    ImageDraw.Draw(image).rectangle((0, 0.73 * h, w, 0.9 * h), p.accent)
    lettering.write_lines(image, d.title, a.box(0, 0.74, 1, 0.935), p.on(p.accent), lettering.HEAVY)
    lettering.write(image, d.brand, a.box(0.0, 0.02, 1, 0.15), p.on(p.base), lettering.HEAVY)
    lettering.write(image, d.line.upper(), a.box(0.12, 0.955, 0.88, 0.995), p.on(p.base), lettering.SPACED)


def _around(degrees: float) -> tuple[float, float]:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


LAYOUTS: dict[str, Callable[[Image.Image, Design, Area], None]] = {
    "panel": _panel,
    "band": _band,
    "badge": _badge,
    "scene": _scene,
    "block": _block,
    "plate": _plate,
    "quiet": _quiet,
    "rays": _rays,
}
