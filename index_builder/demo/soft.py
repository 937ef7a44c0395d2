"""Soft packs: pouches, bags, tubes. A label on a shape that is lit by its creases."""

import cv2
import numpy as np
from PIL import Image, ImageDraw

from index_builder.demo import labels
from index_builder.demo.labels import Design
from index_builder.demo.palette import darken, lighten, mix
from index_builder.demo.pen import Point, smooth
from index_builder.demo.studio import STAGE, Bytes, Floats, Shadow, Stage, empty, lay_over, noise, relief


def outline(points: list[Point], curved: bool = False) -> Floats:
    """The inside of a shape as alpha, (STAGE, STAGE) 0 to 1; points in shares."""
    path = smooth(points) if curved else points
    mask = np.zeros((STAGE, STAGE), np.uint8)
    pixels = np.round(np.array(path) * STAGE * 16).astype(np.int32)
    cv2.fillPoly(mask, [pixels], 255, cv2.LINE_AA, 4)
    return np.asarray(mask, np.float32) / 255


def dome(alpha: Floats, width: float, height: float) -> Floats:
    """A height that rises from the edge of the shape over ``width`` pixels up to ``height``."""
    small = cv2.resize((alpha > 0.5).astype(np.uint8), (STAGE // 2, STAGE // 2), interpolation=cv2.INTER_NEAREST)
    t = np.clip(cv2.distanceTransform(small, cv2.DIST_L2, 5) * 2 / width, 0, 1)
    rounded = cv2.GaussianBlur(np.sqrt(1 - (1 - t) ** 2), (0, 0), 3)
    return np.asarray(cv2.resize(rounded, (STAGE, STAGE)) * height, np.float32)


def lit_shape(art: Image.Image, alpha: Floats, height: Floats, gloss: float = 0.0) -> Bytes:
    """The art (STAGE x STAGE), cut to the shape and lit by its relief."""
    x, y, w, h = cv2.boundingRect((alpha > 0).astype(np.uint8))
    inside = np.s_[y : y + h, x : x + w]
    pixels = empty()
    pixels[inside][..., :3] = relief(np.asarray(art.crop((x, y, x + w, y + h)), np.float32), height[inside], 1.0, gloss)
    pixels[inside][..., 3] = alpha[inside] * 255 + 0.5
    return pixels


def _sized(width: float, height: float) -> tuple[int, int]:
    return round(width * STAGE), round(height * STAGE)


def pouch(design: Design, rng: np.random.Generator) -> Stage:
    """A stand-up pouch with a zip, as coffee comes in."""
    points = [
        (0.25, 0.1),
        (0.75, 0.1),
        (0.752, 0.17),
        (0.762, 0.5),
        (0.775, 0.82),
        (0.75, 0.885),
        (0.62, 0.905),
        (0.5, 0.91),
        (0.38, 0.905),
        (0.25, 0.885),
        (0.225, 0.82),
        (0.238, 0.5),
        (0.248, 0.17),
    ]
    alpha = outline(points)
    art = Image.new("RGB", (STAGE, STAGE), mix(design.palette.base, design.palette.deep, 0.4))
    ImageDraw.Draw(art).rectangle((0, STAGE // 2, STAGE, STAGE), _foot(design))
    art.paste(labels.label(_sized(0.56, 0.68), design, 0.78), (round(0.22 * STAGE), round(0.185 * STAGE)))
    height = dome(alpha, 150, 55) + 3.2 * noise((STAGE, STAGE), 130, rng) + 1.0 * noise((STAGE, STAGE), 45, rng)
    rows = np.arange(STAGE, dtype=np.float32)[:, None]
    for y, depth in ((0.135, 9), (0.165, 6), (0.18, 6)):
        height = height - depth * np.exp(-(((rows - y * STAGE) / 5) ** 2))
    arch = 0.83 * STAGE + 60 * np.cos((np.arange(STAGE, dtype=np.float32)[None, :] / STAGE - 0.5) * 4.6)
    height = height - 14 * np.exp(-(((rows - arch) / 9) ** 2))
    pixels = empty()
    lay_over(pixels, lit_shape(art, alpha, np.asarray(height, np.float32), 0.25))
    return Stage(pixels, Shadow(True, STAGE / 2, 0.892 * STAGE, 0.26 * STAGE))


def bag(design: Design, rng: np.random.Generator) -> Stage:
    """A pillow bag with crimped ends, as crisps come in."""
    side = [(0.225, 0.12), (0.215, 0.2), (0.235, 0.5), (0.21, 0.8), (0.225, 0.88)]
    teeth = np.linspace(0.225, 0.775, 45)
    lower = [(float(x), 0.905 if i % 2 else 0.89) for i, x in enumerate(teeth)]
    upper = [(float(x), 0.095 if i % 2 else 0.11) for i, x in enumerate(teeth)]
    alpha = outline([*side, *lower, *[(1 - x, y) for x, y in reversed(side)], *reversed(upper)])
    art = Image.new("RGB", (STAGE, STAGE), design.palette.base)
    ImageDraw.Draw(art).rectangle((0, STAGE // 2, STAGE, STAGE), _foot(design))
    art.paste(labels.label(_sized(0.6, 0.7), design, 0.74), (round(0.2 * STAGE), round(0.155 * STAGE)))
    height = dome(alpha, 210, 95) + 5.0 * noise((STAGE, STAGE), 120, rng)
    height = height + _gathers(rng)
    pixels = empty()
    lay_over(pixels, lit_shape(art, alpha, np.asarray(height, np.float32), 0.4))
    return Stage(pixels, Shadow(True, STAGE / 2, 0.892 * STAGE, 0.25 * STAGE))


def _foot(d: Design) -> tuple[int, int, int]:
    """The color that the label ends with at the bottom."""
    if d.layout in ("panel", "block", "scene"):
        return d.palette.deep
    return d.palette.paper if d.layout == "band" else d.palette.base


def _gathers(rng: np.random.Generator) -> Floats:
    """Creases that run in from the crimped ends, and the crimps."""
    x = np.arange(STAGE, dtype=np.float32)
    y = np.linspace(0, 1, STAGE, dtype=np.float32)[:, None]
    pleats = cv2.GaussianBlur(rng.standard_normal((1, STAGE)).astype(np.float32), (0, 0), 14) * 9
    near_end = np.exp(-((np.minimum(np.abs(y - 0.16), np.abs(y - 0.84)) / 0.07) ** 2))
    seam = (np.minimum(y, 1 - y) < 0.15).astype(np.float32)
    return np.asarray(5 * pleats * near_end + 3.0 * np.sin(x / 4.2)[None, :] * seam, np.float32)


def tube(design: Design, rng: np.random.Generator) -> Stage:
    """A tube of cream that stands on its cap."""
    p = design.palette
    body = outline(
        [(0.3, 0.08), (0.7, 0.08), (0.7, 0.11), (0.645, 0.7), (0.635, 0.77), (0.365, 0.77), (0.355, 0.7), (0.3, 0.11)]
    )
    art = Image.new("RGB", (STAGE, STAGE), mix(p.paper, p.base, 0.16) if design.layout == "quiet" else p.base)
    art.paste(labels.label(_sized(0.42, 0.62), design, 0.62), (round(0.29 * STAGE), round(0.145 * STAGE)))
    x = np.linspace(-1, 1, STAGE, dtype=np.float32)[None, :]
    y = np.linspace(0, 1, STAGE, dtype=np.float32)[:, None]
    radius = np.interp(y, [0.11, 0.77], [0.4, 0.27]).astype(np.float32)
    across = np.clip(x / radius, -1, 1)
    bulge = np.clip((y - 0.1) / 0.5, 0.05, 1)
    height = np.sqrt(np.maximum(1 - across**2, 0.02)) * radius * 0.42 * STAGE * bulge
    crimp = 2.4 * np.sin(np.arange(STAGE, dtype=np.float32) / 3.4)[None, :] * (y < 0.125)
    pixels = empty()
    _tube_cap(pixels, darken(p.deep, 0.05) if rng.random() < 0.6 else lighten(p.accent, 0.1))
    lay_over(pixels, lit_shape(art, body, np.asarray(height + crimp, np.float32), 0.45))
    return Stage(pixels, Shadow(True, STAGE / 2, 0.9 * STAGE, 0.13 * STAGE))


def _tube_cap(pixels: Bytes, color: tuple[int, int, int]) -> None:
    cap = outline([(0.37, 0.755), (0.63, 0.755), (0.625, 0.9), (0.61, 0.91), (0.39, 0.91), (0.375, 0.9)])
    x = np.linspace(-1, 1, STAGE, dtype=np.float32)[None, :]
    height = np.sqrt(np.maximum(1 - np.clip(x / 0.26, -1, 1) ** 2, 0.02)) * 0.13 * STAGE * 0.8
    ribs = 1.6 * np.sin(np.arange(STAGE, dtype=np.float32) / 2.6)[None, :]
    flat = np.broadcast_to(height + ribs, (STAGE, STAGE)).astype(np.float32)
    lay_over(pixels, lit_shape(Image.new("RGB", (STAGE, STAGE), color), cap, flat, 0.3))


def tote(design: Design, rng: np.random.Generator) -> Stage:
    """A cloth bag with handles and a print."""
    p = design.palette
    canvas = mix(p.paper, p.base, 0.3) if design.layout != "badge" else p.base
    art = Image.new("RGB", (STAGE, STAGE), canvas)
    draw = ImageDraw.Draw(art)
    draw.rectangle((0, 0.34 * STAGE, STAGE, 0.375 * STAGE), darken(canvas, 0.08))
    labels.draw_motif(art, design.motif, (0.32 * STAGE, 0.44 * STAGE, 0.68 * STAGE, 0.8 * STAGE))
    height = 2.4 * noise((STAGE, STAGE), 140, rng) + weave(rng, 1.0)
    pixels = empty()
    for inner in (True, False):
        lay_over(
            pixels,
            lit_shape(
                Image.new("RGB", (STAGE, STAGE), darken(p.deep, 0.2 if inner else 0)),
                _strap(0.03 if inner else 0.0),
                height + dome(_strap(0.0), 20, 10),
            ),
        )
    body = outline(
        [(0.22, 0.34), (0.78, 0.34), (0.8, 0.6), (0.79, 0.9), (0.77, 0.915), (0.23, 0.915), (0.21, 0.9), (0.2, 0.6)]
    )
    lay_over(pixels, lit_shape(art, body, np.asarray(height + dome(body, 60, 22), np.float32)))
    return Stage(pixels, Shadow(False))


def _strap(shift: float) -> Floats:
    mask = np.zeros((STAGE, STAGE), np.uint8)
    points = smooth(
        [
            (0.34, 0.46),
            (0.345 + shift, 0.25),
            (0.4 + shift / 2, 0.12 + shift),
            (0.5, 0.085 + shift),
            (0.6 - shift / 2, 0.12 + shift),
            (0.655 - shift, 0.25),
            (0.66, 0.46),
        ],
        False,
    )
    cv2.polylines(mask, [np.round(np.array(points) * STAGE).astype(np.int32)], False, 255, 46, cv2.LINE_AA)
    return np.asarray(mask, np.float32) / 255


def weave(rng: np.random.Generator, depth: float, pitch: int = 5) -> Floats:
    """The relief of woven threads."""
    x = np.arange(STAGE, dtype=np.float32)[None, :] / pitch
    y = np.arange(STAGE, dtype=np.float32)[:, None] / pitch
    threads = np.sin(x * np.pi) * np.sin(y * np.pi)
    grain = rng.standard_normal((STAGE // 2, STAGE // 2)).astype(np.float32)
    return np.asarray(depth * (threads + 0.5 * cv2.resize(grain, (STAGE, STAGE))), np.float32)
