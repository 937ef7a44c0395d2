"""What is new before the camera: objects on a known background, without a neural net."""

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np

from components.featurizer.background import DIFFERENT, Background, Mask, Small, difference, small
from components.featurizer.blobs import Blob, find_blobs
from components.featurizer.frame import Image
from components.featurizer.region import Box

LOOK_EVERY_S = 0.06
SETTLE_S = 0.6
"""So long a new scene must be still to become the background, and so long again explain every frame."""
LOOSE_AFTER_S = 3.0
LONGEST_GAP_S = 2.5
"""Frames further apart than this are not compared: nobody knows what happened in between."""
GHOST_AFTER_S = 0.4
ABSORBED_AFTER_S = 1800.0
_STILL_SHARE = 0.03
_SAME_PLACE = 0.12


@dataclass(frozen=True)
class Scene:
    """What is before the camera now."""

    objects: tuple[Box, ...] = ()
    """The objects, largest first; empty where there are none, and where the background is not known."""
    speed: float = 0.0
    """How fast the largest one moves, in its own sizes a second."""
    is_known: bool = False
    """Whether the background is known: then no objects means that nothing was put there."""
    is_loose: bool = False
    """Whether no background could be known for seconds: the camera is held in a hand, or each picture is another."""


@dataclass(frozen=True)
class _Tracked:
    blob: Blob
    still_since_s: float
    speed: float = 0.0
    is_object: bool = False
    """Whether it has been looked at closely: it is no ghost."""


class Foreground:
    """Compares every frame with the background that it learns. An object at rest is not learned for half an hour."""

    def __init__(self) -> None:
        self.scene = Scene()
        self._background: Background | None = None
        self._before: Small | None = None
        self._looked_s = float("-inf")
        self._still_since_s = 0.0
        self._explained_since_s: float | None = None
        self._known_s: float | None = None
        self._tracked: list[_Tracked] = []

    def look(self, image: Image, now_s: float) -> Scene:
        """The scene of ``image``, taken at ``now_s`` of a monotonic clock; one taken just before is given again."""
        passed_s = now_s - self._looked_s
        if 0 <= passed_s < LOOK_EVERY_S:
            return self.scene
        now = small(image)
        before, self._before, self._looked_s = self._before, now, now_s
        if before is None or before.shape != now.shape or not 0 < passed_s <= LONGEST_GAP_S:
            self._forget(now_s)
        else:
            self._note_stillness(before, now, now_s)
            self.scene = self._compare(now, now_s, passed_s)
        if self.scene.is_known or self._known_s is None:
            self._known_s = now_s
        if now_s - self._known_s > LOOSE_AFTER_S:
            self.scene = dataclasses.replace(self.scene, is_loose=True)
        return self.scene

    def _forget(self, now_s: float) -> None:
        self.scene, self._background, self._tracked = Scene(), None, []
        self._still_since_s, self._explained_since_s = now_s, None

    def _note_stillness(self, before: Small, now: Small, now_s: float) -> None:
        if _share_changed(before, now) > _STILL_SHARE:
            self._still_since_s = now_s

    def _compare(self, now: Small, now_s: float, passed_s: float) -> Scene:
        background = self._background
        blobs = None if background is None else find_blobs(background.changed(now))
        if background is None or blobs is None:
            return self._wait_for_rest(now, now_s)
        if self._explained_since_s is None:
            self._explained_since_s = now_s
        self._tracked = [self._track(blob, now_s, passed_s) for blob in blobs]
        self._tracked = [one for seen in self._tracked if (one := self._examined(seen, now, now_s)) is not None]
        background.learn(now, _taken(self._tracked, now), passed_s)
        if now_s - self._explained_since_s < SETTLE_S:
            return Scene()
        speed = self._tracked[0].speed if self._tracked else 0.0
        return Scene(tuple(one.blob.box() for one in self._tracked), speed, is_known=True)

    def _wait_for_rest(self, now: Small, now_s: float) -> Scene:
        """A scene that nothing explains becomes the background when it rests."""
        self._explained_since_s, self._tracked = None, []
        if now_s - self._still_since_s >= SETTLE_S:
            self._background = Background(now)
        return Scene()

    def _track(self, blob: Blob, now_s: float, passed_s: float) -> _Tracked:
        """``blob`` with what is known of it from the look before."""
        moves = [(_moved(one.blob, blob), one) for one in self._tracked]
        moved, nearest = min(moves, key=lambda pair: pair[0], default=(1.0, None))
        speed = moved / passed_s
        if nearest is None or moved > _SAME_PLACE:
            return _Tracked(blob, now_s, speed)
        return _Tracked(blob, nearest.still_since_s, speed, nearest.is_object)

    def _examined(self, one: _Tracked, now: Small, now_s: float) -> _Tracked | None:
        """``one``, or None where it is background: what was taken away uncovered it, or it stood there very long."""
        background, still_s = self._background, now_s - one.still_since_s
        if background is None or still_s < GHOST_AFTER_S or (one.is_object and still_s < ABSORBED_AFTER_S):
            return one
        if still_s < ABSORBED_AFTER_S and not background.is_ghost(now, one.blob.mask):
            return dataclasses.replace(one, is_object=True)
        background.take_over(now, one.blob.mask)
        return None


def _share_changed(before: Small, now: Small) -> float:
    gain = (now.mean() + 4) / (before.mean() + 4)
    return float((difference(now, before * np.float32(gain)) > DIFFERENT).mean())


def _moved(before: Blob, now: Blob) -> float:
    """How far the edge that moved most did so, as a share of the object's size."""
    return max(abs(a - b) for a, b in zip(before.edges, now.edges, strict=True)) / max(before.side, now.side)


def _taken(tracked: list[_Tracked], like: Small) -> Mask:
    """Where objects are, with the shadows around them."""
    taken = np.zeros(like.shape[:2], np.uint8)
    for one in tracked:
        taken |= one.blob.mask
    return np.asarray(cv2.dilate(taken, np.ones((7, 7), np.uint8)), np.uint8)
