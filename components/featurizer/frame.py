"""A frame, and what brings frames."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""Shape (height, width, 3), uint8, BGR."""


@dataclass(frozen=True)
class Frame:
    """One picture of the camera, with the moment at which it was taken."""

    image: Image
    seq: int
    captured_ns: int
    """Monotonic clock, nanoseconds."""
    captured_at: float
    """Wall clock, seconds since 1970: only to show."""
    label: str | None = None
    """The item that is really shown, where the source knows it; "" for an empty scene."""


class Source(Protocol):
    """Something that brings frames until it is told to stop."""

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        """Yield frames until ``stop`` is set or the source ends; raises UnavailableError when it cannot go on now."""
