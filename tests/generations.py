"""Makes index generations quickly, without a network: random unit vectors in a real store."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from components.core.decisions import Thresholds
from components.core.generations import Manifest, ModelRef, SearchSettings, SegmentRef
from components.core.items import Item, Row, encode_rows
from components.core.messages import Query
from components.core.projection import encode_projection, identity
from components.core.segments import Segment, Vectors, encode_segment
from components.store import Store

MODEL = "a" * 64
DIM = 32


def unit_vectors(count: int, dim: int = DIM, seed: int = 0) -> Vectors:
    """Random directions, as they are after a way through fp16: shape (count, dim)."""
    vectors = np.random.default_rng(seed).normal(size=(count, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors.astype("<f2"), np.float32)


def items(count: int, views: int = 1) -> list[Item]:
    """One item per view, or the same item for ``views`` views in a row."""
    return [
        Item(
            item_id=f"item-{n // views}",
            title={"": f"Item {n // views}"},
            category=f"c{n // views % 10}",
            attributes={"color": f"color-{n // views % 7}"},
        )
        for n in range(count)
    ]


def write_generation(
    store: Store,
    vectors: Vectors,
    items: Sequence[Item],
    *,
    seq: int = 1,
    tail: int = 0,
    removed: Sequence[int] = (),
    **changes: object,
) -> Manifest:
    """Publish ``vectors`` with their ``items`` as generation ``seq``; the last ``tail`` views are a tail segment."""
    base = len(vectors) - tail
    parts = [(0, base, False), (base, len(vectors), True)]
    segments = tuple(_segment(store, vectors, items, *part) for part in parts if part[1] > part[0])
    alive = [item.item_id for n, item in enumerate(items) if n not in set(removed)]
    dim = vectors.shape[1]
    manifest = Manifest(
        seq=seq,
        name="shop",
        license="CC0-1.0",
        model=ModelRef("net", MODEL, dim, "Apache-2.0", "test", {}),
        projection=store.write_object(encode_projection(identity(dim))),
        dim=dim,
        segments=segments,
        tombstones=tuple(removed),
        search=SearchSettings(),
        thresholds=Thresholds(min_score=0.5),
        items=len(set(alive)),
        views=len(alive),
    )
    manifest = dataclasses.replace(manifest, **changes)  # type: ignore[arg-type]
    store.write_manifest(manifest)
    return manifest


def make_store(folder: Path, count: int = 200, **options: object) -> tuple[Store, Vectors]:
    """A store with one generation of ``count`` items."""
    store, vectors = Store(folder), unit_vectors(count)
    write_generation(store, vectors, items(count), **options)  # type: ignore[arg-type]
    return store, vectors


def query(
    embedding: Vectors, k: int = 5, filters: Mapping[str, tuple[str, ...]] | None = None, **asked: object
) -> Query:
    """A query with this embedding of the test's model."""
    fields = {"query_id": "q1", **asked}
    return Query(embedding=embedding, **{"model": MODEL, "k": k, "filters": filters or {}, **fields})  # type: ignore[arg-type]


def flip_byte(path: Path, position: int = -1) -> None:
    """Damage one byte of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 0x40
    path.write_bytes(data)


def _segment(store: Store, vectors: Vectors, items: Sequence[Item], first: int, end: int, tail: bool) -> SegmentRef:
    rows = [Row(n, items[n]) for n in range(first, end)]
    return SegmentRef(
        vectors=store.write_object(encode_segment(Segment(first, vectors[first:end]))),
        rows=store.write_rows(encode_rows(rows)),
        first_ordinal=first,
        count=end - first,
        tail=tail,
    )
