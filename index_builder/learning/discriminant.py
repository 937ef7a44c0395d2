"""Linear discriminant analysis with shrinkage, in closed form: the directions in which items differ, not their views.

Fisher 1936; Rao 1948 for several classes; shrinkage of the scatter toward the identity after Ledoit and Wolf 2004.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from components.core.segments import Vectors

Labels = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float64]

_NOTHING = 1e-9


def unit(vectors: npt.NDArray[np.floating]) -> Vectors:
    """``vectors``, (n, dim), scaled to unit length."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, _NOTHING), dtype=np.float32)


def means_of(vectors: Vectors, labels: Labels) -> tuple[Labels, Vectors]:
    """The labels that occur, ascending, and the mean of each one's vectors."""
    present, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((len(present), vectors.shape[1]))
    np.add.at(sums, inverse, vectors)
    return present, (sums / counts[:, None]).astype(np.float32)


@dataclass(frozen=True)
class Scatter:
    """How views differ around their items' means."""

    matrix: Matrix = field(repr=False)
    """Shape (dim, dim): the mean square difference."""
    freedom: int
    """Views less items."""


def within(vectors: Vectors, labels: Labels) -> Scatter | None:
    """The scatter of ``vectors`` around the means of their labels; None where no label has two of them."""
    present, means = means_of(vectors, labels)
    freedom = len(vectors) - len(present)
    if freedom <= 0:
        return None
    differences = vectors - means[np.searchsorted(present, labels)]
    return Scatter((differences.T @ differences).astype(np.float64) / freedom, freedom)


@dataclass(frozen=True)
class Whitening:
    """The inverse square root of a scatter, by its eigenvectors, ready for any shrinkage."""

    values: npt.NDArray[np.float64] = field(repr=False)
    vectors: Matrix = field(repr=False)

    def matrix(self, shrinkage: float) -> Vectors:
        """Shape (dim, dim): of the scatter moved by ``shrinkage`` (0 to 1) toward a multiple of the identity."""
        values = (1 - shrinkage) * self.values + shrinkage * self.values.mean()
        return np.asarray((self.vectors * values**-0.5) @ self.vectors.T, dtype=np.float32)


def whitening(scatter: Matrix) -> Whitening:
    """The eigenvectors of ``scatter``, the expensive part, once for all shrinkages."""
    values, vectors = np.linalg.eigh(scatter)
    return Whitening(np.maximum(values, 0.0), vectors)


def directions(whitened: Vectors, several: int) -> Vectors:
    """Orthonormal directions, (dim, at most ``several``), in which ``whitened``, (n, dim), differ most, in order."""
    centered = (whitened - whitened.mean(axis=0)).astype(np.float64)
    if len(centered) > centered.shape[1]:
        found = np.linalg.eigh(centered.T @ centered)[1][:, ::-1]
    else:
        found = np.linalg.svd(centered, full_matrices=False)[2].T
    found = found[:, :several]
    # The sign of each is arbitrary: fix it, so that the same input gives the same file.
    signs = np.sign(found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])])
    return np.asarray(found * signs, np.float32)
