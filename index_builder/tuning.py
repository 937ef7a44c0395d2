"""Chooses Annoy's ``search_k`` on held-out queries, and measures recall against exact search."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from components.core.errors import BadContentError
from components.core.generations import SearchSettings
from components.core.segments import Vectors
from components.searcher.annoy_index import AnnoyCandidates, build_file

K = 10
QUERIES = 300
WANTED_RECALL = 0.995
LEAST_RECALL = 0.98
SAME_SCORE = 1e-5
_SEARCH_KS = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000)
_TREES = (20, 40)


def tune(vectors: Vectors) -> tuple[SearchSettings, float]:
    """The cheapest settings whose recall@10 reaches 0.995, with that recall; raises BadContentError below 0.98.

    The held-out queries are catalog vectors with noise, about as far from their neighbors as a camera's view is.
    """
    if len(vectors) == 0:
        return SearchSettings(), 1.0
    queries = _held_out(vectors)
    wanted = [_lowest_of_best(vectors @ query) for query in queries]
    best = (SearchSettings(), 0.0)
    with TemporaryDirectory(prefix="lookalike-") as folder:
        for n_trees in _TREES:
            path = Path(folder) / f"{n_trees}.ann"
            build_file(vectors, path, n_trees)
            annoy = AnnoyCandidates(path, vectors.shape[1])
            for search_k in _SEARCH_KS:
                settings = SearchSettings(n_trees=n_trees, search_k=search_k)
                best = max(
                    best, (settings, _recall(annoy, settings, vectors, queries, wanted)), key=lambda pair: pair[1]
                )
                if best[1] >= WANTED_RECALL:
                    return best
    if best[1] < LEAST_RECALL:
        raise BadContentError(
            f"Annoy finds only {best[1]:.1%} of the true neighbors with any setting that was tried; at least "
            f"{LEAST_RECALL:.0%} are wanted. The catalog's pictures may be (nearly) all alike: look at them."
        )
    return best


def _held_out(vectors: Vectors) -> Vectors:
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(vectors), size=min(QUERIES, len(vectors)), replace=False)
    noise = rng.normal(scale=1.0 / np.sqrt(vectors.shape[1]), size=(len(chosen), vectors.shape[1]))
    queries = vectors[chosen] + noise
    return np.asarray(queries / np.linalg.norm(queries, axis=1, keepdims=True), dtype=np.float32)


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
