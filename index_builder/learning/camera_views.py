"""How a camera may see an item, made from its studio picture: held up before clutter, or heaped, in any light.

The same picture gives the same views on every machine: they depend on its hash alone.
"""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from components.featurizer.frame import Image
from index_builder.learning.cutout import Cutout

VERSION = 1
"""Counts up whenever the views change: what was embedded of earlier ones is not used again."""
HEAPED_SHARE = 0.4

Canvas = npt.NDArray[np.float32]
Point = tuple[float, float]


def camera_views(item: Cutout, digest: str, count: int, size: int) -> list[Image]:
    """``count`` views, (size, size, 3), BGR, of the item whose picture has the sha256 ``digest``.

    To ask for more gives the same ones and further ones.
    """
    seeds = (int(digest[:8], 16), int(digest[8:16], 16), VERSION)
    return [_view(item, _pieces(), size, np.random.default_rng([*seeds, number])) for number in range(count)]


def _view(item: Cutout, pieces: Sequence[Cutout], size: int, rng: np.random.Generator) -> Image:
    canvas = _clutter(pieces, size, rng)
    if rng.random() < HEAPED_SHARE:
        _heap(canvas, item, rng)
    else:
        _hold_up(canvas, item, rng)
    return _photographed(canvas, rng)


def _hold_up(canvas: Canvas, item: Cutout, rng: np.random.Generator) -> None:
    """One item, or two or three side by side, large and nearly upright."""
    size = canvas.shape[0]
    several = 1 if rng.random() < 0.75 else int(rng.integers(2, 4))
    length, angle = size * rng.uniform(0.5, 1.15), rng.normal(0, 0.35)
    for number in range(several):
        x = size / 2 + (number - (several - 1) / 2) * length / 2 + rng.normal(0, size / 15)
        y = size / 2 + rng.normal(0, size / 12)
        _paste(canvas, item, (x, y), length, angle + rng.normal(0, 0.05), tilt=0.1, rng=rng)


def _heap(canvas: Canvas, item: Cutout, rng: np.random.Generator) -> None:
    """Many, lying any way round, that fill the view."""
    size = canvas.shape[0]
    length = size * rng.uniform(0.2, 0.53)
    step, angle = length * rng.uniform(0.65, 0.9), rng.uniform(-np.pi, np.pi)
    lines = range(int(np.ceil(size / step)) + 1)
    places = [(x * step, y * step) for y in lines for x in lines]
    if rng.random() < 0.5:
        rng.shuffle(places)
    for x, y in places:
        place = (x + step * rng.uniform(-0.2, 0.2), y + step * rng.uniform(-0.2, 0.2))
        _paste(canvas, item, place, length * rng.uniform(0.85, 1.15), angle + rng.normal(0, 1), tilt=0.08, rng=rng)


def _clutter(pieces: Sequence[Cutout], size: int, rng: np.random.Generator) -> Canvas:
    """A background out of focus."""
    canvas = np.empty((size, size, 3), np.float32)
    canvas[:] = _muted(rng, 0.1, 0.6)
    for _ in range(int(rng.integers(3, 14))):
        piece, (x, y) = pieces[int(rng.integers(len(pieces)))], rng.uniform(0, size, 2)
        _paste(canvas, piece, (x, y), size * rng.uniform(0.22, 0.75), rng.uniform(-0.5, 0.5), tilt=0.1, rng=rng)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.5, 5)))


def _paste(
    canvas: Canvas, item: Cutout, center: Point, length: float, angle: float, *, tilt: float, rng: np.random.Generator
) -> None:
    """Draw ``item`` with its longer side ``length``, turned by ``angle`` (radians), in slight perspective."""
    image, mask = _shrunk(item, length)
    height, width = mask.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    sine, cosine = np.sin(angle), np.cos(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]]) * length / max(height, width)
    target = (corners - [width / 2, height / 2]) @ turn + center + rng.uniform(-tilt, tilt, (4, 2)) * length
    left, top = np.maximum(np.floor(target.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(target.max(axis=0)).astype(int) + 1, canvas.shape[0])
    if right <= left or bottom <= top:
        return
    matrix = cv2.getPerspectiveTransform(corners, (target - [left, top]).astype(np.float32))
    area = (int(right - left), int(bottom - top))
    drawn = cv2.warpPerspective(image, matrix, area, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpPerspective(mask, matrix, area, flags=cv2.INTER_LINEAR)[..., None]
    part = canvas[top:bottom, left:right]
    part += share * (drawn - part)


def _shrunk(item: Cutout, length: float) -> tuple[Image, npt.NDArray[np.float32]]:
    """``item`` at most twice as large as it will be drawn, so that fine patterns do not alias."""
    height, width = item.mask.shape
    scale = 1.5 * length / max(height, width)
    if scale >= 1:
        return item.image, item.mask
    area = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = cv2.resize(item.image, area, interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8), np.asarray(cv2.resize(item.mask, area, interpolation=cv2.INTER_AREA))


def _photographed(canvas: Canvas, rng: np.random.Generator) -> Image:
    """In uneven light of some color, slightly out of focus, with the sensor's noise."""
    size = canvas.shape[0]
    gain = rng.uniform(0.55, 1.15) * (1 + rng.normal(0, 0.07, 3))
    curve = np.linspace(0, 1, 256)[:, None] ** rng.uniform(0.7, 1.7) * gain * 255
    picture = cv2.LUT(np.clip(canvas, 0, 255).astype(np.uint8), curve.astype(np.float32)[None])
    slope = np.linspace(-1, 1, size, dtype=np.float32)
    light = 1 + slope[None, :] * np.float32(rng.normal(0, 0.12)) + slope[:, None] * np.float32(rng.normal(0, 0.12))
    picture = picture * light[..., None]
    gray = picture.mean(axis=2, keepdims=True)
    picture = gray + (picture - gray) * np.float32(rng.uniform(0.7, 1.1))
    picture = cv2.GaussianBlur(picture, (5, 5), rng.uniform(0.3, 1.6))
    picture += rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(rng.uniform(0, 7))
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


@cache
def _pieces() -> tuple[Cutout, ...]:
    """Plain, striped and spotted things to clutter a background with."""
    rng = np.random.default_rng(VERSION)
    return tuple(_piece(rng) for _ in range(60))


def _piece(rng: np.random.Generator) -> Cutout:
    height, width = rng.integers(40, 140, 2).tolist()
    image = np.empty((height, width, 3), np.float32)
    image[:] = _muted(rng, 0.2, 1.2)
    color, stripe, pattern = rng.uniform(10, 245, 3), int(rng.integers(4, 20)), int(rng.integers(4))
    if pattern == 0:
        image[:, (np.arange(width) // stripe) % 2 == 0] = color
    elif pattern == 1:
        image[(np.arange(height) // stripe) % 2 == 0] = color
    elif pattern == 2:  # the third of four patterns
        for _ in range(int(rng.integers(2, 8))):
            place = (int(rng.integers(width)), int(rng.integers(height)))
            cv2.circle(image, place, int(rng.integers(3, 20)), rng.uniform(10, 245, 3).tolist(), -1)
    image *= np.linspace(rng.uniform(0.6, 1), rng.uniform(0.6, 1), width)[None, :, None]
    mask = np.ones((height, width), np.float32)
    if rng.random() < 0.5:
        mask[:] = 0
        cv2.ellipse(mask, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, 1.0, -1)
    return Cutout(np.clip(image, 0, 255).astype(np.uint8), mask)


def _muted(rng: np.random.Generator, low: float, high: float) -> npt.NDArray[np.float64]:
    vivid = rng.uniform(20, 230, 3)
    return np.asarray(vivid.mean() + (vivid - vivid.mean()) * rng.uniform(low, high))
