"""Which neighbors become matches: items, best first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.core.messages import Match


@dataclass(frozen=True)
class Neighbor:
    """One view near the query, with the cosine of their vectors."""

    ordinal: int
    score: float


def rank(neighbors: Iterable[Neighbor], item_of: Sequence[str], k: int) -> tuple[Match, ...]:
    """The best ``k`` items: an item scores as its best view, and counts once however many views it has."""
    best: dict[str, float] = {}
    for neighbor in neighbors:
        item_id = item_of[neighbor.ordinal]
        if neighbor.score > best.get(item_id, -2.0):
            best[item_id] = neighbor.score
    ordered = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Match(item_id, score) for item_id, score in ordered[:k])
