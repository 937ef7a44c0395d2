"""Memory that the inference child and the featurizer share: one prepared picture in, one embedding out."""

import mmap

import numpy as np

from components.core.messages import Embedding
from components.featurizer.frame import Image


class Exchange:
    """Room for one picture of ``size`` x ``size`` and one vector of ``dim``; the sides take turns by messages."""

    vector: Embedding
    """Shape (dim,), float32."""
    picture: Image
    """Shape (size, size, 3), uint8, BGR."""

    def __init__(self, fd: int, size: int, dim: int) -> None:
        memory = mmap.mmap(fd, capacity(size, dim))
        # The arrays keep the memory alive; it is given back with the last of them.
        self.vector = np.frombuffer(memory, np.float32, dim)
        self.picture = np.frombuffer(memory, np.uint8, size * size * 3, dim * 4).reshape(size, size, 3)


def capacity(size: int, dim: int) -> int:
    """How many bytes an exchange needs."""
    return dim * 4 + size * size * 3
