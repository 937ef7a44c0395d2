"""The mean embedding of what one camera sees, by which its queries are centered.

A slow running average over scenes, not over frames: an item that stands there for hours counts once.
"""

from collections import deque
from collections.abc import Iterable

import numpy as np

from components.core.segments import Vectors

PRIOR_SCENES = 20
"""The generation's own mean counts as so many scenes: the first ones change little."""
MAX_SCENES = 300
"""What was seen longer ago than so many scenes is forgotten little by little."""
REMEMBERED = 16
"""A scene like one of the last so many counted ones is not counted again: the empty counter between all items."""
NEAR = 0.6
"""A scene is like another where it is nearer to it than this share of its way to the mean. Not a matter of centered
cosines: centered by the mean of another domain, all scenes look alike, and none would ever count."""
PAUSE_S_PER_SCENE, LONGEST_PAUSE_S = 0.2, 60.0
"""The more is known, the seldomer a scene is counted: what passes before the camera for minutes moves little."""


class CameraMean:
    """What one camera has seen so far; start it with what was kept, or with nothing."""

    def __init__(self, dim: int, own: Vectors | None = None, scenes: int = 0) -> None:
        self.own: Vectors = np.zeros(dim, np.float32) if own is None else own
        """The mean of the counted scenes alone, shape (dim,); zeros where none was counted."""
        self.scenes = scenes
        """How many scenes were counted, at most MAX_SCENES."""
        self._recent: deque[Vectors] = deque(maxlen=REMEMBERED)
        self._due_s = float("-inf")

    def around(self, start: Vectors) -> Vectors:
        """The mean to center by, shape (dim,): from ``start``, the generation's own, toward what was seen."""
        share = self.scenes / (PRIOR_SCENES + self.scenes)
        return np.asarray((1 - share) * start + share * self.own, np.float32)

    def saw(self, embedding: Vectors, start: Vectors, now_s: float | None = None) -> bool:
        """Count the scene that ``embedding``, a unit vector of shape (dim,), shows; False where it does not count.

        ``now_s`` is of a monotonic clock; without it no time is kept, as with photos that were taken days apart.
        """
        if (now_s is not None and now_s < self._due_s) or self._is_known(embedding, self.around(start)):
            return False
        self.scenes = min(self.scenes + 1, MAX_SCENES)
        self.own = np.asarray(self.own + (embedding - self.own) / self.scenes, np.float32)
        self._recent.append(embedding)
        if now_s is not None:
            self._due_s = now_s + min(LONGEST_PAUSE_S, PAUSE_S_PER_SCENE * self.scenes)
        return True

    def _is_known(self, embedding: Vectors, mean: Vectors) -> bool:
        near = NEAR * float(np.linalg.norm(embedding - mean))
        return any(float(np.linalg.norm(embedding - other)) < near for other in self._recent)


def cosine(one: Vectors, other: Vectors) -> float:
    """The cosine of two vectors of any length; 0 where one has none."""
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norms if norms > 0 else 0.0


def means_in_order(embeddings: Iterable[Vectors], start: Vectors) -> Vectors:
    """By which mean a camera would center each of ``embeddings``, seen in this order: shape (n, dim).

    For an evaluation on photos: each is centered by what was seen before it (prequential), starting from ``start``,
    the mean of the generation.
    """
    seen, means = CameraMean(start.size), [np.empty((0, start.size), np.float32)]
    for embedding in embeddings:
        means.append(seen.around(start)[None, :])
        seen.saw(embedding, start)
    return np.concatenate(means)
