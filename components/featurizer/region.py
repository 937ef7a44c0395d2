"""The part of the frame that is looked at: a rectangle or a polygon in shares of the frame, or all of it."""

from dataclasses import dataclass

import cv2
import numpy as np

from components.core.errors import ConfigurationError
from components.featurizer.frame import Image

Box = tuple[float, float, float, float]
"""Left, top, width, height as shares of a picture."""
Point = tuple[float, float]

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
MIN_SIDE = 0.05
_BLANK = 114
"""Gray value of what lies outside of a polygon: near the mean of most pictures."""


@dataclass(frozen=True)
class Region:
    """Cuts its part out of every frame; ``points`` is empty for a rectangle."""

    box: Box = WHOLE
    points: tuple[Point, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the frame."""
        return self.box == WHOLE and not self.points

    def of(self, image: Image) -> Image:
        """The region of ``image``, gray outside of a polygon; a view where nothing has to be blanked."""
        view = cut(image, self.box)
        if not self.points:
            return view
        height, width = image.shape[:2]
        left, top = round(self.box[0] * width), round(self.box[1] * height)
        corners = np.array([(round(x * width) - left, round(y * height) - top) for x, y in self.points], np.int32)
        inside = cv2.fillPoly(np.zeros(view.shape[:2], np.uint8), [corners], 255)
        blanked = np.full_like(view, _BLANK)
        cv2.copyTo(view, inside, blanked)
        return blanked

    def in_frame(self, box: Box) -> Box:
        """``box`` of the region's picture as shares of the whole frame."""
        left, top, width, height = self.box
        shares = (left + box[0] * width, top + box[1] * height, box[2] * width, box[3] * height)
        return (round(shares[0], 4), round(shares[1], 4), round(shares[2], 4), round(shares[3], 4))


def cut(image: Image, box: Box) -> Image:
    """The part ``box`` of ``image``, at least one pixel: a view, nothing is copied."""
    height, width = image.shape[:2]
    left, top = min(round(box[0] * width), width - 1), min(round(box[1] * height), height - 1)
    right, bottom = round((box[0] + box[2]) * width), round((box[1] + box[3]) * height)
    return image[top : max(bottom, top + 1), left : max(right, left + 1)]


def parse_region(text: str) -> Region:
    """The region that ``text`` describes: ``left,top,width,height``, or ``x,y x,y x,y ...``; "" is all of the frame.

    Raises ConfigurationError.
    """
    try:
        groups = [tuple(float(number) for number in group.split(",")) for group in text.split()]
        numbers = [number for group in groups for number in group]
        if not groups:
            return Region()
        if len(groups) == 1 and len(numbers) == 4:
            return Region(_checked((numbers[0], numbers[1], numbers[2], numbers[3])))
        if len(groups) >= 3 and all(len(group) == 2 for group in groups):
            points = tuple((group[0], group[1]) for group in groups)
            (left, top), (right, bottom) = map(min, zip(*points, strict=True)), map(max, zip(*points, strict=True))
            return Region(_checked((left, top, right - left, bottom - top)), points)
    except ValueError:
        pass  # said below, as of every other text that is no region
    raise _refusal(text)


def _checked(box: Box) -> Box:
    left, top, width, height = box
    fits = left >= 0 and top >= 0 and left + width <= 1.0001 and top + height <= 1.0001
    if not (fits and width >= MIN_SIDE and height >= MIN_SIDE):
        raise ValueError(box)
    return box


def _refusal(text: str) -> ConfigurationError:
    return ConfigurationError(
        f"Setting 'region' is {text[:100]!r}; expected 'left,top,width,height' or a polygon 'x,y x,y x,y ...' in "
        f"shares of the frame from 0 to 1, such as '0.2,0.1,0.6,0.8', at least {MIN_SIDE} wide and high; empty: all."
    )
