"""One generation in memory, ready to be searched: immutable, so that a query keeps the one it started with."""

import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from components.core.errors import FormatError
from components.core.generations import Manifest
from components.core.items import Row, decode_rows
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
    category_of: dict[str, str] = field(repr=False)
    """Item id -> category."""
    penalty: Vectors = field(repr=False)
    """Shape (views,), float32: what each view scores less, see Thresholds.taught_penalty."""
    base: int
    """Views before this ordinal are Annoy's; the tail after it is scanned exactly."""
    alive: Ordinals = field(repr=False)
    """Ordinals without tombstone, ascending."""
    with_value: dict[tuple[str, str], Ordinals] = field(repr=False)
    """(filter name, value) -> the ordinals alive that have it."""

    @property
    def annoy_pays(self) -> bool:
        """Whether there is something for Annoy to do that an exact scan does not do as well."""
        return self.base > 0 and self.manifest.search.search_k > 0

    def allowed(self, filters: Filters) -> Ordinals:
        """The ordinals alive that pass ``filters``: AND over the names, OR over a name's values."""
        if not filters:
            return self.alive
        passed = [self._with_any(name, values) for name, values in filters.items()]
        passed.sort(key=len)  # the work is that of the most selective ones
        allowed = passed[0]
        for others in passed[1:]:
            allowed = allowed[np.isin(allowed, others, assume_unique=True)]
        return allowed

    def _with_any(self, name: str, values: tuple[str, ...]) -> Ordinals:
        found = [self.with_value[name, value] for value in values if (name, value) in self.with_value]
        if len(found) == 1:
            return found[0]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


def load_snapshot(store: Store, seq: int) -> Snapshot:
    """Read, verify and join the segments of generation ``seq``; raises FormatError or UnavailableError."""
    manifest = store.manifest(seq)
    projection = decode_projection(store.read_ref(manifest.projection))
    if (projection.raw_dim, projection.dim) != (manifest.model.dim, manifest.dim):
        raise FormatError(f"The projection of generation {seq} does not fit its model and vectors: build it again.")
    parts: list[Vectors] = []
    values = _Values(frozenset(manifest.tombstones))
    for ref in manifest.segments:
        segment = decode_segment(store.read_ref(ref.vectors))
        if segment.first_ordinal != ref.first_ordinal or segment.vectors.shape != (ref.count, manifest.dim):
            raise FormatError(f"A segment of generation {seq} is not the one that its manifest names: build it again.")
        parts.append(segment.vectors)
        values.add(decode_rows(store.read_rows(ref.rows), first_ordinal=ref.first_ordinal, count=ref.count))
    vectors = np.concatenate(parts) if parts else np.empty((0, manifest.dim), np.float32)
    alive = np.setdiff1d(np.arange(len(vectors), dtype=np.int64), np.asarray(manifest.tombstones, dtype=np.int64))
    base = sum(ref.count for ref in manifest.segments if not ref.tail)
    return Snapshot(
        manifest=manifest,
        projection=projection,
        vectors=vectors,
        item_of=values.item_of,
        category_of=values.category_of,
        penalty=np.asarray(values.taught, dtype=np.float32) * np.float32(manifest.thresholds.taught_penalty),
        base=base,
        alive=alive,
        with_value=values.ordinals(),
    )


class _Values:
    """What a search needs of the rows, taken from one after the other: all items at once would fill the memory."""

    def __init__(self, removed: frozenset[int]) -> None:
        self.item_of: list[str] = []
        self.category_of: dict[str, str] = {}
        self.taught = array("b")
        self._removed = removed
        self._with_value: dict[tuple[str, str], array[int]] = defaultdict(lambda: array("q"))

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.item_of.append(row.item.item_id)
            self.category_of[row.item.item_id] = sys.intern(row.item.category)
            self.taught.append(row.taught)
            if row.ordinal not in self._removed:
                # An attribute may be called category too: the view must not be counted twice.
                for value in {("category", row.item.category), *row.item.attributes.items()}:
                    self._with_value[value].append(row.ordinal)

    def ordinals(self) -> dict[tuple[str, str], Ordinals]:
        return {value: np.array(ordinals, dtype=np.int64) for value, ordinals in self._with_value.items()}
