"""Adds to the last generation instead of learning anew: a tail segment for what is new, tombstones for what is gone."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from components.core.errors import FormatError
from components.core.generations import Manifest, ObjectRef, SegmentRef
from components.core.golden import decode_golden
from components.core.items import Row, decode_rows, encode_rows
from components.core.projection import Projection, decode_projection
from components.core.segments import Segment, Vectors, decode_segment, encode_segment
from components.searcher.annoy_index import cache_path
from components.store import Store
from index_builder.embedding import View
from index_builder.generation import Made, Naming, write_golden
from index_builder.golden import Searchable, choose_golden, part_of
from index_builder.learning.discriminant import unit
from index_builder.learning.rendering import CameraViews
from index_builder.lineage import Lineage, read_lineage, write_lineage
from index_builder.tuning import Lot, tune
from index_builder.wanted import Wanted, wanted_of

FEWEST_VIEWS = 2_000
"""A smaller catalog is learned anew in seconds, and costs a device little."""
MOST_CHANGED = 0.1
"""So large a part of the views may be scanned beside Annoy's base, or be removed."""
MOST_SEGMENTS = 64


@dataclass(frozen=True)
class Base:
    """The generation that is added to."""

    manifest: Manifest
    lineage: Lineage
    projection: Projection
    vectors: Vectors = field(repr=False)
    rows: list[Row] = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """What stays, and what is added."""

    base: Base
    wanted: list[Wanted] = field(repr=False)
    kept: list[int] = field(repr=False)
    """Ordinals of the base, ascending."""
    added: list[Wanted] = field(repr=False)

    @property
    def to_render(self) -> list[int]:
        """The numbers of the studio pictures whose vectors are to be computed."""
        known = set(self.base.lineage.keys)
        return [one.views[0] for one in self.added if not one.by_camera and one.key not in known]

    @property
    def tombstones(self) -> tuple[int, ...]:
        """All ordinals of the base that do not stay."""
        gone = np.ones(len(self.base.rows), bool)
        gone[self.kept] = False
        return tuple(np.flatnonzero(gone).tolist())


def plan_increment(
    views: list[View], store: Store, model: str, settings: Mapping[str, object]
) -> tuple[Plan | None, str]:
    """How to add what ``views`` (in catalog order) brings to the active generation; or None, and why to learn anew."""
    wanted = wanted_of(views)
    if len(wanted) < FEWEST_VIEWS:
        return None, f"fewer than {FEWEST_VIEWS:,} views"
    base, problem = _base(store, model, settings)
    if base is None:
        return None, problem
    plan = _plan(base, wanted)
    tail = sum(ref.count for ref in base.manifest.segments if ref.tail) + len(plan.added)
    if tail + len(plan.tombstones) > MOST_CHANGED * len(wanted):
        return None, f"more than {MOST_CHANGED:.0%} has changed since it was learned"
    if len(base.manifest.segments) + bool(plan.added) > MOST_SEGMENTS:
        return None, f"more than {MOST_SEGMENTS} segments"
    return plan, ""


def write_increment(plan: Plan, views: list[View], rendered: CameraViews, store: Store, naming: Naming) -> Made:
    """Write what is new as a tail segment; ``rendered`` are camera views of ``plan.to_render``, numbered as these."""
    base, manifest = plan.base, plan.base.manifest
    fresh = _vectors(plan, views, rendered)
    total = len(base.rows)
    rows = [one.row(total + number) for number, one in enumerate(plan.added)]
    vectors = np.concatenate([base.vectors, fresh])
    alive = np.array([*plan.kept, *range(total, len(vectors))], np.int64)
    lot = Lot(sum(ref.count for ref in manifest.segments if not ref.tail), alive)
    settings, recall = manifest.search, 1.0
    if settings.search_k:
        settings, recall = tune(vectors, lot, settings.search_k, cache_path(store.index_dir, manifest))
    living = [base.rows[ordinal] for ordinal in plan.kept] + rows
    searchable = Searchable(base.projection, vectors[alive], living, manifest.thresholds.taught_penalty)
    made = replace(
        manifest,
        name=naming.name,
        license=naming.license,
        segments=manifest.segments + _tail(rows, fresh, total, store),
        tombstones=plan.tombstones,
        search=settings,
        items=len({one.item.item_id for one in plan.wanted}),
        views=len(plan.wanted),
        golden=_golden(manifest, searchable, views, store),
    )
    keys = (*base.lineage.keys, *(one.key for one in plan.added))
    write_lineage(replace(base.lineage, keys=keys), made, store)
    return Made(made, recall, None)


def _base(store: Store, model: str, settings: Mapping[str, object]) -> tuple[Base | None, str]:
    """The active generation, or why it cannot be added to."""
    seq = store.active()
    if seq is None:
        return None, "there was none before"
    try:
        manifest = store.manifest(seq)
        if manifest.model.digest != model:
            return None, "another model"
        lineage = read_lineage(manifest, store)
        if lineage is None:
            return None, "nothing is known of what the last one was made of"
        if lineage.settings != settings:
            return None, "other settings"
        projection = decode_projection(store.read_ref(manifest.projection))
        segments = [decode_segment(store.read_ref(ref.vectors)).vectors for ref in manifest.segments]
        rows = [row for ref in manifest.segments for row in _rows_of(ref, store)]
    except FormatError as error:
        return None, f"the last one is not whole: {error}"
    return Base(manifest, lineage, projection, np.concatenate(segments), rows), ""


def _rows_of(ref: SegmentRef, store: Store) -> list[Row]:
    return list(decode_rows(store.read_rows(ref.rows), first_ordinal=ref.first_ordinal, count=ref.count))


def _plan(base: Base, wanted: list[Wanted]) -> Plan:
    removed = set(base.manifest.tombstones)
    there: dict[bytes, list[int]] = defaultdict(list)
    for row, key in zip(reversed(base.rows), reversed(base.lineage.keys), strict=True):
        if row.ordinal not in removed:
            there[key.encode() + encode_rows([replace(row, ordinal=0)])].append(row.ordinal)
    kept, added = [], []
    for one in wanted:
        ordinals = there.get(one.identity())
        if ordinals:
            kept.append(ordinals.pop())
        else:
            added.append(one)
    return Plan(base, wanted, sorted(kept), added)


def _vectors(plan: Plan, views: list[View], rendered: CameraViews) -> Vectors:
    """A vector for each of ``plan.added``, as the device will read it; what was computed once is the same again."""
    base = plan.base
    known = {key: base.vectors[ordinal] for ordinal, key in enumerate(base.lineage.keys)}
    drawn: dict[int, list[int]] = defaultdict(list)
    for number, place in enumerate(rendered.picture.tolist()):
        drawn[plan.to_render[place]].append(number)
    found = [np.empty((0, base.manifest.dim), np.float32)]
    for one in plan.added:
        if one.key not in known:
            raw = np.stack([views[number].embedded.embedding for number in one.views])
            vector = base.projection.catalog(raw, by_camera=one.by_camera)
            if not one.by_camera and drawn[one.views[0]]:
                views_of_it = rendered.embeddings[drawn[one.views[0]]]
                vector = unit(vector + _seen(base, views_of_it))
            known[one.key] = unit(vector.mean(axis=0, keepdims=True))[0].astype("<f2").astype(np.float32)
        found.append(known[one.key][None])
    return np.concatenate(found)


def _seen(base: Base, rendered: Vectors) -> Vectors:
    """The mean of rendered views as learning takes it, shape (1, dim); nothing where nothing was learned."""
    matrix = base.projection.matrix
    if matrix is None:
        return np.zeros((1, base.manifest.dim), np.float32)
    projected = unit(unit(rendered - base.lineage.rendered_mean) @ matrix)
    return unit(projected.mean(axis=0, keepdims=True))


def _tail(rows: list[Row], vectors: Vectors, first: int, store: Store) -> tuple[SegmentRef, ...]:
    if not rows:
        return ()
    written = store.write_object(encode_segment(Segment(first, vectors)))
    return (SegmentRef(written, store.write_rows(encode_rows(rows)), first, len(rows), tail=True),)


def _golden(manifest: Manifest, searchable: Searchable, views: list[View], store: Store) -> ObjectRef | None:
    """The same golden queries, less those that no longer clearly find their item."""
    if manifest.golden is not None:
        golden = decode_golden(store.read_ref(manifest.golden))
        clear = searchable.clear(golden)
        if len(clear) == len(golden.item_ids):
            return manifest.golden
        if clear:
            return write_golden(part_of(golden, clear), store)
    raw = np.stack([view.embedded.embedding for view in views])
    return write_golden(choose_golden(raw, [view.entry.item_id for view in views], searchable), store)
