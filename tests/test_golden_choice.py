"""Which embeddings become golden queries: those that clearly find their item."""

import numpy as np

from components.core.golden import MAX_QUERIES, Golden
from components.core.items import Row
from components.core.projection import identity
from components.core.segments import Vectors
from index_builder.golden import Searchable, choose_golden
from tests.generations import items, unit_vectors


def searchable(vectors: Vectors, taught: frozenset[int] = frozenset(), penalty: float = 0.0) -> Searchable:
    rows = [Row(n, item, n in taught) for n, item in enumerate(items(len(vectors)))]
    return Searchable(identity(vectors.shape[1]), vectors, rows, penalty)


def test_an_item_that_looks_like_another_one_is_not_asked_for() -> None:
    vectors = unit_vectors(6)
    vectors[1] = vectors[0]
    chosen = choose_golden(vectors, [f"item-{n}" for n in range(6)], searchable(vectors))
    assert chosen is not None
    assert chosen.item_ids == ("item-2", "item-3", "item-4", "item-5")


def test_nothing_is_asked_where_nothing_is_clear() -> None:
    vectors = np.repeat(unit_vectors(1), 4, axis=0)
    assert choose_golden(vectors, [f"item-{n}" for n in range(4)], searchable(vectors)) is None
    assert searchable(unit_vectors(3)).clear(Golden(unit_vectors(3), ("gone", "gone", "item-2"))) == [2]


def test_the_penalty_of_taught_items_counts_as_on_the_device() -> None:
    vectors = unit_vectors(3)
    both = np.stack([vectors[0], vectors[1]])
    assert searchable(vectors, frozenset({0}), penalty=1.5).clear(Golden(both, ("item-0", "item-1"))) == [1]


def test_they_are_at_most_16_and_spread_over_the_catalog() -> None:
    vectors = unit_vectors(400, 64)
    chosen = choose_golden(vectors, [f"item-{n}" for n in range(400)], searchable(vectors))
    assert chosen is not None
    numbers = [int(item_id.removeprefix("item-")) for item_id in chosen.item_ids]
    assert len(numbers) == MAX_QUERIES
    assert numbers == sorted(numbers)
    assert numbers[-1] - numbers[0] > 300
