"""Which neighbors become matches, and when the answer is "no match"."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.core.messages import Match


@dataclass(frozen=True)
class Neighbor:
    """One view near the query, with the cosine of their vectors."""

    ordinal: int
    score: float


@dataclass(frozen=True)
class Decision:
    """``match``, ``ambiguous`` or ``no_match``, with the cause and the reason in words where there is none."""

    kind: str
    cause: str = ""
    """One of messages.CAUSES."""
    reason: str = ""
    candidates: int = 0
    """How many of the matches may be the right one, where it is ambiguous."""


def rank(neighbors: Iterable[Neighbor], item_of: Sequence[str], k: int) -> tuple[Match, ...]:
    """The best ``k`` items: an item scores as its best view, and counts once however many views it has."""
    best: dict[str, float] = {}
    for neighbor in neighbors:
        item_id = item_of[neighbor.ordinal]
        if neighbor.score > best.get(item_id, -2.0):
            best[item_id] = neighbor.score
    ordered = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Match(item_id, score) for item_id, score in ordered[:k])


def decide(matches: Sequence[Match], min_score: float, *, filtered: bool = False) -> Decision:
    """Whether the best of ``matches`` is one; ``filtered`` says whether the query had filters."""
    if not matches:
        return Decision(
            "no_match", "unknown_item", "no item passes the filters" if filtered else "the catalog holds no item"
        )
    if matches[0].score < min_score:
        return Decision("no_match", "unknown_item", "nothing in the catalog looks like this")
    return Decision("match")
