"""Chooses Annoy's ``search_k`` on held-out queries, and measures recall against exact search."""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import numpy as np
import numpy.typing as npt

from components.core.generations import SearchSettings
from components.core.segments import Vectors
from components.searcher.annoy_index import open_or_build

K = 10
QUERIES = 300
WANTED_RECALL = 0.99
SAME_SCORE = 1e-5
_FIRST, _ALWAYS_CHEAP = 500, 8_000

Ordinals = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lot:
    """Which of the vectors are searched how."""

    base: int
    """Those before it are Annoy's, the others are scanned exactly."""
    alive: Ordinals = field(repr=False)
    """Those that were not removed, ascending."""


def tune(
    vectors: Vectors, lot: Lot | None = None, first: int = _FIRST, annoy_file: Path | None = None
) -> tuple[SearchSettings, float]:
    """The cheapest settings from ``search_k`` ``first`` on whose recall@10 reaches 0.99, with that recall.

    Where Annoy would have to look at more vectors than there are, that is the exact scan (``search_k`` 0).
    ``annoy_file`` is where Annoy's file of the base is kept; it is built where it is not there yet.
    """
    with _Trial(vectors, lot, annoy_file) as trial:
        search_k = first
        while trial.queries is not None and search_k <= max(len(vectors), _ALWAYS_CHEAP):
            settings = SearchSettings(search_k=search_k)
            recall = trial.recall(settings)
            if recall >= WANTED_RECALL:
                return settings, recall
            search_k *= 2
    return SearchSettings(search_k=0), 1.0


def recall_of(vectors: Vectors, settings: SearchSettings, lot: Lot, annoy_file: Path | None) -> float:
    """recall@10 of Annoy with these settings, against the exact scan of the same vectors; as ``tune``."""
    if settings.search_k == 0:
        return 1.0
    with _Trial(vectors, lot, annoy_file, settings.n_trees) as trial:
        return 1.0 if trial.queries is None else trial.recall(settings)


class _Trial:
    """Annoy's file of the base, and held-out queries with what an exact scan finds.

    The queries are catalog vectors that were moved by a third of the difference of two others: they lie where pictures
    lie, and as far from their neighbors as a camera's view may.
    """

    def __init__(
        self, vectors: Vectors, lot: Lot | None, annoy_file: Path | None, n_trees: int = SearchSettings.n_trees
    ) -> None:
        self._vectors, self._annoy_file = vectors, annoy_file
        self._lot = lot or Lot(len(vectors), np.arange(len(vectors)))
        self._n_trees = n_trees
        alive = vectors[self._lot.alive]
        self.queries = _held_out(alive) if len(alive) and self._lot.base else None
        """None where Annoy has nothing to find."""
        self._wanted = [] if self.queries is None else [_lowest_of_best(alive @ query) for query in self.queries]

    def __enter__(self) -> "_Trial":
        self._folder = TemporaryDirectory(prefix="lookalike-")
        if self.queries is not None:
            path = self._annoy_file or Path(self._folder.name) / "tuned.ann"
            self._annoy = open_or_build(path, self._vectors[: self._lot.base], self._n_trees)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def recall(self, settings: SearchSettings) -> float:
        """Counted by score: of several pictures that are alike any one is right."""
        assert self.queries is not None  # noqa: S101  # whoever asks has looked
        alive = self._lot.alive
        tail, k = alive[alive >= self._lot.base], min(K, len(alive))
        living = np.zeros(len(self._vectors), bool)
        living[alive] = True
        found = 0
        for query, lowest in zip(self.queries, self._wanted, strict=True):
            near = np.array(self._annoy.near(query, settings.rescore, settings.search_k), np.int64)
            candidates = np.concatenate([near[living[near]], tail])
            found += min(k, int(np.count_nonzero(self._vectors[candidates] @ query >= lowest - SAME_SCORE)))
        return found / (k * len(self.queries))


def _held_out(vectors: Vectors) -> Vectors:
    rng = np.random.default_rng(0)
    several = min(QUERIES, len(vectors))
    chosen, one, other = (vectors[rng.choice(len(vectors), several, replace=False)] for _ in range(3))
    queries = chosen + 0.35 * (one - other)
    return np.asarray(queries / np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def _lowest_of_best(scores: Vectors) -> float:
    n = min(K, len(scores))
    return float(np.partition(scores, len(scores) - n)[len(scores) - n])
