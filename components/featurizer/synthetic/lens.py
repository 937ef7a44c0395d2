"""What a cheap camera makes of a scene: cast of light, vignette, smear, noise, the traces of JPEG."""

from dataclasses import dataclass

import cv2
import numpy as np

from components.featurizer.frame import Image
from components.featurizer.synthetic.cutout import Cutout
from components.featurizer.synthetic.motion import Pose, corners

_JPEG_QUALITY = 84
_MARGIN = 64


@dataclass(frozen=True)
class Prop:
    """An item on its stand, ready to be placed: the picture, and its size in heights of the item."""

    pixels: Cutout
    width: float
    height: float
    middle: float
    """How far below the upper edge the item's middle lies, likewise."""
    soft: float
    """Blur of a focus that misses a little, in pixels; 0 is sharp."""


def tinted(cutout: Cutout, rng: np.random.Generator) -> Cutout:
    """The cutout in another light: brighter to one side, with a cast."""
    gain = float(rng.uniform(0.92, 1.07)) * rng.uniform(0.95, 1.05, 3)
    side = np.linspace(-1, 1, cutout.shape[1], dtype=np.float32)[None, :, None] * float(rng.uniform(-0.09, 0.09))
    color = cutout[..., :3] * (gain.astype(np.float32) * (1 + side))
    lit = np.minimum(color, cutout[..., 3:])  # never brighter than its alpha: colors are multiplied by it
    return np.dstack([lit.astype(np.uint8), cutout[..., 3]])


def place(scene: Image, prop: Prop, pose: Pose) -> None:
    """Put the prop into the scene, in place."""
    h, w = scene.shape[:2]
    target = corners(pose, prop.width, prop.height, (w, h), prop.middle)
    left, top = (max(0, int(v) - 4) for v in np.floor(target.min(axis=0)))
    right, bottom = (min(limit, int(v) + 5) for limit, v in zip((w, h), np.ceil(target.max(axis=0)), strict=True))
    if right - left < 2 or bottom - top < 2:
        return
    ph, pw = prop.pixels.shape[:2]
    source = np.array([(0, 0), (pw, 0), (pw, ph), (0, ph)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, target - np.array([left, top], np.float32))
    seen = cv2.warpPerspective(prop.pixels, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    seen = _smeared(np.asarray(seen, np.uint8), pose, h, prop.soft)
    alpha = 255 - seen[..., 3]
    part = scene[top:bottom, left:right]
    kept = cv2.multiply(part, cv2.merge([alpha, alpha, alpha]), scale=1 / 255)
    part[:] = cv2.add(kept, np.ascontiguousarray(seen[..., :3]))


def _smeared(seen: Cutout, pose: Pose, height: int, soft: float) -> Cutout:
    length = round(pose.speed * height)
    if length > 1:
        seen = np.asarray(cv2.blur(seen, (length, 1) if pose.sideways else (1, length)), np.uint8)
    if soft > 0.2:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), soft), np.uint8)
    return seen


class Lens:
    """The camera's faults, prepared for frames of ``size`` (width, height)."""

    def __init__(self, size: tuple[int, int], rng: np.random.Generator) -> None:
        w, h = size
        y, x = np.linspace(-1, 1, h, dtype=np.float32)[:, None], np.linspace(-1, 1, w, dtype=np.float32)[None, :]
        fall = 255 * (1 - 0.14 * (x * x + y * y) ** 1.2)
        self._vignette = cv2.merge([np.clip(fall, 0, 255).astype(np.uint8)] * 3)
        grain = rng.normal(0, 3.4, (h + _MARGIN, w + _MARGIN, 3))
        self._lighter = np.clip(grain, 0, 255).astype(np.uint8)
        self._darker = np.clip(-grain, 0, 255).astype(np.uint8)

    def expose(self, scene: Image, rng: np.random.Generator) -> Image:
        """The frame as it comes out of the camera; ``scene`` stays as it is."""
        h, w = scene.shape[:2]
        x, y = (int(v) for v in rng.integers(0, _MARGIN, 2))
        seen = cv2.multiply(scene, self._vignette, scale=1 / 255)
        seen = cv2.add(seen, self._lighter[y : y + h, x : x + w])
        seen = cv2.subtract(seen, self._darker[y : y + h, x : x + w])
        _, data = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
