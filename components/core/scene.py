"""Which frames of a camera show the same scene: their evidence belongs together."""

from collections import deque

import numpy as np

from components.core.camera_mean import cosine
from components.core.segments import Vectors

SAME, AT_REST = 0.8, 0.94
"""Cosine from which on a frame shows what the frames before it showed, and what the last one showed without moving.

Measured on clips of items held by hand: of two frames at rest 99 % lie above 0.94 (of one holding 0.88), of two items
99 % below 0.67, of two frames of something that moves 95 % below 0.92; with and without centering.
"""
FRAMES = 6
"""How many frames' evidence counts, under a second at eight frames a second."""
MOVING_FRAMES = 3
"""So many frames of an item that is moved say as much as one of an item at rest."""


class Scene:
    """What stands before one camera now, from frame to frame."""

    def __init__(self) -> None:
        self.number = 0
        """Counts up with every change of scene."""
        self._frames = 0
        self._at_rest = 0
        self._window: deque[Vectors] = deque(maxlen=FRAMES)

    @property
    def settled(self) -> int:
        """How many frames in a row the scene has been at rest, or a third of all its frames where it keeps moving."""
        return max(self._at_rest, self._frames // MOVING_FRAMES)

    def see(self, embedding: Vectors, mean: Vectors) -> None:
        """Take the raw embedding of the next frame, shape (dim,).

        ``mean``, shape (dim,), is that of the camera: what all its frames have in common must not make them alike.
        """
        frame = embedding - mean
        if not self._window or cosine(frame, np.mean(self._window, axis=0) - mean) < SAME:
            self._window.clear()
            self.number, self._frames, self._at_rest = self.number + 1, 0, 1
        else:
            self._at_rest = self._at_rest + 1 if cosine(frame, self._window[-1] - mean) >= AT_REST else 1
        self._frames += 1
        self._window.append(embedding)

    def evidence(self) -> Vectors:
        """The raw embeddings of the scene's last frames, shape (1 to FRAMES, dim): those at rest if it rests."""
        counts = self._at_rest if self._at_rest > 1 else len(self._window)
        return np.stack(self._window)[-counts:]
