"""What the benchmarks work on: a model, pictures, and generations of any size."""

import tempfile
from pathlib import Path

import cv2
import numpy as np

from components.core.generations import Manifest, ModelRef, SearchSettings, SegmentRef, Thresholds
from components.core.items import Item, Row, encode_rows
from components.core.projection import encode_projection, fit_svd
from components.core.segments import Segment, Vectors, encode_segment
from components.featurizer.frame import Image
from components.featurizer.model import Model
from components.store import Store
from index_builder.model import make_default_model

RAW_DIM, DIM = 1280, 128


def default_model() -> Model:
    """EfficientNet-Lite0, made on the spot."""
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        return make_default_model(Path(folder))


def camera_picture(width: int = 1920, height: int = 1080) -> Image:
    """A picture with the detail and noise of a camera's."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 255, (height // 60, width // 60, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 5, smooth.shape), 0, 255).astype(np.uint8)


def raw_embeddings(count: int, seed: int = 0) -> Vectors:
    """Unit vectors with the falling spectrum and the clusters of real embeddings, shape (count, 1280)."""
    rng = np.random.default_rng(seed)
    spectrum = (1.0 / np.sqrt(1 + np.arange(RAW_DIM) / 8)).astype(np.float32)
    groups = rng.normal(size=(max(1, count // 20), RAW_DIM)).astype(np.float32)
    vectors = groups[rng.integers(0, len(groups), count)]
    vectors = (vectors + 0.7 * rng.normal(size=(count, RAW_DIM)).astype(np.float32)) * spectrum
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def make_generation(folder: Path, raw: Vectors, model_digest: str, search_k: int = 4000) -> Store:
    """A generation with one item per raw embedding, projected as the index builder does."""
    store = Store(folder)
    projection = fit_svd(raw[:20_000], DIM)
    items = [Item(item_id=f"item-{n}", title={"": f"Item {n}"}, category=f"c{n % 50}") for n in range(len(raw))]
    segment = SegmentRef(
        vectors=store.write_object(encode_segment(Segment(0, projection.catalog(raw)))),
        rows=store.write_rows(encode_rows([Row(n, item) for n, item in enumerate(items)])),
        first_ordinal=0,
        count=len(raw),
    )
    manifest = Manifest(
        seq=1,
        name="benchmark",
        license="CC0-1.0",
        model=ModelRef("benchmark", model_digest, RAW_DIM, "CC0-1.0", "benchmark", {}),
        projection=store.write_object(encode_projection(projection)),
        dim=DIM,
        segments=(segment,),
        tombstones=(),
        search=SearchSettings(search_k=search_k),
        thresholds=Thresholds(min_score=0.3),
        items=len(raw),
        views=len(raw),
    )
    store.write_manifest(manifest)
    return store
