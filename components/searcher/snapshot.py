"""One generation in memory, ready to be searched: immutable, so that a query keeps the one it started with."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from components.core.errors import FormatError
from components.core.generations import Manifest
from components.core.items import Item, decode_rows
from components.core.messages import Filters
from components.core.projection import Projection, decode_projection
from components.core.segments import Vectors, decode_segment
from components.store import Store

Ordinals = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Snapshot:
    """The vectors of a generation with what is needed to rank and filter them."""

    manifest: Manifest
    projection: Projection
    vectors: Vectors = field(repr=False)
    """Shape (views, dim), float32, unit length; row = ordinal."""
    item_of: list[str] = field(repr=False)
    """Ordinal -> item id."""
    base: int
    """Views before this ordinal are Annoy's; the tail after it is scanned exactly."""
    alive: Ordinals = field(repr=False)
    """Ordinals without tombstone, ascending."""
    with_value: dict[tuple[str, str], Ordinals] = field(repr=False)
    """(filter name, value) -> the ordinals alive that have it."""

    def allowed(self, filters: Filters) -> Ordinals:
        """The ordinals alive that pass ``filters``: AND over the names, OR over a name's values."""
        allowed = self.alive
        for name, values in filters.items():
            found = [self.with_value[name, value] for value in values if (name, value) in self.with_value]
            some = np.concatenate(found) if found else np.empty(0, np.int64)
            allowed = np.intersect1d(allowed, some)
        return allowed


def load_snapshot(store: Store, seq: int) -> Snapshot:
    """Read, verify and join the segments of generation ``seq``; raises FormatError or UnavailableError."""
    manifest = store.manifest(seq)
    projection = decode_projection(store.read_ref(manifest.projection))
    if (projection.raw_dim, projection.dim) != (manifest.model.dim, manifest.dim):
        raise FormatError(f"The projection of generation {seq} does not fit its model and vectors: build it again.")
    parts: list[Vectors] = []
    items: list[Item] = []
    for ref in manifest.segments:
        segment = decode_segment(store.read_ref(ref.vectors))
        if segment.first_ordinal != ref.first_ordinal or segment.vectors.shape != (ref.count, manifest.dim):
            raise FormatError(f"A segment of generation {seq} is not the one that its manifest names: build it again.")
        parts.append(segment.vectors)
        rows = decode_rows(store.read_rows(ref.rows), first_ordinal=ref.first_ordinal, count=ref.count)
        items += [row.item for row in rows]
    vectors = np.concatenate(parts) if parts else np.empty((0, manifest.dim), np.float32)
    alive = np.setdiff1d(np.arange(len(vectors), dtype=np.int64), np.asarray(manifest.tombstones, dtype=np.int64))
    base = sum(ref.count for ref in manifest.segments if not ref.tail)
    item_of = [item.item_id for item in items]
    return Snapshot(manifest, projection, vectors, item_of, base, alive, _values(items, alive))


def _values(items: list[Item], alive: Ordinals) -> dict[tuple[str, str], Ordinals]:
    with_value: dict[tuple[str, str], list[int]] = defaultdict(list)
    for ordinal in alive.tolist():
        item = items[ordinal]
        with_value["category", item.category].append(ordinal)
        for name, value in item.attributes.items():
            with_value[name, value].append(ordinal)
    return {key: np.asarray(ordinals, dtype=np.int64) for key, ordinals in with_value.items()}
