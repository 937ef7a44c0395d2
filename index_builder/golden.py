"""Chooses the golden queries of a generation: embeddings that clearly find their item, as every device must."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from components.core.golden import MAX_QUERIES, Golden
from components.core.items import Row
from components.core.projection import Projection
from components.core.segments import Vectors

CLEARLY = 0.01
"""So much more than any other item the right one scores: far beyond what another processor's rounding changes."""
_TRIED = 8 * MAX_QUERIES


@dataclass(frozen=True)
class Searchable:
    """What a device will search by exact scan."""

    projection: Projection
    vectors: Vectors = field(repr=False)
    """Shape (views, dim), as read from fp16."""
    rows: Sequence[Row] = field(repr=False)
    """One for each vector."""
    taught_penalty: float

    def clear(self, golden: Golden) -> list[int]:
        """Which of the queries find their item first by far."""
        penalty = np.array([row.taught for row in self.rows], np.float32) * np.float32(self.taught_penalty)
        items = np.array([row.item.item_id for row in self.rows], dtype=object)
        found = []
        for number, query in enumerate(self.projection.query(golden.embeddings)):
            scores = self.vectors @ query - penalty
            own = items == golden.item_ids[number]
            others = float(scores[~own].max(initial=-1.0))
            if own.any() and float(scores[own].max()) >= others + CLEARLY:
                found.append(number)
        return found


def choose_golden(embeddings: Vectors, item_ids: Sequence[str], searchable: Searchable) -> Golden | None:
    """At most 16 of the raw ``embeddings`` that clearly find their items, spread over all; None where none does."""
    tried = np.unique(np.linspace(0, len(item_ids) - 1, min(_TRIED, len(item_ids))).astype(np.int64))
    rounded = embeddings[tried].astype("<f2").astype(np.float32)  # as a device will read them
    candidates = Golden(rounded, tuple(item_ids[number] for number in tried))
    clear = searchable.clear(candidates)
    chosen = clear[:: max(1, -(-len(clear) // MAX_QUERIES))]
    return part_of(candidates, chosen) if chosen else None


def part_of(golden: Golden, chosen: Sequence[int]) -> Golden:
    """Those of the queries."""
    return Golden(golden.embeddings[list(chosen)], tuple(golden.item_ids[number] for number in chosen))
