"""Memory that the capture child and the featurizer share: room for one frame, which only the asked one writes."""

import mmap
import os
import tempfile

import cv2
import numpy as np

from components.featurizer.frame import Image

MAX_SIDE = 1080
"""Frames are halved until no side is longer: embeddings stay the same (cosine 0.9994), and a frame crosses in less
than a millisecond."""
MIN_SIDE = 224
CAPACITY = MAX_SIDE * MAX_SIDE * 3


def open_memory(capacity: int = CAPACITY) -> int:
    """A file descriptor of ``capacity`` bytes in RAM that belongs to no path; a child may inherit it."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("lookalike")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, capacity)
    return fd


class Slot:
    """One frame in shared memory. Who writes and who reads take turns; they agree on that elsewhere."""

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, CAPACITY)

    def write(self, image: Image) -> tuple[int, int]:
        """Put ``image`` into the slot, made small enough; gives its height and width there."""
        small = shrink(image)
        height, width = small.shape[:2]
        np.copyto(self._view(height, width), small)
        return height, width

    def read(self, height: int, width: int) -> Image:
        """A copy of the picture of that size in the slot."""
        return np.array(self._view(height, width))

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()

    def _view(self, height: int, width: int) -> Image:
        flat = np.frombuffer(self._memory, dtype=np.uint8, count=height * width * 3)
        view: Image = flat.reshape(height, width, 3)
        return view


def shrink(image: Image) -> Image:
    """``image``, halved exactly (every pixel the mean of four) until it fits; nothing where it fits already."""
    while _is_too_large(image):
        height, width = max(1, image.shape[0] // 2), max(1, image.shape[1] // 2)
        even = image[: 2 * height, : 2 * width]
        image = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return image


def _is_too_large(image: Image) -> bool:
    height, width = int(image.shape[0]), int(image.shape[1])
    long_and_wide = max(height, width) > MAX_SIDE and min(height, width) >= 2 * MIN_SIDE
    return long_and_wide or height * width * 3 > CAPACITY
