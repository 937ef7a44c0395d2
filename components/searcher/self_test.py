"""Whether Annoy works on this machine: ``python -m components.searcher.self_test``.

Builds a small index, asks it, compares with an exact scan. A wheel that is built for a newer processor ends it with
SIGILL ("Illegal instruction").
"""

import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

from components.core.errors import LookalikeError, UnavailableError
from components.searcher.annoy_index import SEED, AnnoyCandidates, build_file

VIEWS, DIM, QUERIES, NEAREST = 2_000, 128, 50, 10
_TREES = 10
MIN_RECALL = 0.99


def recall() -> float:
    """Which share of the nearest neighbors Annoy finds, 0 to 1, where it may look at every vector."""
    rng = np.random.default_rng(SEED)
    vectors = rng.standard_normal((VIEWS, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        path = Path(folder, "self-test.ann")
        build_file(vectors, path, _TREES)
        annoy = AnnoyCandidates(path, DIM)
        found = 0
        for query in vectors[:QUERIES]:
            exact = np.argsort(-(vectors @ query))[:NEAREST].tolist()
            found += len({*exact} & {*annoy.near(query, NEAREST, VIEWS * _TREES)})
    return found / (QUERIES * NEAREST)


def main() -> int:
    """Say what came of it; 1 with a sentence where Annoy does not find what an exact scan finds."""
    try:
        found = recall()
        if found < MIN_RECALL:
            raise UnavailableError(
                f"Annoy finds {found:.3f} of the nearest neighbors, at least {MIN_RECALL} is expected: install the "
                "searcher again, or set annoy to false."
            )
    except LookalikeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Annoy {version('annoy')} finds {found:.3f} of the nearest neighbors among {VIEWS} vectors.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
