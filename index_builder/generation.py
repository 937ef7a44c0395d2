"""Writes what a build learned as the objects of a generation; its manifest is left to be published."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from components.core.generations import Manifest, ModelRef, ObjectRef, SearchSettings, SegmentRef
from components.core.golden import Golden, encode_golden
from components.core.items import Row, encode_rows
from components.core.projection import encode_projection
from components.core.segments import Segment, Vectors, encode_segment
from components.featurizer.model import Model, describe
from components.searcher.annoy_index import cache_path
from components.store import Store
from index_builder.catalog import Entry
from index_builder.embedding import View
from index_builder.golden import Searchable, choose_golden
from index_builder.learning.learn import Learned, learn
from index_builder.learning.material import Domain, Material
from index_builder.learning.rendering import CameraViews
from index_builder.lineage import Lineage, write_lineage
from index_builder.tuning import tune
from index_builder.wanted import Wanted, wanted_of

SEGMENT_VIEWS = 50_000


@dataclass(frozen=True)
class Made:
    """A generation that is written but for its manifest."""

    manifest: Manifest
    recall_at_10: float
    held_out_hit_rate_at_1: float | None


@dataclass(frozen=True)
class Naming:
    """What the generation is called."""

    name: str
    license: str


def write_generation(
    views: list[View],
    rendered: CameraViews,
    empty: Vectors,
    model: Model,
    store: Store,
    naming: Naming,
    *,
    max_dim: int,
    wrong_on_unknown: float | None = None,
    settings: Mapping[str, object] | None = None,
) -> Made:
    """Learn from ``views`` (in catalog order) and write the objects; ``empty`` are raw embeddings of nothing.

    ``settings`` are kept beside it: a build with others does not add to this one.
    """
    entries = list({view.entry.item_id: view.entry for view in views}.values())
    material = _material(views, rendered, [entry.item_id for entry in entries])
    categories = {n: entry.category for n, entry in enumerate(entries)}
    learned = learn(material, empty, categories, min(max_dim, model.dim), wrong_on_unknown)
    wanted = wanted_of(views)
    rows, vectors = [one.row(ordinal) for ordinal, one in enumerate(wanted)], _vectors(wanted, learned, views)
    searchable = Searchable(learned.projection, vectors, rows, learned.thresholds.taught_penalty)
    manifest = Manifest(
        seq=0,
        name=naming.name,
        license=naming.license,
        model=_write_model(model, store),
        projection=store.write_object(encode_projection(learned.projection)),
        dim=learned.projection.dim,
        segments=_write_segments(rows, vectors, store),
        tombstones=(),
        search=SearchSettings(),
        thresholds=learned.thresholds,
        items=len(entries),
        views=len(rows),
        golden=write_golden(choose_golden(*_questions(material, entries), searchable), store),
    )
    search, recall = tune(vectors, annoy_file=cache_path(store.index_dir, manifest))
    manifest = replace(manifest, search=search)
    write_lineage(Lineage(settings or {}, material.means()[1], tuple(one.key for one in wanted)), manifest, store)
    return Made(manifest, recall, learned.hit_rate_at_1)


def _material(views: list[View], rendered: CameraViews, item_ids: list[str]) -> Material:
    numbers = {item_id: number for number, item_id in enumerate(item_ids)}
    items = np.array([numbers[view.entry.item_id] for view in views], np.int64)
    raw = np.stack([view.embedded.embedding for view in views])
    by_camera = np.array([view.picture.by_camera for view in views])
    drawn = rendered.embeddings if len(rendered.picture) else np.empty((0, raw.shape[1]), np.float32)
    studio_number = np.cumsum(~by_camera) - 1
    return Material(
        studio=Domain(raw[~by_camera], items[~by_camera]),
        rendered=Domain(drawn, items[rendered.picture]),
        picture=studio_number[rendered.picture],
        camera=Domain(raw[by_camera], items[by_camera]),
        items=len(item_ids),
    )


def _vectors(wanted: list[Wanted], learned: Learned, views: list[View]) -> Vectors:
    """A vector for each of ``wanted``, as the device will read it."""
    by_camera = np.array([view.picture.by_camera for view in views])
    number = np.where(by_camera, np.cumsum(by_camera), np.cumsum(~by_camera)) - 1
    prototypes = iter(learned.prototypes.embeddings)  # of the items in the catalog's order, as wanted are
    found = []
    for one in wanted:
        if len(one.views) > 1:
            found.append(next(prototypes))
        else:
            found.append((learned.camera if one.by_camera else learned.studio)[number[one.views[0]]])
    return np.stack(found).astype("<f2").astype(np.float32)


def _questions(material: Material, entries: list[Entry]) -> tuple[Vectors, list[str]]:
    """Embeddings as near to a camera's as there are, and the items that they show."""
    domain = next((one for one in (material.camera, material.rendered) if len(one)), material.studio)
    return domain.embeddings, [entries[item].item_id for item in domain.items]


def write_golden(golden: Golden | None, store: Store) -> ObjectRef | None:
    """Keep the golden queries, where there are any."""
    return None if golden is None else store.write_object(encode_golden(golden))


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
