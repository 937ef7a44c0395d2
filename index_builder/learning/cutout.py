"""Cuts an item out of its studio picture: what is connected with the border and has its color is background."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from components.featurizer.frame import Image
from components.thumbnails import fit

LONGEST_SIDE = 256
"""Camera views are not larger."""
_ALIKE = 10
"""Lab units, in which a step of 2 or 3 is just seen (CIE 1976)."""
_PLAIN_BORDER = 0.6
_SMALLEST, _LARGEST = 0.03, 0.97

Mask = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Cutout:
    """An item without its background."""

    image: Image = field(repr=False)
    """Shape (height, width, 3), BGR; cut to the item."""
    mask: Mask = field(repr=False)
    """Shape (height, width); 1 where the item is, 0 elsewhere."""


def cut_out(image: Image) -> Cutout:
    """The item of a studio picture; the whole picture where its border is not of one color."""
    small = fit(image, LONGEST_SIDE)
    mask = _foreground(small)
    rows, columns = np.nonzero(mask)
    part = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return Cutout(np.ascontiguousarray(small[part]), mask[part].astype(np.float32))


def _foreground(image: Image) -> npt.NDArray[np.uint8]:
    everything = np.ones(image.shape[:2], np.uint8)
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.int16)
    border = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    color = np.median(border, axis=0)
    if np.mean(np.abs(border - color).max(axis=1) < _ALIKE) < _PLAIN_BORDER:
        return everything
    alike = (np.abs(lab - color).max(axis=2) < _ALIKE).astype(np.uint8)
    _, parts = cv2.connectedComponents(alike)
    at_border = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    background = np.isin(parts, at_border[at_border > 0])
    mask = cv2.morphologyEx((~background).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(mask, np.uint8) if _SMALLEST < mask.mean() < _LARGEST else everything
