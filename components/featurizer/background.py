"""What the camera sees while no item is there: learned slowly, small, and under every light."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from components.featurizer.frame import Image

Small = npt.NDArray[np.float32]
"""Shape (height, width, 3), float32: a frame made small."""
Mask = npt.NDArray[np.uint8]
"""Shape (height, width): 0, and 1 where something is."""

LONG_SIDE = 96
LEARN_S = 8.0
"""In so long the background follows a change of light to two thirds."""
DIFFERENT = 15.0
"""By how much a value must differ from its background; sensors in dim light stay below it."""
_SPREADS = 3.0
_MOST_SPREAD = 10.0
_GAINS = (0.5, 2.0)
_GHOST = 0.6


def small(image: Image) -> Small:
    """``image`` with a longer side of 96 pixels, smoothed."""
    height, width = image.shape[:2]
    scale = LONG_SIDE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    # A grid of pixels first: averaging all pixels of a large picture costs five times as much and shows no more.
    grid = (4 * size[0], 4 * size[1])
    if width > grid[0] and height > grid[1]:
        image = cv2.resize(image, grid, interpolation=cv2.INTER_NEAREST)  # type: ignore[assignment]  # uint8 stays uint8
    made = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(made, (3, 3)), np.float32)


def difference(one: Small, other: Small) -> npt.NDArray[np.float32]:
    """By how much each pixel differs, in the channel that differs most; shape (height, width)."""
    blue, green, red = cv2.split(cv2.absdiff(one, other))
    return np.asarray(cv2.max(cv2.max(blue, green), red))


class Background:
    """A picture of the empty scene, with how much each of its pixels varies by itself."""

    def __init__(self, picture: Small) -> None:
        self.picture = picture.copy()
        self._spread = np.zeros(picture.shape[:2], np.float32)
        self._difference = np.zeros(picture.shape[:2], np.float32)
        self._gain = np.ones(3, np.float32)

    def changed(self, now: Small) -> Mask:
        """Where ``now`` shows something else; a light that changes everywhere alike is no change."""
        coarse = np.s_[::3, ::3]
        ratio = (now[coarse] + 4) / (self.picture[coarse] + 4)
        self._gain = np.clip(np.median(ratio.reshape(-1, 3), axis=0), *_GAINS).astype(np.float32)
        self._difference = difference(now, self.picture * self._gain)
        return np.asarray(self._difference > DIFFERENT + _SPREADS * self._spread, np.uint8)

    def learn(self, now: Small, taken: Mask, passed_s: float) -> None:
        """Follow ``now`` slowly where nothing is ``taken``; under what is there follow the light alone."""
        rate = 1 - math.exp(-passed_s / LEARN_S)
        free = 1 - taken
        relit = self.picture * (1 + np.float32(rate) * (self._gain - 1))
        cv2.accumulateWeighted(now, self.picture, rate, free)
        cv2.copyTo(relit, taken, self.picture)
        cv2.accumulateWeighted(np.minimum(self._difference, _MOST_SPREAD), self._spread, rate, free)

    def is_ghost(self, now: Small, place: Mask) -> bool:
        """Whether ``place`` differs because something was taken away: its outline is in the background, not in ``now``.

        After Cucchiara et al., "Detecting moving objects, ghosts, and shadows in video streams", 2003.
        """
        kernel = np.ones((3, 3), np.uint8)
        outline = (cv2.dilate(place, kernel) - cv2.erode(place, kernel)).astype(bool)
        return bool(_edges(now)[outline].sum() < _GHOST * _edges(self.picture * self._gain)[outline].sum())

    def take_over(self, now: Small, place: Mask) -> None:
        """Let what ``now`` shows at ``place`` be background from here on."""
        there = cv2.dilate(place, np.ones((5, 5), np.uint8)).astype(bool)
        self.picture[there] = now[there] / self._gain


def _edges(picture: Small) -> npt.NDArray[np.float32]:
    gray = picture.mean(axis=2)
    return np.asarray(cv2.magnitude(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)), np.float32)
