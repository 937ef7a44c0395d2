"""Which neighbors become matches."""

from components.core.matching import Neighbor, rank
from components.core.messages import Match

ITEM_OF = ["a", "a", "b", "c", "b"]


def test_an_item_scores_as_its_best_view_and_counts_once() -> None:
    near = [Neighbor(0, 0.5), Neighbor(2, 0.6), Neighbor(1, 0.9), Neighbor(4, 0.1), Neighbor(3, -0.2)]
    assert rank(near, ITEM_OF, 5) == (Match("a", 0.9), Match("b", 0.6), Match("c", -0.2))


def test_k_counts_items() -> None:
    near = [Neighbor(0, 0.9), Neighbor(1, 0.8), Neighbor(2, 0.7), Neighbor(3, 0.6)]
    assert [match.item_id for match in rank(near, ITEM_OF, 2)] == ["a", "b"]


def test_equal_scores_have_one_order() -> None:
    near = [Neighbor(3, 0.5), Neighbor(0, 0.5), Neighbor(2, 0.5)]
    assert rank(near, ITEM_OF, 3) == rank(reversed(near), ITEM_OF, 3)
