"""From the mask of what changed to the objects in it, largest first."""

from dataclasses import dataclass

import cv2
import numpy as np

from components.featurizer.background import Mask
from components.featurizer.region import Box

MIN_AREA = 0.0012
"""Share of the picture; less is noise, a reflection, a crumb."""
STRAY = 0.03
"""Share of the picture that may have changed beside the objects."""
LARGEST = 0.6
"""Share of the picture; where more changed, it is the scene that did."""
_NET = (0.25, 0.25)
"""What takes more than a quarter of the picture and fills less than a quarter of its box is no object: edges all over
the scene changed, because the camera was pushed."""
_PIECE = 0.35
_REACH = 0.35


@dataclass(frozen=True)
class Blob:
    """One object: its box in pixels (left, top, right, bottom) and its pixels in the mask."""

    edges: tuple[int, int, int, int]
    area: int
    mask: Mask

    @property
    def side(self) -> int:
        """Its longer side in pixels."""
        left, top, right, bottom = self.edges
        return max(right - left, bottom - top)

    def box(self) -> Box:
        """Its box in shares of the picture."""
        height, width = self.mask.shape
        left, top, right, bottom = self.edges
        return (left / width, top / height, (right - left) / width, (bottom - top) / height)


def find_blobs(changed: Mask) -> list[Blob] | None:
    """The objects in ``changed``, largest first; None where objects do not explain it: the scene itself changed."""
    clean = cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    whole: Mask = np.asarray(cv2.morphologyEx(clean, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), np.uint8)
    if whole.mean() > LARGEST:
        return None
    count, labels, stats, _ = cv2.connectedComponentsWithStats(whole)
    found = []
    for number in range(1, count):
        x, y, w, h, area = (int(value) for value in stats[number])
        if area >= MIN_AREA * whole.size:
            found.append(Blob((x, y, x + w, y + h), area, np.asarray(labels == number, np.uint8)))
    blobs = _joined(sorted(found, key=lambda blob: -blob.area))
    if any(_is_net(blob) for blob in blobs):
        return None
    explained = np.zeros_like(whole)
    for blob in blobs:
        left, top, right, bottom = blob.edges
        explained[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2] = 1
    stray = np.count_nonzero(changed & (1 - explained))
    return None if stray > STRAY * changed.size else blobs


def _is_net(blob: Blob) -> bool:
    left, top, right, bottom = blob.edges
    size = (right - left) * (bottom - top)
    return size > _NET[0] * blob.mask.size and blob.area < _NET[1] * size


def _joined(blobs: list[Blob]) -> list[Blob]:
    """Small pieces near a larger one belong to it: a label in the color of the counter cuts an item in two."""
    kept: list[Blob] = []
    for blob in blobs:
        near = next((n for n, one in enumerate(kept) if blob.area < _PIECE * one.area and _is_near(one, blob)), None)
        if near is None:
            kept.append(blob)
        else:
            kept[near] = _union(kept[near], blob)
    return kept


def _is_near(one: Blob, other: Blob) -> bool:
    (l1, t1, r1, b1), (l2, t2, r2, b2) = one.edges, other.edges
    return max(l1 - r2, l2 - r1, t1 - b2, t2 - b1) <= _REACH * one.side


def _union(one: Blob, other: Blob) -> Blob:
    (l1, t1, r1, b1), (l2, t2, r2, b2) = one.edges, other.edges
    return Blob((min(l1, l2), min(t1, t2), max(r1, r2), max(b1, b2)), one.area + other.area, one.mask | other.mask)
