"""Nearest neighbors in a snapshot: candidates by exact scan or by Annoy, always scored again exactly."""

from typing import Protocol

import numpy as np

from components.core.matching import Neighbor, rank
from components.core.messages import Filters, Match
from components.core.segments import Vectors
from components.searcher.snapshot import Ordinals, Snapshot


class Candidates(Protocol):
    """What proposes views of the base that may be near a query."""

    def near(self, vector: Vectors, n: int, search_k: int) -> list[int]:
        """At most ``n`` ordinals near ``vector`` (shape (dim,)), in any order."""


class Index:
    """Answers queries from one snapshot; without ``annoy`` it scans exactly."""

    def __init__(self, snapshot: Snapshot, annoy: Candidates | None = None) -> None:
        self.snapshot = snapshot
        self._annoy = annoy
        self._removed = frozenset(np.setdiff1d(np.arange(snapshot.base), snapshot.alive).tolist())
        self._tail = snapshot.alive[snapshot.alive >= snapshot.base]

    @property
    def backend(self) -> str:
        """What finds the candidates: exact or annoy."""
        return "exact" if self._annoy is None else "annoy"

    def search(self, vector: Vectors, k: int, filters: Filters | None = None) -> tuple[Match, ...]:
        """The best ``k`` items for a projected query of shape (dim,); k counts items, not views.

        A filtered query is always scanned exactly: a graph or forest that is filtered afterwards loses answers
        when few items pass, and the scan only touches those.
        """
        if filters:
            return self._exact(vector, k, self.snapshot.allowed(filters))
        if self._annoy is None:
            return self._exact(vector, k, self.snapshot.alive)
        return self._by_annoy(self._annoy, vector, k)

    def _exact(self, vector: Vectors, k: int, ordinals: Ordinals) -> tuple[Match, ...]:
        scores = self._scores(vector, ordinals)
        n = max(self.snapshot.manifest.search.rescore, k)
        while True:
            best = _largest(scores, n)
            found = self._rank(ordinals[best], scores[best], k)
            if len(found) == k or n >= len(ordinals):
                return found
            n *= 4

    def _by_annoy(self, annoy: Candidates, vector: Vectors, k: int) -> tuple[Match, ...]:
        settings = self.snapshot.manifest.search
        n = max(settings.rescore, k)
        # First as the builder tuned it; then, when views of few items fill that, four times as wide in every tree.
        for wanted, search_k in ((n, max(settings.search_k, n)), (4 * n, 4 * n * settings.n_trees)):
            near = annoy.near(vector, wanted, search_k)
            alive = [ordinal for ordinal in near if ordinal not in self._removed]
            ordinals = np.concatenate([np.asarray(alive, np.int64), self._tail])
            scores = self._scores(vector, ordinals)
            best = _largest(scores, wanted)
            found = self._rank(ordinals[best], scores[best], k)
            if len(found) == k:
                return found
        # Many views of few items, or many removed ones: Annoy does not promise to find them all.
        return self._exact(vector, k, self.snapshot.alive)

    def _scores(self, vector: Vectors, ordinals: Ordinals) -> Vectors:
        vectors = self.snapshot.vectors
        most = 4 * len(ordinals) > len(vectors)  # to multiply all is cheaper than to copy most
        scores = (vectors @ vector)[ordinals] if most else vectors[ordinals] @ vector
        return np.asarray(scores - self.snapshot.penalty[ordinals])

    def _rank(self, ordinals: Ordinals, scores: Vectors, k: int) -> tuple[Match, ...]:
        pairs = zip(ordinals.tolist(), np.clip(scores, -1.0, 1.0).tolist(), strict=True)
        return rank((Neighbor(ordinal, score) for ordinal, score in pairs), self.snapshot.item_of, k)


def _largest(scores: Vectors, n: int) -> Ordinals:
    if n >= len(scores):
        return np.arange(len(scores))
    return np.argpartition(scores, len(scores) - n)[len(scores) - n :]
