"""What the quality gate refuses: sharp photos (wrongly), blurred and darkened ones (rightly), and what those cost."""

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.crop import GROCERY
from benchmarks.material import default_model
from components.featurizer.crop import Crop
from components.featurizer.decode import decode_picture
from components.featurizer.embedder import Embedder
from components.featurizer.foreground import Scene
from components.featurizer.frame import Image
from components.featurizer.preprocessing import to_input
from components.featurizer.quality import Limits
from components.featurizer.sources.labels import read_photo_list
from components.featurizer.synthetic import SyntheticCamera
from index_builder.demo_catalog import write_demo_catalog

INPUT = 224
EMBEDDED = 60
Damage = Callable[[Image], Image]


def _blur(sigma: float) -> Damage:
    return lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _smear(length: int) -> Damage:
    return lambda image: np.asarray(cv2.blur(image, (length, 1)), np.uint8)


def _darken(share: float) -> Damage:
    return lambda image: (image * share).astype(np.uint8)


DAMAGES: dict[str, Damage] = {
    "as it is": lambda image: image,
    "blurred, sigma 1 px of 224": _blur(1),
    "blurred, sigma 2 px": _blur(2),
    "blurred, sigma 3 px": _blur(3),
    "smeared over 25 px": _smear(25),
    "a third of the light": _darken(0.33),
    "a fifth of the light": _darken(0.2),
    "an eighth of the light": _darken(0.12),
}


def measure() -> dict[str, dict[str, float]]:
    """Share refused of each set of pictures, and how like its embedding stays to that of the picture as it is."""
    embedder = Embedder(default_model(), device="CPU", threads=2)
    sets = {"rendered": _rendered()}
    if GROCERY.exists():
        sets |= {f"photos, {use}": _photos(use) for use in ("teach", "query")}
    likeness_of = next(reversed(sets.values()))[:EMBEDDED]
    sharp = [embedder.embed(image) for image in likeness_of]
    rows = {}
    for name, damage in DAMAGES.items():
        refused = {of: _refused([damage(image) for image in images]) for of, images in sets.items()}
        alike = [float(embedder.embed(damage(i)) @ s) for i, s in zip(likeness_of, sharp, strict=True)]
        rows[name] = {**refused, "cosine": round(float(np.mean(alike)), 3)}
    return rows


def _refused(images: list[Image]) -> float:
    limits, scene = Limits(), Scene(is_loose=True)
    return round(float(np.mean([limits.guidance(Crop(image, None), scene, image) != "" for image in images])), 4)


def _photos(use: str) -> list[Image]:
    photos = read_photo_list(GROCERY / "photos.csv", use)
    return [_seen(decode_picture(photo.path.read_bytes())) for photo in photos]


def _rendered() -> list[Image]:
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        catalog = write_demo_catalog(Path(folder), items=60)
        shown = (image for image, label in SyntheticCamera(catalog, hold_s=0.3).pictures() if label)
        return [_seen(image) for image in itertools.islice(shown, 180)]


def _seen(image: Image) -> Image:
    target = np.empty((INPUT, INPUT, 3), np.uint8)
    to_input(image, target)
    return target
