"""What the benchmarks work on: a model, pictures, and generations of any size."""

import tempfile
from pathlib import Path

import cv2
import numpy as np

from components.core.decisions import Thresholds
from components.core.generations import Manifest, ModelRef, SegmentRef
from components.core.items import Item, Row, encode_rows
from components.core.projection import Projection, encode_projection, identity
from components.core.segments import Segment, Vectors, encode_segment
from components.featurizer.frame import Image
from components.featurizer.model import Model
from components.store import Store
from index_builder.learning.discriminant import unit, whitening
from index_builder.learning.learn import USUAL_SHRINKAGE
from index_builder.learning.material import Domain, Material
from index_builder.learning.metric import fit_metrics, scatter_of
from index_builder.model import make_default_model
from index_builder.tuning import tune

RAW_DIM, DIM = 1280, 128
LEARNED_OF, VIEWS = 1_000, 4
GROCERY = Path(__file__).parents[2] / "shared" / "data" / "grocery"
"""Pictures of groceries (GroceryStoreDataset, MIT), where they lie beside the project."""


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
    """Unit vectors that lie like EfficientNet-Lite0's embeddings of product photos, shape (count, 1280).

    Those have a mean in common and standard deviations that fall as the square root of the direction's rank (0.51,
    0.32, 0.17 and 0.08 of the first one at rank 2, 8, 32 and 128). They come in families of a hundred.
    """
    rng = np.random.default_rng(seed)
    spectrum = (1.0 / np.sqrt(1 + np.arange(RAW_DIM))).astype(np.float32)
    groups = rng.normal(size=(max(1, count // 100), RAW_DIM)).astype(np.float32)
    vectors = groups[rng.integers(0, len(groups), count)]
    vectors += 0.4 * rng.normal(size=(count, RAW_DIM)).astype(np.float32)
    vectors *= spectrum
    vectors += np.float32(0.05)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def learned_projection(raw: Vectors) -> Projection:
    """What the index builder learns of (n, raw_dim) embeddings and views of them, DIM numbers long."""
    items = np.arange(min(LEARNED_OF, len(raw)))
    rng = np.random.default_rng(2)
    views = np.repeat(raw[items], VIEWS, axis=0)
    views += rng.normal(size=views.shape, scale=0.5).astype(np.float32) * views.std(axis=0)
    numbers, none = np.repeat(items, VIEWS), np.empty((0, RAW_DIM), np.float32)
    material = Material(
        Domain(raw[items], items), Domain(unit(views), numbers), numbers, Domain(none, items[:0]), len(items)
    )
    centered = material.centered()
    scatter = scatter_of(centered)
    assert scatter is not None  # there are enough views
    metric = fit_metrics(whitening(scatter).matrix(USUAL_SHRINKAGE), centered, [DIM])[0]
    studio, _, camera = material.means()
    return Projection(studio, camera, metric.matrix)


def make_generation(folder: Path, raw: Vectors, model_digest: str, *, plain: bool = False) -> Store:
    """A generation with one item per raw embedding, projected and tuned as the index builder does.

    ``plain`` ones are searched as they are, RAW_DIM numbers long.
    """
    store = Store(folder)
    projection = identity(RAW_DIM) if plain else learned_projection(raw)
    vectors = projection.catalog(raw)
    settings, _ = tune(vectors)
    items = [Item(item_id=f"item-{n}", title={"": f"Item {n}"}, category=f"c{n % 50}") for n in range(len(raw))]
    segment = SegmentRef(
        vectors=store.write_object(encode_segment(Segment(0, vectors))),
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
        dim=projection.dim,
        segments=(segment,),
        tombstones=(),
        search=settings,
        thresholds=Thresholds(min_score=0.3),
        items=len(raw),
        views=len(raw),
    )
    store.write_manifest(manifest)
    return store
