"""Search: the index against exact numpy, over the same vectors and over the raw 1280-d ones."""

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.figures import durations_ms, p50_p95
from benchmarks.material import make_generation, raw_embeddings
from components.searcher.annoy_index import AnnoyCandidates, build_file
from components.searcher.index import Index
from components.searcher.snapshot import load_snapshot

K = 10
QUERIES = 200


def measure(count: int) -> dict[str, dict[str, float]]:
    """p50/p95 of one query, recall@10 and build time at ``count`` items."""
    raw = raw_embeddings(count)
    asked = raw[:QUERIES] + 0.02 * np.random.default_rng(1).normal(size=(QUERIES, raw.shape[1])).astype(np.float32)
    asked = np.asarray(asked / np.linalg.norm(asked, axis=1, keepdims=True), np.float32)
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        store = make_generation(Path(folder), raw, "0" * 64)
        began = time.perf_counter()
        snapshot = load_snapshot(store, 1)
        loaded_s = time.perf_counter() - began
        path = Path(folder) / "index.ann"
        began = time.perf_counter()
        build_file(snapshot.vectors, path, snapshot.manifest.search.n_trees)
        built_s = time.perf_counter() - began
        exact, annoy = Index(snapshot), Index(snapshot, AnnoyCandidates(path, snapshot.manifest.dim))
        queries = snapshot.projection.query(asked)
        rows = {
            "numpy, exact, raw 1280-d": _timed(lambda q: _numpy_top(raw, q), asked),
            "numpy, exact, 128-d": _timed(lambda q: _numpy_top(snapshot.vectors, q), queries),
            "lookalike, exact scan": _timed(lambda q: exact.search(q, K), queries),
            "lookalike, Annoy": _timed(lambda q: annoy.search(q, K), queries),
        }
        rows["lookalike, exact scan"]["load_s"] = round(loaded_s, 2)
        rows["lookalike, Annoy"]["build_s"] = round(built_s, 2)
        rows["lookalike, Annoy"]["search_k"] = snapshot.manifest.search.search_k
        rows["lookalike, Annoy"]["recall@10"] = _recall(exact, annoy, queries)
    peer = rows["numpy, exact, 128-d"]["p50_ms"]
    for row in rows.values():
        row["vs numpy"] = round(row["p50_ms"] / peer, 2)
    return rows


def _timed(search: object, queries: np.ndarray) -> dict[str, float]:
    turn = iter(np.tile(queries, (3, 1)))
    return p50_p95(durations_ms(lambda: search(next(turn)), 2 * QUERIES))  # type: ignore[operator]


def _numpy_top(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    scores = vectors @ query
    best = np.argpartition(scores, -K)[-K:]
    return best[np.argsort(-scores[best])]


def _recall(exact: Index, annoy: Index, queries: np.ndarray) -> float:
    found = [
        len({m.item_id for m in exact.search(q, K)} & {m.item_id for m in annoy.search(q, K)}) / K for q in queries
    ]
    return round(float(np.mean(found)), 4)
