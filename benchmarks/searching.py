"""Search: an index with the learned projection against one of plain 1280-d embeddings, beside exact numpy."""

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.figures import durations_ms, p50_p95
from benchmarks.material import DIM, make_generation, raw_embeddings
from components.searcher.annoy_index import AnnoyCandidates, build_file
from components.searcher.index import Index
from components.searcher.snapshot import load_snapshot

K = 10
QUERIES = 200


def measure(count: int) -> dict[str, dict[str, float]]:
    """p50/p95 of one query from the raw embedding on, recall@10 and build time at ``count`` items."""
    raw = raw_embeddings(count)
    asked = raw[:QUERIES] + 0.02 * np.random.default_rng(1).normal(size=(QUERIES, raw.shape[1])).astype(np.float32)
    asked = np.asarray(asked / np.linalg.norm(asked, axis=1, keepdims=True), np.float32)
    rows = {
        **{f"plain 1280-d, {name}": row for name, row in _measured(raw, asked, plain=True).items()},
        **{f"learned {DIM}-d, {name}": row for name, row in _measured(raw, asked, plain=False).items()},
    }
    peer = rows["plain 1280-d, Annoy"]["p50_ms"]
    for row in rows.values():
        row["vs plain Annoy"] = round(row["p50_ms"] / peer, 2)
    return rows


def _measured(raw: np.ndarray, asked: np.ndarray, *, plain: bool) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        store = make_generation(Path(folder), raw, "0" * 64, plain=plain)
        began = time.perf_counter()
        snapshot = load_snapshot(store, 1)
        loaded_s = time.perf_counter() - began
        path = Path(folder) / "index.ann"
        began = time.perf_counter()
        build_file(snapshot.vectors, path, snapshot.manifest.search.n_trees)
        built_s = time.perf_counter() - began
        exact, annoy = Index(snapshot), Index(snapshot, AnnoyCandidates(path, snapshot.manifest.dim))
        project = snapshot.projection.query
        rows = {
            "numpy": _timed(lambda q: _numpy_top(snapshot.vectors, project(q[None])[0]), asked),
            "exact scan": _timed(lambda q: exact.search(project(q[None])[0], K), asked),
            "Annoy": _timed(lambda q: annoy.search(project(q[None])[0], K), asked),
        }
        rows["exact scan"]["load_s"] = round(loaded_s, 2)
        rows["Annoy"]["build_s"] = round(built_s, 2)
        rows["Annoy"]["search_k"] = snapshot.manifest.search.search_k
        rows["Annoy"]["recall@10"] = _recall(exact, annoy, project(asked))
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
