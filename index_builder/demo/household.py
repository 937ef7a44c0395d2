"""Round things for the home: each function draws one item of its kind."""

import cv2
import numpy as np
from PIL import Image, ImageDraw

from index_builder.demo import labels
from index_builder.demo.labels import Design
from index_builder.demo.lathe import Finish, Profile, ring, turn
from index_builder.demo.palette import RGB, darken, lighten, mix, rgb
from index_builder.demo.patterns import cloth
from index_builder.demo.pen import smooth
from index_builder.demo.studio import STAGE, Bytes, Stage, empty, lay_over, relief
from index_builder.demo.turned import GLASS, standing, sticker


def candle(design: Design, rng: np.random.Generator) -> Stage:
    """A scented candle in a tumbler."""
    pixels = empty()
    p = design.palette
    glass, wax = darken(p.base, 0.1), mix(p.paper, p.base, 0.2)
    ring(pixels, 0.5, 0.3, 0.246, mix(glass, GLASS, 0.45), 0.3)
    ring(pixels, 0.5, 0.303, 0.235, darken(glass, 0.25), 0.5)
    ring(pixels, 0.5, 0.311, 0.226, wax, 0.06)
    ring(pixels, 0.5, 0.313, 0.1, lighten(wax, 0.5), 0.05)
    _flame(pixels)
    body = Profile([(0.3, 0.246), (0.31, 0.25), (0.82, 0.25), (0.85, 0.242), (0.865, 0.225)])
    front = empty()
    w, h = body.art_size()
    art = Image.new("RGB", (w, h), glass)
    for i in range(16):
        ImageDraw.Draw(art).rectangle((0, h * i / 16, w, h), mix(lighten(glass, 0.22), darken(glass, 0.12), i / 15))
    sticker(art, design, 0.16, 0.88, 0.52)
    turn(front, body, art, Finish(1.0, clear=((0.0, 0.05), (0.93, 1.0))))
    lay_over(pixels, front)
    return standing(pixels, body, 0.24)


def _flame(pixels: Bytes) -> None:
    layer = Image.new("RGBA", (STAGE, STAGE), (255, 190, 80, 0))
    pen = ImageDraw.Draw(layer)
    cx, base = STAGE / 2, 0.312 * STAGE
    pen.line([(cx, base), (cx + 3, base - 34)], (50, 38, 30, 255), 8)
    lay_over(pixels, np.asarray(layer))
    half, top = 110, round(base - 170)
    for width, height, color, blur, strength in _FLAME:
        shape = Image.new("L", (2 * half, 220), 0)
        tip, foot = 160 - height, 160
        outline = smooth(
            [(half, tip), (half + width, foot - height * 0.4), (half, foot), (half - width, foot - height * 0.4)]
        )
        ImageDraw.Draw(shape).polygon(outline, fill=255)
        soft = cv2.GaussianBlur(np.asarray(shape, np.float32), (0, 0), blur) * strength
        glow = np.empty((220, 2 * half, 4), np.uint8)
        glow[..., :3] = color
        glow[..., 3] = np.clip(soft, 0, 255)
        lay_over(pixels, glow, round(cx) - half, top)


_FLAME = (
    (40, 120, (255, 205, 120), 22.0, 0.55),
    (21, 120, (255, 166, 44), 3.0, 0.95),
    (14, 84, (255, 224, 130), 4.0, 1.0),
    (8, 46, (255, 250, 225), 4.0, 1.0),
)


def mug(design: Design, rng: np.random.Generator) -> Stage:
    """A glazed mug with a picture or a pattern."""
    pixels = empty()
    p = design.palette
    inside = p.paper if design.layout in ("badge", "plate") else lighten(p.base, 0.55)
    ground = p.base if design.layout in ("badge", "plate") else mix(p.paper, p.base, 0.22)
    _handle(pixels, p.deep if design.layout == "band" else ground)
    ring(pixels, 0.45, 0.25, 0.262, lighten(ground, 0.3), 0.1)
    ring(pixels, 0.45, 0.2525, 0.25, darken(inside, 0.1), 0.25)
    ring(pixels, 0.45, 0.266, 0.226, rgb("4a2c1a"), 0.3)
    body = Profile([(0.25, 0.262), (0.26, 0.264), (0.74, 0.258), (0.81, 0.238), (0.835, 0.205)], 0.45)
    w, h = body.art_size()
    art = Image.new("RGB", (w * 2, h * 2), ground)
    if design.layout in ("badge", "plate"):
        art.paste(cloth(art.size, design.pattern, p, art.width // 9))
    if design.layout == "band":
        ImageDraw.Draw(art).rectangle((0, 0, art.width, art.height * 0.055), p.deep)
        ImageDraw.Draw(art).rectangle((0, art.height * 0.86, art.width, art.height), p.deep)
    if design.layout != "plate":
        box = (art.width * 0.26, art.height * 0.14, art.width * 0.74, art.height * 0.82)
        if design.layout == "badge":
            _disc_behind(art, box, p.paper)
        labels.draw_motif(art, design.motif, box)
    turn(pixels, body, art.reduce(2), Finish(0.9))
    return standing(pixels, body, 0.22)


def _disc_behind(art: Image.Image, box: tuple[float, float, float, float], color: RGB) -> None:
    x, y, r = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, min(box[2] - box[0], box[3] - box[1]) * 0.58
    ImageDraw.Draw(art).ellipse((x - r, y - r, x + r, y + r), color)


def _handle(pixels: Bytes, color: RGB) -> None:
    path = np.array([(0.68, 0.36), (0.79, 0.36), (0.845, 0.42), (0.845, 0.54), (0.8, 0.63), (0.67, 0.68)]) * STAGE
    curve = np.round(np.array(smooth([(x, y) for x, y in path], closed=False))).astype(np.int32)
    center = np.zeros((STAGE, STAGE), np.uint8)
    cv2.polylines(center, [curve], False, 255, 1)
    left, top, right, bottom = 800, 380, 1180, 960
    distance = cv2.distanceTransform(255 - center[top:bottom, left:right], cv2.DIST_L2, 5)
    radius = 37.0
    alpha = np.clip(radius - distance + 0.5, 0, 1)
    height = np.sqrt(np.maximum(radius**2 - distance**2, 0)).astype(np.float32)
    flat = np.empty((*distance.shape, 3), np.float32)
    flat[:] = color
    lit = relief(flat, cv2.GaussianBlur(height, (0, 0), 2), 0.9, 0.35)
    lay_over(pixels, np.dstack([lit, alpha * 255]).astype(np.uint8), left, top)


def vase(design: Design, rng: np.random.Generator) -> Stage:
    """A glazed vase."""
    pixels = empty()
    p = design.palette
    shapes = {
        "band": [
            (0.14, 0.1),
            (0.15, 0.104),
            (0.22, 0.075),
            (0.32, 0.09),
            (0.45, 0.2),
            (0.58, 0.255),
            (0.7, 0.235),
            (0.82, 0.16),
            (0.875, 0.13),
            (0.885, 0.132),
        ],
        "panel": [
            (0.13, 0.13),
            (0.14, 0.135),
            (0.2, 0.1),
            (0.28, 0.14),
            (0.4, 0.24),
            (0.5, 0.262),
            (0.62, 0.22),
            (0.78, 0.13),
            (0.86, 0.125),
            (0.885, 0.14),
        ],
        "badge": [
            (0.11, 0.08),
            (0.12, 0.086),
            (0.2, 0.07),
            (0.4, 0.085),
            (0.52, 0.13),
            (0.66, 0.21),
            (0.77, 0.23),
            (0.85, 0.2),
            (0.885, 0.15),
        ],
    }
    body = Profile(shapes[design.layout], flowing=True)
    y0, r0 = body.points[0]
    ring(pixels, 0.5, y0 + 0.001, r0, lighten(p.base, 0.3), 0.1)
    ring(pixels, 0.5, y0 + 0.003, r0 * 0.86, darken(p.deep, 0.55), 0.2)
    w, h = body.art_size()
    art = cloth((w * 2, h * 2), design.pattern, p, w * 2 // 9)
    draw = ImageDraw.Draw(art)
    for a, b, color in ((0, 0.2, p.base), (0.2, 0.212, p.accent), (0.86, 0.872, p.accent), (0.872, 1, p.deep)):
        draw.rectangle((0, a * h * 2, w * 2, b * h * 2), color)
    turn(pixels, body, art.reduce(2), Finish(1.0))
    return standing(pixels, body, body.points[-1][1] * 1.05)
