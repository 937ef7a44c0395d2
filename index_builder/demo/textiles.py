"""Textiles: cushions, towels, shirts, scarves. Patterned cloth, lit by its weave and its folds."""

import cv2
import numpy as np
from PIL import Image, ImageDraw

from index_builder.demo import labels
from index_builder.demo.labels import Design
from index_builder.demo.palette import RGB, darken, lighten, mix, rgb
from index_builder.demo.patterns import cloth
from index_builder.demo.pen import Point
from index_builder.demo.soft import dome, lit_shape, outline, weave
from index_builder.demo.studio import STAGE, Bytes, Floats, Shadow, Stage, empty, lay_over, noise


def _fabric(design: Design, repeat: float) -> Image.Image:
    return cloth((STAGE, STAGE), design.pattern, design.palette, round(repeat * STAGE))


def _drawn(alpha: Floats, art: Image.Image, height: Floats) -> Bytes:
    return lit_shape(art, alpha, np.asarray(height, np.float32))


def cushion(design: Design, rng: np.random.Generator) -> Stage:
    """A plump cushion with a piped edge."""
    p = design.palette
    corners = [
        (0.11, 0.12),
        (0.3, 0.165),
        (0.5, 0.175),
        (0.7, 0.165),
        (0.89, 0.12),
        (0.845, 0.3),
        (0.835, 0.5),
        (0.845, 0.7),
    ]
    corners += [
        (0.89, 0.88),
        (0.7, 0.835),
        (0.5, 0.825),
        (0.3, 0.835),
        (0.11, 0.88),
        (0.155, 0.7),
        (0.165, 0.5),
        (0.155, 0.3),
    ]
    alpha = outline(corners, curved=True)
    art = _fabric(design, 0.1)
    if design.layout == "badge":
        labels.draw_motif(art, design.motif, (0.27 * STAGE, 0.27 * STAGE, 0.73 * STAGE, 0.73 * STAGE))
    height = dome(alpha, 330, 130) + 4 * noise((STAGE, STAGE), 150, rng) + weave(rng, 0.7)
    pixels = empty()
    piping = np.asarray(cv2.dilate(alpha, np.ones((13, 13), np.uint8)), np.float32)
    lay_over(pixels, _drawn(piping, Image.new("RGB", (STAGE, STAGE), p.deep), dome(piping, 14, 9)))
    lay_over(pixels, _drawn(alpha, art, height))
    return Stage(pixels, Shadow(False))


def towel(design: Design, rng: np.random.Generator) -> Stage:
    """A pile of three folded towels."""
    p = design.palette
    colors = (p.base, p.paper, p.deep) if rng.random() < 0.5 else (p.deep, p.base, mix(p.paper, p.accent, 0.35))
    pixels = empty()
    pile = noise((STAGE, STAGE), 7, rng) * 1.5
    for i, color in enumerate(reversed(colors)):
        bottom = 0.86 - 0.215 * i
        shift = (0.0, 0.012, -0.01)[i]
        _folded(pixels, (0.14 + shift, bottom - 0.235, 0.86 + shift, bottom), color, design, pile)
    return Stage(pixels, Shadow(True, STAGE / 2, 0.845 * STAGE, 0.36 * STAGE))


def _folded(pixels: Bytes, box: tuple[float, float, float, float], color: RGB, design: Design, pile: Floats) -> None:
    left, top, right, bottom = box
    art = Image.new("RGB", (STAGE, STAGE), color)
    stripe = design.palette.accent if color != design.palette.accent else design.palette.paper
    draw = ImageDraw.Draw(art)
    for x, w in ((left + 0.1, 0.016), (left + 0.13, 0.04), (left + 0.184, 0.016)):
        draw.rectangle((x * STAGE, 0, (x + w) * STAGE, STAGE), stripe)
    motif = cloth((STAGE, STAGE), design.pattern, design.palette, round(0.07 * STAGE))
    art.paste(motif.crop((0, 0, round(0.16 * STAGE), STAGE)), (round((left + 0.26) * STAGE), 0))
    thick = (bottom - top) / 3
    for k in range(3):
        y = bottom - thick * (k + 1)
        inset = (0.0, 0.006, 0.002)[k]
        r = 0.5 * thick
        points: list[Point] = [
            (left + r + inset, y),
            (right - inset, y + 0.003),
            (right - inset, y + thick - 0.004),
            (left + r + inset, y + thick),
        ]
        points += [
            (left + inset + 0.3 * r, y + 0.82 * thick),
            (left + inset, y + thick / 2),
            (left + inset + 0.3 * r, y + 0.18 * thick),
        ]
        alpha = outline(points)
        rows = (np.arange(STAGE, dtype=np.float32)[:, None] / STAGE - y) / thick
        bulge = 34 * np.sqrt(np.clip(1 - (2 * np.clip(rows, 0, 1) - 1) ** 2, 0, 1))
        lay_over(pixels, _drawn(alpha, art, bulge + dome(alpha, 20, 8) + pile))


def shirt(design: Design, rng: np.random.Generator) -> Stage:
    """A folded shirt with a collar and buttons."""
    p = design.palette
    art = _fabric(design, 0.055)
    height = 3.0 * noise((STAGE, STAGE), 160, rng) + weave(rng, 0.5, 4)
    body = outline(
        [(0.2, 0.17), (0.4, 0.13), (0.6, 0.13), (0.8, 0.17), (0.81, 0.9), (0.79, 0.91), (0.21, 0.91), (0.19, 0.9)]
    )
    placket = np.exp(-(((np.arange(STAGE, dtype=np.float32)[None, :] / STAGE - 0.535) / 0.004) ** 2))
    placket = placket + np.exp(-(((np.arange(STAGE, dtype=np.float32)[None, :] / STAGE - 0.465) / 0.004) ** 2))
    pixels = empty()
    lay_over(pixels, _drawn(body, art, height + dome(body, 50, 24) - 7 * placket))
    _pocket(pixels, art, height)
    _collar(pixels, art, p.base, height)
    _buttons(pixels, p.paper if design.pattern != "plain" else p.accent)
    return Stage(pixels, Shadow(False))


def _pocket(pixels: Bytes, art: Image.Image, height: Floats) -> None:
    pocket = outline([(0.6, 0.37), (0.75, 0.37), (0.75, 0.53), (0.675, 0.565), (0.6, 0.53)])
    shifted = Image.fromarray(np.roll(np.asarray(art), (17, 23), (0, 1)))
    lay_over(pixels, _drawn(pocket, shifted, height + dome(pocket, 12, 9)))


def _collar(pixels: Bytes, art: Image.Image, base: RGB, height: Floats) -> None:
    inside = outline([(0.39, 0.135), (0.61, 0.135), (0.57, 0.19), (0.5, 0.245), (0.43, 0.19)])
    lay_over(pixels, _drawn(inside, Image.new("RGB", (STAGE, STAGE), darken(base, 0.45)), height))
    stand = outline([(0.38, 0.1), (0.5, 0.085), (0.62, 0.1), (0.615, 0.15), (0.5, 0.13), (0.385, 0.15)])
    lay_over(pixels, _drawn(stand, Image.new("RGB", (STAGE, STAGE), darken(base, 0.25)), height + dome(stand, 20, 9)))
    turned = art.rotate(35)
    for side in (-1, 1):
        points = [(0.118, 0.1), (0.0, 0.235), (0.075, 0.3), (0.165, 0.175), (0.15, 0.12)]
        flap = outline([(0.5 + side * x, y) for x, y in points])
        shade = outline([(0.5 + side * x, y + 0.012) for x, y in points])
        soft = np.zeros((STAGE, STAGE, 4), np.uint8)
        soft[..., 3] = cv2.GaussianBlur(shade, (0, 0), 7) * 95
        lay_over(pixels, soft)
        lay_over(pixels, _drawn(flap, turned, height + dome(flap, 22, 14)))


def _buttons(pixels: Bytes, color: RGB) -> None:
    image = Image.new("RGBA", (STAGE, STAGE), (*color, 0))
    draw = ImageDraw.Draw(image)
    for y in (0.255, 0.39, 0.53, 0.67, 0.81):
        cx, cy = 0.5 * STAGE, y * STAGE
        for r, tone in ((17, darken(color, 0.5)), (15, color), (10, darken(color, 0.12)), (8, lighten(color, 0.1))):
            draw.ellipse((cx - r, cy - r + (2 if r == 17 else 0), cx + r, cy + r + (2 if r == 17 else 0)), (*tone, 255))
        for dx, dy in ((-3, -3), (3, -3), (-3, 3), (3, 3)):
            draw.ellipse((cx + dx - 2, cy + dy - 2, cx + dx + 2, cy + dy + 2), (*darken(color, 0.6), 255))
    lay_over(pixels, np.asarray(image))


def scarf(design: Design, rng: np.random.Generator) -> Stage:
    """A scarf, folded over once, with fringes."""
    p = design.palette
    art = _fabric(design, 0.085)
    pixels = empty()
    x = np.arange(STAGE, dtype=np.float32)[None, :]
    y = np.arange(STAGE, dtype=np.float32)[:, None]
    drape = 17 * np.sin(x / 47 + 0.9 * np.sin(y / 260)) + 9 * np.sin(x / 23 + 1.3 + y / 330)
    height = drape + weave(rng, 1.1, 6) + 2 * noise((STAGE, STAGE), 120, rng)
    for part, turn in (
        ([(0.5, 0.13), (0.75, 0.15), (0.83, 0.76), (0.56, 0.79)], 9),
        ([(0.25, 0.15), (0.54, 0.12), (0.5, 0.8), (0.18, 0.77)], -7),
    ):
        _fringe(pixels, part, p.accent if p.accent != p.base else p.deep)
        panel = outline(part)
        lay_over(
            pixels,
            _drawn(
                panel,
                art.rotate(
                    turn, Image.Resampling.BICUBIC, expand=False, center=(STAGE / 2, STAGE / 2), fillcolor=p.base
                ),
                height + dome(panel, 30, 18),
            ),
        )
    loop = outline(
        [(0.23, 0.17), (0.3, 0.1), (0.5, 0.075), (0.7, 0.1), (0.77, 0.17), (0.74, 0.23), (0.5, 0.25), (0.26, 0.23)],
        True,
    )
    turned = art.rotate(90)
    lay_over(pixels, _drawn(loop, turned, dome(loop, 90, 60) + weave(rng, 1.1, 6) + 9 * np.sin(y / 16 + x / 300)))
    return Stage(pixels, Shadow(False))


def _fringe(pixels: Bytes, part: list[Point], color: RGB) -> None:
    (x1, y1), (x0, y0) = part[2], part[3]
    image = Image.new("RGBA", (STAGE, STAGE), (*color, 0))
    draw = ImageDraw.Draw(image)
    for i, t in enumerate(np.linspace(0.02, 0.98, 26)):
        x, y = (x0 + (x1 - x0) * t) * STAGE, (y0 + (y1 - y0) * t) * STAGE - 6
        sway = 7 * np.sin(i * 1.7)
        tone = mix(color, rgb("000000"), 0.22 * (i % 3) / 2)
        draw.line([(x, y), (x + sway * 0.4, y + 60), (x + sway, y + 112 + 9 * (i % 2))], (*tone, 255), 10, "curve")
        draw.line(
            [(x - 2, y), (x + sway * 0.4 - 2, y + 60), (x + sway - 2, y + 108)], (*lighten(tone, 0.2), 255), 3, "curve"
        )
    lay_over(pixels, np.asarray(image))


def plate(design: Design, rng: np.random.Generator) -> Stage:
    """A glazed plate, seen from above."""
    p = design.palette
    art = cloth((STAGE, STAGE), design.pattern, p, round(0.075 * STAGE))
    draw = ImageDraw.Draw(art)
    c = STAGE / 2
    for r, color in ((0.29, p.deep), (0.283, mix(p.paper, p.base, 0.12))):
        draw.ellipse((c - r * STAGE, c - r * STAGE, c + r * STAGE, c + r * STAGE), color)
    draw.ellipse((c - 0.41 * STAGE, c - 0.41 * STAGE, c + 0.41 * STAGE, c + 0.41 * STAGE), None, p.deep, 16)
    labels.draw_motif(art, design.motif, (0.31 * STAGE, 0.31 * STAGE, 0.69 * STAGE, 0.69 * STAGE))
    axis = np.linspace(-1, 1, STAGE, dtype=np.float32)
    r = np.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2)
    profile = np.interp(r, [0, 0.54, 0.6, 0.66, 0.79, 0.82, 0.83], [0, 0, 12, 32, 50, 50, 38]).astype(np.float32)
    alpha = np.clip((0.82 - r) * STAGE / 2 + 0.5, 0, 1)
    pixels = empty()
    lay_over(pixels, lit_shape(art, np.asarray(alpha, np.float32), cv2.GaussianBlur(profile, (0, 0), 6), 0.3))
    return Stage(pixels, Shadow(False))
