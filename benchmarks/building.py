"""Building: how long a catalog of many items takes, and how much memory, beside embedding its pictures alone."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.material import default_model
from components.featurizer.decode import decode_picture
from components.featurizer.embedder import Embedder
from components.featurizer.frame import Image
from index_builder.demo_catalog import write_demo_catalog

DRAWN = 144
SAMPLE = 100


def measure(count: int) -> dict[str, dict[str, float]]:
    """Minutes, items a second and the peak of memory of ``index_builder build``, from pictures to the generation."""
    with tempfile.TemporaryDirectory(prefix="lookalike-") as name:
        folder = Path(name)
        pictures = _draw(folder, count)
        alone_s = _embedding_alone_s(pictures) * count
        began = time.perf_counter()
        words = ("build", "--catalog", str(pictures), "--out", str(folder / "index"), "--json", str(folder / "made"))
        subprocess.run([sys.executable, "-m", "index_builder", *words], check=True, stdout=subprocess.DEVNULL)
        taken_s = time.perf_counter() - began
        made = json.loads((folder / "made").read_text())
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "build": {
            "minutes": round(taken_s / 60, 1),
            "items/s": round(count / taken_s, 1),
            "peak_mb": round(peak_mb),
            "recall@10": made["recall_at_10"],
            "times": round(taken_s / alone_s, 2),
        },
        "embedding alone": {"minutes": round(alone_s / 60, 1), "items/s": round(count / alone_s, 1), "times": 1.0},
    }


def _draw(folder: Path, count: int) -> Path:
    """``count`` pictures: those of the demo's items, each time in another color, from another side, from nearer."""
    drawn = write_demo_catalog(folder / "drawn", items=DRAWN).parent / "pictures"
    sources = [decode_picture(path.read_bytes()) for path in sorted(drawn.iterdir())]
    rng = np.random.default_rng(0)
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(count):
        picture = _varied(sources[number % len(sources)], rng)
        cv2.imwrite(str(pictures / f"item-{number:05}.jpg"), picture)
    return pictures


def _varied(picture: Image, rng: np.random.Generator) -> Image:
    height, width = picture.shape[:2]
    top, left = (int(rng.integers(0, 1 + side // 8)) for side in (height, width))
    part = picture[top : height - top, left : width - left]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    hsv = cv2.cvtColor(part, cv2.COLOR_BGR2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(np.int64) + int(rng.integers(0, 180))) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def _embedding_alone_s(pictures: Path) -> float:
    """Seconds to read and embed one picture, one after the other, on all cores; the mean of some."""
    embedder = Embedder(default_model())
    sample = sorted(pictures.iterdir())[:SAMPLE]
    embedder.embed(decode_picture(sample[0].read_bytes()))
    began = time.perf_counter()
    for path in sample:
        embedder.embed(decode_picture(path.read_bytes()))
    return (time.perf_counter() - began) / len(sample)
