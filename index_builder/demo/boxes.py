"""Things with flat sides: boxes, cartons, books, bars. Faces are laid onto a block seen in perspective."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from index_builder.demo.palette import RGB
from index_builder.demo.studio import STAGE, Bytes, Floats, lay_over

Corner = tuple[float, float]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """How the camera sees a block of ``size`` (width, height, depth): turned by ``yaw``, seen from ``pitch`` above."""

    size: tuple[float, float, float]
    yaw: float = 28.0
    pitch: float = 14.0
    center: Corner = (0.5, 0.5)
    scale: float = 1.0
    lift: float = 0.0
    """Height of the block's foot over the ground that the view is centered on."""

    def project(self, x: float, y: float, z: float) -> Corner:
        """Pixels of a point; x right, y up, z to the camera, the block's middle is (0, 0, 0)."""
        a, b = math.radians(self.yaw), math.radians(self.pitch)
        x, z = x * math.cos(a) + z * math.sin(a), -x * math.sin(a) + z * math.cos(a)
        y, z = (y + self.lift) * math.cos(b) - z * math.sin(b), (y + self.lift) * math.sin(b) + z * math.cos(b)
        k = self.scale * 3.2 / (3.2 - z)
        return (self.center[0] + k * x) * STAGE, (self.center[1] - k * y) * STAGE

    def front(self) -> list[Corner]:
        """The front's corners: top left, top right, bottom right, bottom left."""
        w, h, d = (s / 2 for s in self.size)
        return [self.project(x, y, d) for x, y in ((-w, h), (w, h), (w, -h), (-w, -h))]

    def side(self) -> list[Corner]:
        """The visible side's corners, likewise: the right one with a negative yaw, else the left one."""
        w, h, d = (s / 2 for s in self.size)
        if self.yaw < 0:
            return [self.project(w, y, z) for y, z in ((h, d), (h, -d), (-h, -d), (-h, d))]
        return [self.project(-w, y, z) for y, z in ((h, -d), (h, d), (-h, d), (-h, -d))]

    def top(self) -> list[Corner]:
        """The top's corners, likewise: back left, back right, front right, front left."""
        w, h, d = (s / 2 for s in self.size)
        return [self.project(x, h, z) for x, z in ((-w, -d), (w, -d), (w, d), (-w, d))]


def face(
    under: Bytes, art: Image.Image, corners: list[Corner], light: float = 1.0, fall: float = 0.1, gloss: float = 0.0
) -> None:
    """Lay ``art`` onto four corners; ``fall`` darkens it downwards, ``gloss`` lays a soft sheen across."""
    pixels = _lit(np.asarray(art.convert("RGB"), np.float32), light, fall, gloss)
    h, w = pixels.shape[:2]
    target = np.array(corners, np.float32)
    left, top = np.floor(target.min(0)).astype(int) - 2
    right, bottom = np.ceil(target.max(0)).astype(int) + 3
    source = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float32) - 0.5
    matrix = cv2.getPerspectiveTransform(source, target - np.array([left, top], np.float32))
    size = (int(right - left), int(bottom - top))
    color = cv2.warpPerspective(pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = np.zeros(size[::-1], np.uint8)
    outline = np.round((target - np.array([left, top], np.float32)) * 16).astype(np.int32)
    cv2.fillConvexPoly(alpha, outline, 255, cv2.LINE_AA, 4)
    lay_over(under, np.dstack([np.clip(color, 0, 255).astype(np.uint8), alpha]), int(left), int(top))


def _lit(pixels: Floats, light: float, fall: float, gloss: float) -> Floats:
    h, w = pixels.shape[:2]
    ys = np.linspace(0, 1, h, dtype=np.float32)[:, None]
    xs = np.linspace(0, 1, w, dtype=np.float32)[None, :]
    lit = pixels * (light * (1 + 0.04 - fall * ys - 0.05 * xs))[..., None]
    if gloss:
        across = xs + 0.55 * ys
        sheen = np.exp(-(((across - 0.42) / 0.17) ** 2)) + 0.5 * np.exp(-(((across - 1.05) / 0.06) ** 2))
        lit = lit + (255 - lit) * (gloss * 0.3 * sheen)[..., None]
    edge = np.minimum(np.minimum(xs, 1 - xs) * w, np.minimum(ys, 1 - ys) * h)
    bevel = np.clip(1 - edge / 7, 0, 1) * 0.16
    return np.asarray(lit + (255 - lit) * bevel[..., None], np.float32)


def plain(size: tuple[int, int], color: RGB) -> Image.Image:
    """A picture of one color."""
    return Image.new("RGB", size, color)


def polygon(under: Bytes, corners: list[Corner], color: RGB) -> None:
    """A filled polygon of one color."""
    points = np.array(corners, np.float32)
    left, top = (int(v) - 2 for v in np.floor(points.min(axis=0)))
    w, h = (int(v) + 4 for v in np.ceil(np.ptp(points, axis=0)))
    layer = np.full((h, w, 4), (*color, 0), np.uint8)
    shape = np.zeros((h, w), np.uint8)
    cv2.fillPoly(shape, [np.round((points - [left, top]) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    layer[..., 3] = shape
    lay_over(under, layer, left, top)
