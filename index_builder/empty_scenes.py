"""Pictures of nothing in particular, made on the spot: what a camera sees while no item is held up."""

import cv2
import numpy as np
import numpy.typing as npt

from components.featurizer.frame import Image

SCENES = 48


def empty_scenes(size: int) -> list[Image]:
    """Counters, walls, shelves out of focus, clutter: always the same ``SCENES`` pictures of ``size`` x ``size``."""
    rng = np.random.default_rng(7)
    return [_scene(number, size, rng) for number in range(SCENES)]


def _scene(number: int, size: int, rng: np.random.Generator) -> Image:
    scene = _light(size, rng)
    if number % 3:
        _clutter(scene, rng, shapes=int(rng.integers(2, 14)))
    blur = int(rng.choice([1, 5, 11, 21]))
    blurred = cv2.GaussianBlur(scene, (blur, blur), 0).astype(np.float32)
    grain = rng.normal(0, float(rng.uniform(1, 7)), blurred.shape)
    return np.asarray(np.clip(blurred + grain, 0, 255), np.uint8)


def _light(size: int, rng: np.random.Generator) -> Image:
    """A plain surface under uneven light, some with an edge where counter and wall meet."""
    mixed = _color(rng)
    across = np.linspace(0, 1, size)[None, :, None] * rng.uniform(-40, 40)
    down = np.linspace(0, 1, size)[:, None, None] * rng.uniform(-40, 40)
    scene = np.broadcast_to(mixed, (size, size, 3)) + across + down
    if rng.random() < 0.5:
        scene[int(size * rng.uniform(0.3, 0.8)) :] += rng.uniform(-50, 50)
    return np.clip(scene, 0, 255).astype(np.uint8)


def _clutter(scene: Image, rng: np.random.Generator, shapes: int) -> None:
    size = scene.shape[0]
    for _ in range(shapes):
        x, y = rng.integers(0, size, 2).tolist()
        width, height = rng.integers(size // 16, size // 2, 2).tolist()
        color = _color(rng).tolist()
        if rng.random() < 0.7:
            cv2.rectangle(scene, (x, y), (x + width, y + height), color, -1)
        else:
            cv2.ellipse(scene, (x, y), (width // 2, height // 2), float(rng.uniform(0, 180)), 0, 360, color, -1)


def _color(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Mostly the muted colors of rooms and furniture."""
    vivid = rng.uniform(25, 235, 3)
    return np.asarray(vivid.mean() + (vivid - vivid.mean()) * rng.uniform(0.1, 0.7))
