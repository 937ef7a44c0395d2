"""The closest pairs among many vectors, by blocks of matrix products."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from components.core.segments import Vectors

PER_VECTOR = 10
_BLOCK_NUMBERS = 16_000_000


class Pair(NamedTuple):
    """Two rows, ``first`` < ``second``, and the product of their vectors."""

    first: int
    second: int
    score: float


def close_pairs(vectors: Vectors, at_least: float, groups: npt.NDArray[np.int64] | None = None) -> list[Pair]:
    """The pairs of rows of (n, dim) whose product reaches ``at_least``, best first.

    Two rows with the same number in ``groups`` (n,) are no pair. Of each row, the ``PER_VECTOR`` closest others are
    looked at: of a hundred copies, each is in some pair, but not every pair is there.
    """
    count = len(vectors)
    groups = np.arange(count) if groups is None else groups
    found: dict[tuple[int, int], float] = {}
    step = max(1, _BLOCK_NUMBERS // max(1, count))
    for start in range(0, count, step):
        rows = slice(start, start + step)
        scores = vectors[rows] @ vectors.T
        scores[groups[rows, None] == groups[None, :]] = -np.inf
        k = min(PER_VECTOR, count)
        closest = np.argpartition(scores, count - k, axis=1)[:, count - k :]
        reached = np.take_along_axis(scores, closest, axis=1)
        for row, place in np.argwhere(reached >= at_least).tolist():
            one, other = start + row, int(closest[row, place])
            found[min(one, other), max(one, other)] = float(reached[row, place])
    return sorted((Pair(*rows, score) for rows, score in found.items()), key=lambda p: (-p.score, p.first, p.second))
