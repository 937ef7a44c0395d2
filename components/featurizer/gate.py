"""Decides which frames are worth a search."""

import numpy as np

from components.featurizer.frame import Image

SAMPLES = 36
"""How many pixels are looked at along the shorter side."""
NOISE = 24
"""A value that changes by more than this has changed; sensors in dim light stay below it."""
CHANGED_SHARE = 0.005
SEARCH_AGAIN_AFTER_S = 1.0
SETTLING = 2
"""After a change so many frames more are searched: together they say for sure what came to rest."""


class Gate:
    """Lets at most ``max_fps`` frames a second through; of a scene that does not change a few, then one a second."""

    def __init__(self, max_fps: float) -> None:
        self._interval_s = 1 / max_fps
        self._due_s = 0.0
        self._searched_s = float("-inf")
        self._searched: Image | None = None
        self._settling = 0

    def opens(self, image: Image, now_s: float) -> bool:
        """Whether to search ``image`` at ``now_s`` of a monotonic clock; if so, later ones are compared with it."""
        if now_s < self._due_s:
            return False
        stride = max(1, min(image.shape[:2]) // SAMPLES)
        sample = image[::stride, ::stride].copy()
        if self._has_changed(sample):
            self._settling = SETTLING
        elif self._settling:
            self._settling -= 1
        elif now_s - self._searched_s < SEARCH_AGAIN_AFTER_S:
            return False
        self._due_s = max(self._due_s, now_s - self._interval_s / 2) + self._interval_s
        self._searched, self._searched_s = sample, now_s
        return True

    def reopen(self) -> None:
        """The frame it opened for was not searched: the next one need not differ from it."""
        self._searched = None

    def _has_changed(self, sample: Image) -> bool:
        before = self._searched
        if before is None or before.shape != sample.shape:
            return True
        difference = np.maximum(sample, before) - np.minimum(sample, before)
        return bool(np.count_nonzero(difference > NOISE) > CHANGED_SHARE * difference.size)
