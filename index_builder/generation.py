"""Writes what a build learned as the objects of a generation; its manifest is left to be published."""

from dataclasses import dataclass

import numpy as np

from components.core.generations import Manifest, ModelRef, ObjectRef, SegmentRef
from components.core.golden import Golden, encode_golden
from components.core.items import Item, Row, encode_rows
from components.core.projection import encode_projection
from components.core.segments import Segment, Vectors, encode_segment
from components.featurizer.model import Model, describe
from components.store import Store
from index_builder.catalog import Entry
from index_builder.embedding import View
from index_builder.golden import Searchable, choose_golden
from index_builder.learning.learn import Learned, learn
from index_builder.learning.material import Domain, Material
from index_builder.learning.rendering import CameraViews
from index_builder.tuning import tune

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
) -> Made:
    """Learn from ``views`` (in catalog order) and write the objects; ``empty`` are raw embeddings of nothing."""
    entries = list({view.entry.item_id: view.entry for view in views}.values())
    material = _material(views, rendered, [entry.item_id for entry in entries])
    categories = {n: entry.category for n, entry in enumerate(entries)}
    learned = learn(material, empty, categories, min(max_dim, model.dim), wrong_on_unknown)
    rows, vectors = _rows(views, learned, material)
    vectors = vectors.astype("<f2").astype(np.float32)  # as the device will read them
    settings, recall = tune(vectors)
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
        search=settings,
        thresholds=learned.thresholds,
        items=len(entries),
        views=len(rows),
        golden=write_golden(choose_golden(*_questions(material, entries), searchable), store),
    )
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


def _rows(views: list[View], learned: Learned, material: Material) -> tuple[list[Row], Vectors]:
    """A row per picture in catalog order, each item's prototype behind its pictures."""
    several: list[tuple[int, Vectors]] = []
    for domain, vectors in (
        (material.studio, learned.studio),
        (material.camera, learned.camera),
        (learned.prototypes, learned.prototypes.embeddings),
    ):
        several += zip(domain.items.tolist(), vectors, strict=True)
    several.sort(key=lambda one: one[0])
    items, taught = _items(views), set(material.camera.items.tolist())
    rows = [Row(ordinal, items[item], item in taught) for ordinal, (item, _) in enumerate(several)]
    return rows, np.stack([vector for _, vector in several])


def _questions(material: Material, entries: list[Entry]) -> tuple[Vectors, list[str]]:
    """Embeddings as near to a camera's as there are, and the items that they show."""
    domain = next((one for one in (material.camera, material.rendered) if len(one)), material.studio)
    return domain.embeddings, [entries[item].item_id for item in domain.items]


def write_golden(golden: Golden | None, store: Store) -> ObjectRef | None:
    """Keep the golden queries, where there are any."""
    return None if golden is None else store.write_object(encode_golden(golden))


def _items(views: list[View]) -> list[Item]:
    """The items in catalog order, each with the thumbnail of its first picture."""
    first: dict[str, View] = {}
    for view in views:
        first.setdefault(view.entry.item_id, view)
    return [_item(view.entry, view.embedded.thumbnail) for view in first.values()]


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
