"""The studio: light on surfaces, and a soft white set with a shadow under the item."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

SIZE = 640
"""Pixels of a finished picture's side."""
STAGE = 2 * SIZE
"""Items are drawn at twice the size; reducing them smooths the edges."""

Floats = npt.NDArray[np.floating[Any]]
Bytes = npt.NDArray[np.uint8]

LIGHT = np.array([-0.42, -0.5, 0.76], np.float32)
"""Where the light comes from: x right, y down, z to the camera."""


@dataclass(frozen=True)
class Shadow:
    """The shadow under an item: ``floor`` for one that stands at (x, y), else close around one that lies."""

    floor: bool
    x: float = STAGE / 2
    y: float = 0.0
    half_width: float = 0.0
    footprint: tuple[tuple[float, float], ...] = ()
    """The corners of what touches the floor, where it is not round."""


@dataclass
class Stage:
    """What has been drawn so far, RGB with alpha, (STAGE, STAGE, 4) uint8, and the shadow to come."""

    pixels: Bytes
    shadow: Shadow


def empty() -> Bytes:
    """A transparent stage."""
    return np.zeros((STAGE, STAGE, 4), np.uint8)


def lay_over(under: Bytes, over: Bytes, left: int = 0, top: int = 0) -> None:
    """Compose ``over`` onto ``under`` in place, its corner at (left, top); what sticks out is cut off."""
    bx, by, bw, bh = cv2.boundingRect(np.ascontiguousarray(over[..., 3]))
    x0, y0 = max(left + bx, 0), max(top + by, 0)
    x1, y1 = min(left + bx + bw, under.shape[1]), min(top + by + bh, under.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part, target = over[y0 - top : y1 - top, x0 - left : x1 - left], under[y0:y1, x0:x1]
    a = part[..., 3:].astype(np.float32) * np.float32(1 / 255)
    rest = target[..., 3:].astype(np.float32) * np.float32(1 / 255) * (1 - a)
    alpha = a + rest
    scale = 1 / np.maximum(alpha, np.float32(1e-4))
    target[..., :3] = part[..., :3] * (a * scale) + target[..., :3] * (rest * scale) + np.float32(0.5)
    target[..., 3:] = alpha * 255 + 0.5


def noise(shape: tuple[int, int], cell: float, rng: np.random.Generator) -> Floats:
    """Smooth noise, about -1 to 1, with bumps of ``cell`` pixels."""
    h, w = shape
    small = rng.standard_normal((max(3, round(h / cell) + 2), max(3, round(w / cell) + 2))).astype(np.float32)
    return np.asarray(cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC) * np.float32(0.6), np.float32)


def relief(color: Floats, height: Floats, strength: float = 1.0, gloss: float = 0.0) -> Floats:
    """Light a flat picture (0 to 255) as if it had the ``height`` (pixels) of a relief."""
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=0.125) * strength
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=0.125) * strength
    norm = 1 / np.sqrt(dx * dx + dy * dy + 1)
    facing = np.maximum((-dx * LIGHT[0] - dy * LIGHT[1] + LIGHT[2]) * norm, 0)
    lit = color * (0.42 + 0.76 * facing)[..., None]
    if gloss:
        half = LIGHT + np.array([0, 0, 1], np.float32)
        half /= np.linalg.norm(half)
        shine = np.maximum((-dx * half[0] - dy * half[1] + half[2]) * norm, 0)
        for _ in range(5):
            shine = shine * shine
        lit = lit + (gloss * 255 * shine)[..., None]
    return np.asarray(np.clip(lit, 0, 255), np.float32)


def _backdrop() -> Floats:
    y = np.linspace(0, 1, SIZE, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, SIZE, dtype=np.float32)[None, :]
    tone = 250 - 9 * np.clip((y - 0.55) * 2.2, 0, 1) - 5 * (x * x) * (0.4 + 0.6 * y)
    return np.asarray(np.stack([tone, tone, tone + 1.0], axis=-1), np.float32)


def _soft_floor(shadow: Shadow) -> Floats:
    q = SIZE // 4
    wide, close = np.zeros((q, q), np.float32), np.zeros((q, q), np.float32)
    if shadow.footprint:
        corners = np.array(shadow.footprint) * (q / STAGE)
        _fill(wide, (corners - corners.mean(axis=0)) * 1.06 + corners.mean(axis=0) + [2.5, 0.8])
        _fill(close, corners + np.array([0.3, 0.5]))
    else:
        x, y, r = (v * q / STAGE for v in (shadow.x, shadow.y, shadow.half_width))
        _fill(wide, _oval(x + 3, y - 0.5, r * 1.18, r * 0.19))
        _fill(close, _oval(x, y - 1.2, r * 1.06, r * 0.083))
    total = 0.3 * cv2.GaussianBlur(wide, (0, 0), 6.5) + 0.42 * cv2.GaussianBlur(close, (0, 0), 1.8)
    return np.asarray(cv2.resize(total, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC))


def _oval(x: float, y: float, rx: float, ry: float) -> npt.NDArray[np.float64]:
    a = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.stack([x + rx * np.cos(a), y + ry * np.sin(a)], axis=1)


def _fill(mask: Floats, corners: npt.NDArray[np.float64]) -> None:
    hull = cv2.convexHull(np.round(corners * 16).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1.0, cv2.LINE_AA, 4)


def _soft_flat(alpha: Floats) -> Floats:
    quarter = cv2.resize(alpha, (SIZE // 4, SIZE // 4), interpolation=cv2.INTER_AREA)
    near = cv2.warpAffine(quarter, np.array([[1, 0, 1.2], [0, 1, 2]], np.float32), quarter.shape[::-1])
    far = cv2.warpAffine(quarter, np.array([[1, 0, 3], [0, 1, 5]], np.float32), quarter.shape[::-1])
    total = 0.3 * cv2.GaussianBlur(near, (0, 0), 2) + 0.22 * cv2.GaussianBlur(far, (0, 0), 7)
    return np.asarray(cv2.resize(total, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC))


def photograph(stage: Stage) -> Bytes:
    """The finished picture, (SIZE, SIZE, 3) uint8 RGB."""
    alpha8 = stage.pixels[..., 3]
    colors = cv2.multiply(stage.pixels, cv2.merge([alpha8, alpha8, alpha8, np.full_like(alpha8, 255)]), scale=1 / 255)
    small = cv2.resize(colors, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.float32)
    alpha = small[..., 3] / 255
    dark = np.clip(_soft_floor(stage.shadow) if stage.shadow.floor else _soft_flat(alpha), 0, 0.75)
    ground = _backdrop() * (1 - dark[..., None] * np.array([0.92, 0.95, 1.0], np.float32) * 0.9)
    out = ground * (1 - alpha[..., None]) + small[..., :3]
    return np.asarray(np.clip(out + 0.5, 0, 255), np.uint8)
