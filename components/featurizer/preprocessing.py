"""From a picture of any size to the square that the network takes; mean, scale and color order are in the model."""

from typing import Any

import cv2
import numpy as np

from components.featurizer.frame import Image


def center_square(image: Image) -> Image:
    """The largest centered square of ``image``: a view, nothing is copied."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def to_input(image: Image, target: Image) -> None:
    """Fill ``target``, shape (size, size, 3), with the center square of ``image``; raises ValueError for no picture.

    Shrinks by area, so that fine patterns do not alias, and enlarges linearly.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"A picture must be uint8 of shape (height, width, 3), not {image.dtype} of {image.shape}.")
    size = target.shape[0]
    square: Any = center_square(image)
    # An exact half costs a fifth of an area resize and gives a like picture while enough pixels are left.
    while square.shape[0] >= 4 * size:
        half = square.shape[0] // 2
        square = cv2.resize(square[: 2 * half, : 2 * half], (half, half), interpolation=cv2.INTER_AREA)
    if square.shape[0] == size:
        target[:] = square
        return
    how = cv2.INTER_AREA if square.shape[0] > size else cv2.INTER_LINEAR
    cv2.resize(square, (size, size), dst=target, interpolation=how)
