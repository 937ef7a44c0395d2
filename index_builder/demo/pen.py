"""A pen that draws in units of a motif: (0, 0) is its middle, 1 its half size, y points down."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from index_builder.demo.palette import RGB

Point = tuple[float, float]


class Pen:
    """Draws on an RGB picture around (``cx``, ``cy``); ``size`` is half a motif in pixels, ``turn`` in degrees."""

    def __init__(self, image: Image.Image, cx: float, cy: float, size: float, turn: float = 0.0) -> None:
        self.image, self.size = image, size
        self._draw = ImageDraw.Draw(image)
        self._cx, self._cy = cx, cy
        self._cos, self._sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))

    def at(self, x: float, y: float) -> Point:
        """Pixels of a point."""
        return (
            self._cx + self.size * (x * self._cos - y * self._sin),
            self._cy + self.size * (x * self._sin + y * self._cos),
        )

    def poly(self, points: Sequence[Point], color: RGB) -> None:
        """A filled polygon."""
        self._draw.polygon([self.at(x, y) for x, y in points], fill=color)

    def blob(self, points: Sequence[Point], color: RGB) -> None:
        """A filled smooth shape through the points."""
        self.poly(smooth(points), color)

    def disc(self, x: float, y: float, r: float, color: RGB, ry: float | None = None, turn: float = 0.0) -> None:
        """A filled circle or, with ``ry``, an ellipse turned by ``turn`` degrees."""
        self.poly(ellipse(x, y, r, r if ry is None else ry, turn), color)

    def stroke(self, points: Sequence[Point], width: float, color: RGB) -> None:
        """A line with round ends and joints, ``width`` in units."""
        pixels = [self.at(x, y) for x, y in points]
        thick = max(1, round(width * self.size))
        self._draw.line(pixels, fill=color, width=thick, joint="curve")
        for px, py in (pixels[0], pixels[-1]):
            self._draw.ellipse((px - thick / 2, py - thick / 2, px + thick / 2, py + thick / 2), fill=color)

    def curve(self, points: Sequence[Point], width: float, color: RGB) -> None:
        """A smooth open line through the points."""
        self.stroke(smooth(points, closed=False), width, color)

    def leaf(self, x: float, y: float, length: float, angle: float, color: RGB, vein: RGB | None = None) -> None:
        """A leaf that starts at (x, y) and points to ``angle`` degrees (0 is right, 90 is down)."""
        a = math.radians(angle)
        ts = np.linspace(0, 1, 13)
        side = 0.24 * length * np.sin(np.pi * ts**0.8)
        spine = [(x + length * t * math.cos(a), y + length * t * math.sin(a)) for t in ts]
        nx, ny = -math.sin(a), math.cos(a)
        left = [(px + nx * s, py + ny * s) for (px, py), s in zip(spine, side, strict=True)]
        right = [(px - nx * s, py - ny * s) for (px, py), s in zip(spine, side, strict=True)]
        self.poly(left + right[::-1], color)
        if vein is not None:
            self.stroke([spine[0], spine[-3]], 0.03 * max(length, 0.6), vein)


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0, n: int = 48) -> list[Point]:
    """Points of an ellipse turned by ``turn`` degrees."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    angles = [2 * math.pi * i / n for i in range(n)]
    return [
        (x + rx * math.cos(a) * c - ry * math.sin(a) * s, y + rx * math.cos(a) * s + ry * math.sin(a) * c)
        for a in angles
    ]


def arc(x: float, y: float, r: float, start: float, end: float, n: int = 24) -> list[Point]:
    """Points of a circle's arc from ``start`` to ``end`` degrees."""
    steps = [math.radians(start + (end - start) * i / n) for i in range(n + 1)]
    return [(x + r * math.cos(a), y + r * math.sin(a)) for a in steps]


def smooth(points: Sequence[Point], closed: bool = True, steps: int = 10) -> list[Point]:
    """A Catmull-Rom curve through the points."""
    n = len(points)
    ring = [points[i % n] for i in range(-1, n + 2)] if closed else [points[0], *points, points[-1]]
    curve: list[Point] = []
    for i in range(1, len(ring) - 2):
        p0, p1, p2, p3 = (np.asarray(p) for p in ring[i - 1 : i + 3])
        for t in np.arange(steps) / steps:
            p = 0.5 * (
                2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
            curve.append((float(p[0]), float(p[1])))
    return curve if closed else [*curve, points[-1]]
