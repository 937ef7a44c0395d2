"""A picture's perceptual hash: two files of one picture have nearly the same, however they were saved."""

import cv2
import numpy as np
import numpy.typing as npt

from components.featurizer.frame import Image

SIDE = 16
BITS = SIDE * SIDE - 1
SAME_PICTURE_BITS = 16
"""So many of the bits may differ: JPEG at quality 30 changes 6, 10 % more light 18, the likest mugs of one make 20."""


def perceptual_hash(image: Image) -> npt.NDArray[np.bool_]:
    """Shape (255,): which of the lowest frequencies of a BGR picture are above their median.

    The DCT hash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), with 16 x 16
    frequencies instead of 8 x 8: those of a catalog's white backgrounds alone make 64 bits alike.
    """
    gray = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (4 * SIDE, 4 * SIDE), interpolation=cv2.INTER_AREA)
    lowest = cv2.dct(gray.astype(np.float32))[:SIDE, :SIDE].ravel()[1:]
    return np.asarray(lowest > np.median(lowest), np.bool_)
