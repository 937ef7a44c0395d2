"""An item's prototype: the mean direction of its photos, which a new photo of it is nearer to than to most of them."""

import numpy as np
import numpy.typing as npt

from components.core.segments import Vectors

_NOTHING = 1e-6


def prototypes(vectors: Vectors, items: npt.NDArray[np.int64]) -> tuple[Vectors, npt.NDArray[np.int64]]:
    """One of unit length for every item that has several of ``vectors``, (n, dim), and the items, ascending.

    ``items``, (n,), are the numbers of the items that they show.
    """
    present, inverse, counts = np.unique(items, return_inverse=True, return_counts=True)
    sums = np.zeros((len(present), vectors.shape[1]))
    np.add.at(sums, inverse, vectors)
    means = sums[counts > 1] / counts[counts > 1, None]
    norms = np.maximum(np.linalg.norm(means, axis=1, keepdims=True), _NOTHING)
    return np.asarray(means / norms, np.float32), present[counts > 1]
