"""Which neighbors become matches."""

from components.core.matching import Neighbor, decide, rank
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


def test_the_best_score_decides() -> None:
    matches = (Match("a", 0.5), Match("b", 0.2))
    assert decide(matches, 0.5).kind == "match"
    refused = decide(matches, 0.51)
    assert (refused.kind, refused.reason) == ("no_match", "nothing in the catalog looks like this")


def test_no_match_says_whether_filters_or_an_empty_catalog_are_to_blame() -> None:
    assert decide((), 0.5, filtered=True).reason == "no item passes the filters"
    assert decide((), 0.5).reason == "the catalog holds no item"
