"""Chooses Annoy's ``search_k`` on held-out queries, and measures recall against exact search."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from components.core.generations import SearchSettings
from components.core.segments import Vectors
from components.searcher.annoy_index import AnnoyCandidates, build_file

K = 10
QUERIES = 300
WANTED_RECALL = 0.99
SAME_SCORE = 1e-5
_FIRST, _ALWAYS_CHEAP = 500, 8_000


def tune(vectors: Vectors) -> tuple[SearchSettings, float]:
    """The cheapest settings whose recall@10 reaches 0.99, with that recall.

    Where Annoy would have to look at more vectors than there are, that is the exact scan (``search_k`` 0).

    The held-out queries are catalog vectors that were moved by a third of the difference of two others: they lie where
    pictures lie, and as far from their neighbors as a camera's view may.
    """
    if len(vectors) == 0:
        return SearchSettings(search_k=0), 1.0
    queries = _held_out(vectors)
    wanted = [_lowest_of_best(vectors @ query) for query in queries]
    with TemporaryDirectory(prefix="lookalike-") as folder:
        path = Path(folder) / "tuned.ann"
        build_file(vectors, path, SearchSettings.n_trees)
        annoy = AnnoyCandidates(path, vectors.shape[1])
        search_k = _FIRST
        while search_k <= max(len(vectors), _ALWAYS_CHEAP):
            settings = SearchSettings(search_k=search_k)
            recall = _recall(annoy, settings, vectors, queries, wanted)
            if recall >= WANTED_RECALL:
                return settings, recall
            search_k *= 2
    return SearchSettings(search_k=0), 1.0


def _held_out(vectors: Vectors) -> Vectors:
    rng = np.random.default_rng(0)
    several = min(QUERIES, len(vectors))
    chosen, one, other = (vectors[rng.choice(len(vectors), several, replace=False)] for _ in range(3))
    queries = chosen + 0.35 * (one - other)
    return np.asarray(queries / np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def _lowest_of_best(scores: Vectors) -> float:
    n = min(K, len(scores))
    return float(np.partition(scores, len(scores) - n)[len(scores) - n])


def _recall(
    annoy: AnnoyCandidates, settings: SearchSettings, vectors: Vectors, queries: Vectors, wanted: list[float]
) -> float:
    """Counted by score: of several pictures that are alike any one is right."""
    k = min(K, len(vectors))
    found = 0
    for query, lowest in zip(queries, wanted, strict=True):
        near = annoy.near(query, settings.rescore, settings.search_k)
        found += min(k, int(np.count_nonzero(vectors[near] @ query >= lowest - SAME_SCORE)))
    return found / (k * len(queries))
