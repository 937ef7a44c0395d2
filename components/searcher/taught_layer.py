"""Lays the taught items over a generation: their views are scanned exactly, hidden items are found no more."""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from components.core.generations import ModelRef
from components.core.prototypes import prototypes
from components.core.segments import Vectors
from components.core.taught import TaughtCatalog, TaughtView
from components.searcher.snapshot import Ordinals, Snapshot


def layered(bare: Snapshot, taught: TaughtCatalog, center: Vectors | None = None) -> Snapshot:
    """``bare``, a generation as it was loaded, with the taught views behind its own.

    Projected as views of a camera whose mean is ``center``, shape (raw_dim,), else the generation's guess of it; each
    item has the mean of its views as one view more. Everything that searches a snapshot searches them, too: the
    taught ones are part of the tail.
    """
    gone = taught.gone()
    vectors, item_of = _projected(bare, _searched(bare, taught), center)
    first = len(bare.item_of)
    ordinals = np.arange(first, first + len(item_of), dtype=np.int64)
    left = _left(bare, gone)
    return replace(
        bare,
        vectors=np.concatenate([bare.vectors, vectors]) if len(vectors) else bare.vectors,
        item_of=[*bare.item_of, *item_of],
        category_of={**bare.category_of, **_categories(bare, taught, item_of)},
        penalty=np.concatenate([bare.penalty, _penalties(bare, len(item_of))]),
        alive=np.concatenate([bare.alive[np.isin(bare.alive, left)] if gone else bare.alive, ordinals]),
        with_value=_with_values(bare, taught, item_of, left if gone else None),
    )


def _searched(bare: Snapshot, taught: TaughtCatalog) -> list[TaughtView]:
    """The taught views that can be compared; those of an item that has left the catalog sleep until it is back."""
    views = [view for view in taught.searched() if _is_of(view, bare.manifest.model)]
    foreign = {view.item_id for view in views if not taught.items[view.item_id].own}
    missing = foreign - {item_id for item_id in bare.item_of if item_id in foreign}
    return [view for view in views if view.item_id not in missing]


def _is_of(view: TaughtView, model: ModelRef) -> bool:
    return view.model == model.digest and view.embedding.size == model.dim


def _projected(bare: Snapshot, views: list[TaughtView], center: Vectors | None) -> tuple[Vectors, list[str]]:
    if not views:
        return np.empty((0, bare.manifest.dim), np.float32), []
    embeddings = np.stack([view.embedding for view in views])
    if center is not None:
        embeddings = embeddings + (bare.projection.query_mean - center)
    vectors = bare.projection.catalog(embeddings, by_camera=True)
    item_ids = list(dict.fromkeys(view.item_id for view in views))
    numbers = {item_id: number for number, item_id in enumerate(item_ids)}
    means, items = prototypes(vectors, np.array([numbers[view.item_id] for view in views], np.int64))
    return np.concatenate([vectors, means]), [*(view.item_id for view in views), *(item_ids[n] for n in items.tolist())]


def _categories(bare: Snapshot, taught: TaughtCatalog, item_of: list[str]) -> dict[str, str]:
    return {item_id: taught.items[item_id].category for item_id in item_of if item_id not in bare.category_of}


def _penalties(bare: Snapshot, several: int) -> Vectors:
    return np.full(several, bare.manifest.thresholds.taught_penalty, np.float32)


def _left(bare: Snapshot, gone: set[str]) -> Ordinals:
    """The ordinals of items that are not gone."""
    return np.array([ordinal for ordinal, item_id in enumerate(bare.item_of) if item_id not in gone], np.int64)


def _with_values(
    bare: Snapshot, taught: TaughtCatalog, item_of: list[str], left: Ordinals | None
) -> dict[tuple[str, str], Ordinals]:
    values = dict(bare.with_value)
    if left is not None:
        values = {value: ordinals[np.isin(ordinals, left)] for value, ordinals in values.items()}
    more: dict[tuple[str, str], list[int]] = defaultdict(list)
    inherited = _values_of(bare, {item_id for item_id in item_of if not taught.items[item_id].own})
    for ordinal, item_id in enumerate(item_of, len(bare.item_of)):
        item = taught.items[item_id]
        for value in [("category", item.category)] if item.own else inherited.get(item_id, []):
            more[value].append(ordinal)
    for value, ordinals in more.items():
        values[value] = np.concatenate([values.get(value, np.empty(0, np.int64)), np.array(ordinals, np.int64)])
    return values


def _values_of(bare: Snapshot, items: set[str]) -> dict[str, list[tuple[str, str]]]:
    """What filters find the catalog's ``items`` by."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    if not items:
        return found
    ordinals_of = ((bare.item_of[ordinal], ordinal) for ordinal in bare.alive.tolist())
    one_of = {
        item_id: ordinal for item_id, ordinal in ordinals_of if item_id in items
    }  # its views have the same values
    of_ordinal = {ordinal: item_id for item_id, ordinal in one_of.items()}
    wanted = np.array(sorted(of_ordinal), np.int64)
    for value, ordinals in bare.with_value.items():
        for ordinal in wanted[np.isin(wanted, ordinals)].tolist():
            found[of_ordinal[ordinal]].append(value)
    return found
