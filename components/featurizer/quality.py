"""Which pictures are too poor to be searched, and what the person before the camera can do about it."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from components.featurizer.crop import Crop
from components.featurizer.foreground import Scene
from components.featurizer.frame import Image
from components.featurizer.preprocessing import center_square

_SIDE = 224
"""Sharpness is that of what the network sees: finer detail is lost anyway."""
_LITTLE_CONTRAST = 40.0
"""A picture with less between its darkest and brightest parts has no edge that tells whether it is sharp."""

REASONS = {
    "too_dark": "the picture is too dark to be searched",
    "hold_still": "the item moves too fast to be searched",
    "come_closer": "the item is too small in the picture to be searched",
    "too_blurred": "the picture is too blurred to be searched",
}


@dataclass(frozen=True)
class Limits:
    """What a picture must keep to be searched; 0 turns a limit off."""

    min_brightness: float = 40.0
    """Of ``brightness``."""
    min_sharpness: float = 0.15
    """Of ``sharpness``."""
    max_speed: float = 2.0
    """Sizes of the object a second."""
    min_object: float = 0.1
    """The object's longer side as a share of the region's shorter one."""

    def guidance(self, crop: Crop, scene: Scene, view: Image) -> str:
        """What is wrong with ``crop`` of ``view``, as one of messages.GUIDANCE; "" where it can be searched."""
        gray = _gray(crop.image)
        if brightness(gray) < self.min_brightness:
            return "too_dark"
        if crop.object is not None and 0 < self.max_speed < scene.speed:
            return "hold_still"
        if crop.object is not None and _size(crop.object, view) < self.min_object:
            return "come_closer"
        # Of an empty counter nothing need be sharp.
        is_judged = crop.object is not None or scene.is_loose
        return "too_blurred" if is_judged and sharpness(gray) < self.min_sharpness else ""


def brightness(gray: npt.NDArray[np.uint8]) -> float:
    """The value that 5 % of the picture exceed, 0 to 255: a dark item before a lit ground is not dark."""
    return float(_values_at(gray, 0.95)[0])


def sharpness(gray: npt.NDArray[np.uint8]) -> float:
    """How steep the steepest edges are: the share of the picture's contrast within one pixel, 0.25 where it is sharp.

    The steepest 0.5 % count, so that a plain item with a few edges is as sharp as a printed one. 1.0 where there is too
    little contrast to tell.
    """
    low, high = _values_at(gray, 0.005, 0.995)
    if high - low < _LITTLE_CONTRAST:
        return 1.0
    across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(gray, cv2.CV_32F, 0, 1) / 8
    steep = cv2.magnitude(across, down).ravel()
    nth = int(0.995 * steep.size)
    return float(np.partition(steep, nth)[nth] / (high - low))


def _values_at(gray: npt.NDArray[np.uint8], *shares: float) -> list[int]:
    """The values below which these shares of the pixels lie; counted, which is far faster than sorting."""
    below = np.cumsum(cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel())
    return [int(np.searchsorted(below, share * gray.size)) for share in shares]


def _gray(image: Image) -> npt.NDArray[np.uint8]:
    """What the network sees of ``image``, gray; never enlarged, which would only blur it."""
    square = center_square(image)
    side = min(_SIDE, square.shape[0])
    return np.asarray(cv2.cvtColor(cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY))


def _size(box: tuple[float, float, float, float], view: Image) -> float:
    height, width = view.shape[:2]
    return float(max(box[2] * width, box[3] * height) / min(height, width))
