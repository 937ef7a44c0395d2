"""From the objects in a picture to the squares that are embedded."""

from dataclasses import dataclass

from components.featurizer.foreground import Scene
from components.featurizer.frame import Image
from components.featurizer.region import Box, Region, cut

PADDING = 0.12
"""Share of the object's longer side that is left free on every side: a studio picture is not cut to its edge either."""
_TOUCHES = 0.015


@dataclass(frozen=True)
class Crop:
    """One picture to embed, and where it lies."""

    image: Image
    region: Box | None
    """In shares of the whole frame; None where all of it was to be searched."""
    object: Box | None = None
    """The object in it, in shares of the region's picture; None where none is known."""


def crops(view: Image, scene: Scene, region: Region, max_objects: int) -> list[Crop]:
    """What to embed of ``view``, the picture of ``region``: its objects, largest first; all of it without any."""
    if not scene.objects:
        return [Crop(view, None if region.is_whole else region.in_frame(_center_box(view)))]
    squares = [(box, square_around(box, view)) for box in scene.objects[:max_objects]]
    return [Crop(cut(view, square), region.in_frame(square), box) for box, square in squares]


def square_around(box: Box, image: Image) -> Box:
    """The square of ``image`` that shows the object ``box`` with some room around it, inside the picture."""
    height, width = image.shape[:2]
    left, top, wide, high = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    side = min(max(wide, high) * (1 + 2 * PADDING), width, height)
    x = _start(left, wide, side, width)
    y = _start(top, high, side, height)
    return (x / width, y / height, side / width, side / height)


def _center_box(image: Image) -> Box:
    """The largest centered square of ``image``: what the embedder looks at."""
    height, width = image.shape[:2]
    side = min(height, width)
    return ((width - side) / 2 / width, (height - side) / 2 / height, side / width, side / height)


def _start(start: float, length: float, side: float, limit: int) -> float:
    """Where the square begins along one axis."""
    first = start + length / 2 - side / 2
    if length > side:
        # Longer than the square can be: an arm, most likely, that comes in from the edge it touches.
        touches = start < _TOUCHES * limit, start + length > (1 - _TOUCHES) * limit
        first = {(True, False): start + length - side, (False, True): start}.get(touches, first)
    return min(max(first, 0.0), limit - side)
