"""A catalog becomes an index generation: embed, project, tune, write objects, and the manifest last."""

import dataclasses
import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from components.core.errors import BadContentError, FormatError, UnavailableError
from components.core.generations import Manifest, ModelRef, SegmentRef, Thresholds
from components.core.items import Item, Row, encode_rows
from components.core.projection import encode_projection, fit_svd, identity
from components.core.segments import Segment, Vectors, encode_segment
from components.featurizer.embedder import Embedder
from components.featurizer.model import Model, describe
from components.files import write_whole
from components.store import Store
from index_builder.catalog import Entry, read_catalog
from index_builder.embedding import CatalogEmbedding, Failure, View
from index_builder.embedding_store import EmbeddingStore
from index_builder.empty_scenes import empty_scenes
from index_builder.pictures import Pictures
from index_builder.thresholds import choose_min_score
from index_builder.tuning import tune

SEGMENT_VIEWS = 50_000
A_HANDFUL = 1_000
"""Up to so many views are searched as they are: there is little to gain from shorter vectors."""


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What a build is asked to do."""

    catalog: Path
    out: Path
    name: str
    license: str = "unknown"
    dim: int = 128
    max_failures: int = 10
    threads: int = os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What a build made."""

    generation: int
    unchanged: bool
    """The same input was built before: nothing was written."""
    items: int
    views: int
    failures: int
    dim: int
    recall_at_10: float
    """Of Annoy against exact search, on held-out queries."""
    n_trees: int
    search_k: int
    min_score: float
    model: str
    segments: tuple[str, ...]
    """sha256 of the vectors: the same input gives the same ones."""


def build(
    options: BuildOptions, load_model: Callable[[], Model], announce: Callable[[str, int], Callable[[int], None]]
) -> BuildReport:
    """Build the next generation into ``options.out``; raises BadContentError with more failures than allowed.

    ``announce(what, total)`` is called when a long step begins and gives the function to call for every n done.
    """
    entries = read_catalog(options.catalog)
    _require_folder(options.out)
    model = load_model()
    store = Store(options.out)
    embedder = Embedder(model, device="CPU", cache_dir=None, threads=options.threads)
    views, failures = _embed(entries, embedder, model, options, store, announce)
    _write_failures(options.out / "failures.jsonl", failures)
    if not views:
        first = failures[0]
        raise BadContentError(
            f"None of the catalog's {len(failures)} pictures can be used; the first one: {first.item_id}, "
            f"{first.picture}: {first.reason}"
        )
    if len(failures) > options.max_failures:
        raise BadContentError(
            f"{len(failures)} pictures could not be used, more than --max-failures {options.max_failures}: "
            f"{options.out / 'failures.jsonl'} lists them. No generation was made; what was embedded is kept."
        )
    done = announce("projecting and tuning", 1)
    empty = np.stack(list(embedder.embed_all(empty_scenes(model.preprocessing.size), options.threads)))
    manifest, recall = _generation(views, empty, model, options, store)
    report = _publish(manifest, recall, len(failures), store)
    done(1)
    return report


def _require_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnavailableError(
            f"{out} cannot be written ({reason}): choose a folder of your own with --out."
        ) from error


def _embed(
    entries: list[Entry],
    embedder: Embedder,
    model: Model,
    options: BuildOptions,
    store: Store,
    announce: Callable[[str, int], Callable[[int], None]],
) -> tuple[list[View], list[Failure]]:
    work = options.out / "work"
    kept = EmbeddingStore(work / "embeddings.sqlite", model.digest)
    pictures = Pictures(work / "pictures")
    try:
        done = announce("embedding pictures", sum(len(entry.pictures) for entry in entries))
        embedding = CatalogEmbedding(pictures, embedder, model.preprocessing.size, kept, store)
        return embedding.run(entries, options.threads, done)
    finally:
        pictures.close()
        kept.close()


def _generation(
    views: list[View], empty: Vectors, model: Model, options: BuildOptions, store: Store
) -> tuple[Manifest, float]:
    raw = np.stack([view.embedded.embedding for view in views])
    by_camera = np.array([view.picture.by_camera for view in views])
    projection = identity(model.dim) if len(views) <= A_HANDFUL else fit_svd(raw, min(options.dim, model.dim))
    vectors = np.empty((len(views), projection.dim), np.float32)
    vectors[by_camera] = _round(projection.catalog(raw[by_camera], by_camera=True))
    vectors[~by_camera] = _round(projection.catalog(raw[~by_camera]))
    settings, recall = tune(vectors)
    items = [view.entry.item_id for view in views]
    manifest = Manifest(
        seq=0,
        name=options.name,
        license=options.license,
        model=_write_model(model, store),
        projection=store.write_object(encode_projection(projection)),
        dim=projection.dim,
        segments=_write_segments(_rows(views), vectors, store),
        tombstones=(),
        search=settings,
        thresholds=Thresholds(min_score=choose_min_score(empty, projection, vectors)),
        items=len(set(items)),
        views=len(views),
    )
    return manifest, recall


def _round(vectors: Vectors) -> Vectors:
    """As the device will read them: through fp16."""
    return vectors.astype("<f2").astype(np.float32)


def _rows(views: list[View]) -> list[Row]:
    rows: list[Row] = []
    for _, group in groupby(views, key=lambda view: view.entry.item_id):
        several = list(group)
        item = _item(several[0].entry, several[0].embedded.thumbnail)
        rows += [Row(len(rows) + number, item) for number in range(len(several))]
    return rows


def _item(entry: Entry, thumbnail: str) -> Item:
    return Item(
        item_id=entry.item_id,
        title=entry.title,
        category=entry.category,
        description=entry.description,
        url=entry.url,
        price=entry.price,
        available=entry.available,
        attributes=entry.attributes,
        thumbnail=thumbnail,
    )


def _write_segments(rows: list[Row], vectors: Vectors, store: Store) -> tuple[SegmentRef, ...]:
    refs = []
    for first in range(0, len(rows), SEGMENT_VIEWS):
        part = slice(first, first + SEGMENT_VIEWS)
        refs.append(
            SegmentRef(
                vectors=store.write_object(encode_segment(Segment(first, vectors[part]))),
                rows=store.write_rows(encode_rows(rows[part])),
                first_ordinal=first,
                count=len(rows[part]),
            )
        )
    return tuple(refs)


def _write_model(model: Model, store: Store) -> ModelRef:
    files = {"model.xml": model.xml, "model.bin": model.bin, "model.json": describe(model)}
    return ModelRef(
        name=model.name,
        digest=model.digest,
        dim=model.dim,
        license=model.license,
        source=model.source,
        files={name: store.write_object(data) for name, data in files.items()},
    )


def _publish(manifest: Manifest, recall: float, failures: int, store: Store) -> BuildReport:
    """Write the manifest as the next generation, unless the active one says the same already."""
    active = store.active()
    unchanged = active is not None and _says_the_same(manifest, store, active)
    if unchanged and active is not None:
        manifest = dataclasses.replace(manifest, seq=active)
    else:
        manifest = dataclasses.replace(manifest, seq=(active or 0) + 1)
        store.write_manifest(manifest)
    return BuildReport(
        generation=manifest.seq,
        unchanged=unchanged,
        items=manifest.items,
        views=manifest.views,
        failures=failures,
        dim=manifest.dim,
        recall_at_10=recall,
        n_trees=manifest.search.n_trees,
        search_k=manifest.search.search_k,
        min_score=manifest.thresholds.min_score,
        model=manifest.model.digest,
        segments=tuple(segment.vectors.sha256 for segment in manifest.segments),
    )


def _says_the_same(manifest: Manifest, store: Store, seq: int) -> bool:
    try:
        return dataclasses.replace(store.manifest(seq), seq=0) == manifest
    except FormatError:
        return False  # a damaged manifest is what a new build is to replace


def _write_failures(path: Path, failures: list[Failure]) -> None:
    lines = (json.dumps(dataclasses.asdict(failure), ensure_ascii=False) + "\n" for failure in failures)
    try:
        write_whole(path, "".join(lines).encode(errors="backslashreplace"))  # names of files may be no text
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written ({error.strerror}): choose a folder of your own.") from error
