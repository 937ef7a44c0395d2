"""Turned things: cans, jars, bottles, mugs, vases. A flat picture is wrapped around a profile and lit."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from index_builder.demo.palette import RGB
from index_builder.demo.pen import smooth
from index_builder.demo.studio import STAGE, Bytes, Floats, lay_over

TILT = 0.13
"""How much the camera looks down: the height of a circle over its width."""


@dataclass(frozen=True)
class Profile:
    """The outline: (y, radius) from top to bottom in shares of the stage; between them it runs smoothly."""

    points: Sequence[tuple[float, float]]
    x: float = 0.5
    flowing: bool = False
    """Whether the outline swings through its points instead of running straight from one to the next."""

    @property
    def top(self) -> float:
        """Where it begins, in pixels."""
        return self.points[0][0] * STAGE

    @property
    def bottom(self) -> float:
        """Where it ends, in pixels."""
        return self.points[-1][0] * STAGE

    @property
    def widest(self) -> float:
        """The largest radius, in pixels."""
        return max(r for _, r in self.points) * STAGE

    def radii(self) -> Floats:
        """The radius in pixels for every row from top to bottom."""
        outline = np.array(smooth(self.points, closed=False) if self.flowing else self.points) * STAGE
        rows = np.arange(round(self.top), round(self.bottom) + 1)
        radii = np.interp(rows, outline[:, 0], outline[:, 1]).astype(np.float32)
        soft = cv2.GaussianBlur(np.pad(radii, 40, mode="edge")[:, None], (1, 0), sigmaX=1, sigmaY=7)
        return np.asarray(soft[40:-40, 0], np.float32)

    def art_size(self) -> tuple[int, int]:
        """Pixels (width, height) of the picture that is wrapped around the front half."""
        return round(np.pi * self.widest * 0.8), round(self.bottom - self.top)


@dataclass(frozen=True)
class Finish:
    """How the surface takes light: ``gloss`` 0 matte to 1 lacquer; metal from row to row (0 to 1 of the height)."""

    gloss: float = 0.5
    metal: Sequence[tuple[float, float]] = ()
    clear: Sequence[tuple[float, float]] = ()
    """Rows that are glass: brighter in the middle, dark and then light toward the edges."""


_METAL_X = (-1.0, -0.86, -0.66, -0.42, -0.2, 0.1, 0.38, 0.6, 0.78, 0.92, 1.0)
_METAL_Y = (0.42, 0.95, 0.6, 1.16, 0.98, 0.74, 0.62, 0.98, 0.7, 0.5, 0.66)
_CLEAR_X = (-1.0, -0.93, -0.8, -0.5, 0.0, 0.5, 0.82, 0.94, 1.0)
_CLEAR_Y = (1.25, 0.72, 0.86, 1.08, 1.14, 1.02, 0.8, 0.66, 1.15)


def turn(under: Bytes, profile: Profile, art: Image.Image, finish: Finish) -> None:
    """Wrap ``art`` (of the size ``profile.art_size()`` or alike) around the profile and draw it onto ``under``."""
    radii = profile.radii()
    wide = int(profile.widest) + 3
    top, rows = round(profile.top), len(radii) + round(TILT * profile.widest) + 3
    xs = np.arange(-wide, wide + 1, dtype=np.float32)[None, :]
    ys = np.arange(rows, dtype=np.float32)[:, None]
    v, r = _solve(radii, xs, ys)
    nx = np.clip(xs / np.maximum(r, 1), -1, 1)
    coverage = np.clip(r - np.abs(xs) + 0.5, 0, 1) * np.clip(v + 0.5, 0, 1) * np.clip(len(radii) - v - 0.5, 0, 1)
    color = _wrap(art, nx, v / len(radii))
    lit = _light(color, nx, _slope(radii, v), v / len(radii), finish)
    pixels = np.dstack([lit, coverage * 255])
    lay_over(under, np.asarray(pixels + 0.5, np.uint8), round(profile.x * STAGE) - wide, top)


def _solve(radii: Floats, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
    """Which row of the profile each pixel shows (a front point lies lower by its depth), and its radius."""
    v: Floats = np.broadcast_to(ys, (ys.shape[0], xs.shape[1])).astype(np.float32)
    r = _lookup(radii, v)
    for _ in range(4):
        depth = np.sqrt(np.maximum(r * r - xs * xs, 0))
        v = ys - TILT * depth
        r = _lookup(radii, v)
    return v, r


def _lookup(values: Floats, v: Floats) -> Floats:
    """The values at the fractional rows ``v``; the first and the last go on outside."""
    inside = np.clip(v, 0, len(values) - 1.001)
    row = inside.astype(np.int32)
    steps = np.append(np.diff(values), 0).astype(np.float32)
    return np.asarray(values[row] + (inside - row).astype(np.float32) * steps[row], np.float32)


def _slope(radii: Floats, v: Floats) -> Floats:
    steps = np.gradient(radii).astype(np.float32)
    return _lookup(steps, v)


def _wrap(art: Image.Image, nx: Floats, v: Floats) -> Floats:
    picture = np.asarray(art.convert("RGB"))
    map_x = (np.arcsin(nx) / np.pi + 0.5).astype(np.float32) * (picture.shape[1] - 1)
    map_y = v.astype(np.float32) * (picture.shape[0] - 1)
    wrapped = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(wrapped, np.float32)


def _strip(nx: Floats, left: float, right: float, soft: float) -> Floats:
    rise = np.clip((nx - left) / soft, 0, 1) * np.clip((right - nx) / soft, 0, 1)
    return np.asarray(rise * rise * (3 - 2 * rise), np.float32)


def _light(color: Floats, nx: Floats, slope: Floats, v: Floats, finish: Finish) -> Floats:
    nz = np.sqrt(np.maximum(1 - nx * nx, 0))
    tilted = 1 / np.sqrt(1 + slope * slope)
    up = -slope * tilted  # a surface that widens downwards looks up, where the light is
    shade: Floats = 0.5 + 0.62 * np.clip(-0.5 * nx * tilted + 0.86 * nz * tilted + 0.28 * -up, 0, 1.2)
    shade = shade * (1 - 0.34 * np.clip((np.abs(nx) - 0.7) / 0.3, 0, 1) ** 2)
    if finish.clear:
        shade = _mixed(shade, v, finish.clear, np.interp(nx, _CLEAR_X, _CLEAR_Y).astype(np.float32))
    if finish.metal:
        metal = np.interp(nx, _METAL_X, _METAL_Y).astype(np.float32) * (0.95 - 0.3 * up)
        shade = _mixed(shade, v, finish.metal, metal)
    fade = np.clip(np.minimum(v, 1 - v) / 0.04, 0, 1)
    strips = 0.85 * _strip(nx, -0.72, -0.46, 0.09) + 0.3 * _strip(nx, 0.68, 0.86, 0.06)
    shine = finish.gloss * 0.42 * strips * fade
    lit = color * shade[..., None]
    return np.asarray(np.clip(lit + (255 - lit) * shine[..., None], 0, 255), np.float32)


def _mixed(shade: Floats, v: Floats, zones: Sequence[tuple[float, float]], other: Floats) -> Floats:
    for start, end in zones:
        inside = np.clip((v - start) / 0.006, 0, 1) * np.clip((end - v) / 0.006, 0, 1)
        shade = shade + (other - shade) * inside
    return np.asarray(shade, np.float32)


def ring(under: Bytes, x: float, y: float, radius: float, color: RGB, light: float = 0.0) -> None:
    """A horizontal disc seen under the camera's tilt, (x, y, radius) in shares; ``light`` adds a sheen (0 to 1)."""
    wide = round(radius * STAGE) + 3
    high = round(radius * STAGE * TILT) + 3
    xs = np.arange(-wide, wide + 1, dtype=np.float32)[None, :] / (radius * STAGE)
    ys = np.arange(-high, high + 1, dtype=np.float32)[:, None] / (radius * STAGE * TILT)
    distance = np.sqrt(xs * xs + ys * ys)
    coverage = np.clip((1 - distance) * radius * STAGE * TILT + 0.5, 0, 1)
    sheen = 1 + light * (0.35 * np.cos(2 * np.arctan2(ys, xs) + 0.9) - 0.12)
    tone = np.array(color, np.float32) * np.asarray(sheen * (0.93 + 0.1 * ys), np.float32)[..., None]
    pixels = np.dstack([np.clip(tone, 0, 255), coverage * 255])
    lay_over(under, np.asarray(pixels + 0.5, np.uint8), round(x * STAGE) - wide, round(y * STAGE) - high)
