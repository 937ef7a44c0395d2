"""The place that the camera looks at: a shop's counter, shelves out of focus behind it, lamps."""

import cv2
import numpy as np

from components.featurizer.frame import Image

Color = tuple[float, float, float]

_WALLS: tuple[Color, ...] = ((150, 172, 184), (168, 160, 140), (140, 156, 176))
_WOODS: tuple[Color, ...] = ((78, 118, 160), (58, 84, 112), (110, 150, 186))
_GOODS: tuple[Color, ...] = (
    (70, 92, 168), (92, 140, 90), (160, 120, 74), (80, 150, 196), (120, 96, 130), (196, 204, 210),
    (70, 70, 78), (110, 150, 170), (120, 168, 200), (150, 140, 96),
)  # fmt: skip


def counters(size: tuple[int, int], rng: np.random.Generator) -> list[Image]:
    """Three views of shops, each (height, width, 3) uint8 for ``size`` (width, height)."""
    return [_counter(size, rng, wall, wood) for wall, wood in zip(_WALLS, _WOODS, strict=True)]


def _counter(size: tuple[int, int], rng: np.random.Generator, wall: Color, wood: Color) -> Image:
    w, h = size
    scene = _wall(w, h, wall)
    boards = (0.27, 0.55, 0.83)
    for y in boards:
        _goods(scene, rng, round(y * h))
        cv2.rectangle(scene, (0, round(y * h)), (w, round((y + 0.035) * h)), _tone(wood, 0.86), -1)
        cv2.rectangle(scene, (0, round((y + 0.035) * h)), (w, round((y + 0.075) * h)), _tone(wall, 0.55), -1)
    blurred = np.asarray(cv2.GaussianBlur(scene, (0, 0), h * 0.024), np.uint8)
    _lamps(blurred, rng)
    _front(blurred, rng, wood)
    return np.asarray(cv2.GaussianBlur(blurred, (0, 0), h * 0.004))


def _wall(w: int, h: int, color: Color) -> Image:
    y = np.linspace(1.12, 0.78, h, dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, w, dtype=np.float32)[None, :, None]
    return np.asarray(np.clip(np.array(color, np.float32) * y * (1 - 0.12 * x * x), 0, 255), np.uint8)


def _tone(color: Color, share: float) -> Color:
    b, g, r = (min(255.0, c * share) for c in color)
    return b, g, r


def _goods(scene: Image, rng: np.random.Generator, floor: int) -> None:
    h, w = scene.shape[:2]
    x = -round(0.02 * w)
    while x < w:
        wide, high = (
            int(rng.integers(round(0.03 * w), round(0.075 * w))),
            int(rng.integers(round(0.1 * h), round(0.22 * h))),
        )
        color = _tone(_GOODS[int(rng.integers(len(_GOODS)))], float(rng.uniform(0.55, 0.95)))
        if rng.random() < 0.8:
            _good(scene, (x, floor - high, x + wide, floor), color, bool(rng.random() < 0.5))
        x += wide + int(rng.integers(2, round(0.02 * w) + 3))


def _good(scene: Image, box: tuple[int, int, int, int], color: Color, is_round: bool) -> None:
    left, top, right, bottom = box
    cv2.rectangle(scene, (left, top), (right, bottom), color, -1)
    if is_round:
        middle = (left + right) // 2
        cv2.rectangle(scene, (left, top), (right, top + (bottom - top) // 6), _tone(color, 0.6), -1)
        cv2.rectangle(scene, (left + 3, top), (left + (middle - left) // 2, bottom), _tone(color, 1.3), -1)
    band = top + (bottom - top) // 3
    cv2.rectangle(scene, (left, band), (right, band + (bottom - top) // 3), _tone(color, 1.45), -1)


def _lamps(scene: Image, rng: np.random.Generator) -> None:
    h, w = scene.shape[:2]
    glow = np.zeros_like(scene)
    for _ in range(7):
        center = (int(rng.integers(0, w)), int(rng.integers(0, round(0.3 * h))))
        cv2.circle(glow, center, int(rng.integers(round(0.02 * h), round(0.05 * h))), (96, 138, 165), -1, cv2.LINE_AA)
    soft = cv2.addWeighted(cv2.GaussianBlur(glow, (0, 0), 3), 0.6, cv2.GaussianBlur(glow, (0, 0), h * 0.05), 0.7, 0)
    cv2.add(scene, soft, scene)


def _front(scene: Image, rng: np.random.Generator, wood: Color) -> None:
    h, w = scene.shape[:2]
    top = round(0.86 * h)
    grain = rng.standard_normal((h - top, 12)).astype(np.float32)
    lines = cv2.resize(grain, (w, h - top), interpolation=cv2.INTER_CUBIC) * 9
    rows = np.linspace(1.12, 0.8, h - top, dtype=np.float32)[:, None]
    plank = np.array(wood, np.float32) * rows[..., None] + lines[..., None]
    scene[top:] = np.clip(plank, 0, 255)
    cv2.line(scene, (0, top), (w, top), _tone(wood, 1.5), 3, cv2.LINE_AA)
