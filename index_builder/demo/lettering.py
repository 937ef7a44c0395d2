"""Lettering with the one font that Pillow brings along: heavier, wider, slanted, spaced, or along an arc."""

import functools
import math
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from index_builder.demo.palette import RGB

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Face:
    """How letters look: ``weight`` and ``tracking`` as shares of the size, ``stretch`` of the height."""

    weight: float = 0.0
    tracking: float = 0.0
    stretch: float = 1.0
    slant: float = 0.0


PLAIN = Face()
BOLD = Face(weight=0.03, tracking=0.045)
HEAVY = Face(weight=0.05, tracking=0.09)
TALL = Face(weight=0.028, stretch=1.45, tracking=0.06)
SPACED = Face(tracking=0.22)
SLANTED = Face(weight=0.02, slant=0.22, tracking=0.03)


@functools.lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):  # Pillow without FreeType has one small bitmap font only
        raise TypeError("Pillow was built without FreeType; install Pillow from its wheel.")
    return font


@functools.lru_cache(maxsize=256)
def mask(text: str, size: int, face: Face = PLAIN) -> Image.Image:
    """The letters as an "L" picture, cut close; ``size`` is the font's in pixels."""
    font, stroke = _font(size), round(face.weight * size)
    step = face.tracking * size
    width = sum(font.getlength(c) + step for c in text) if step else font.getlength(text)
    image = Image.new("L", (math.ceil(width + size), math.ceil(1.6 * size)), 0)
    draw = ImageDraw.Draw(image)
    if step:
        x = size / 2
        for c in text:
            draw.text((x, 0.2 * size), c, 255, font, stroke_width=stroke)
            x += font.getlength(c) + step
    else:
        draw.text((size / 2, 0.2 * size), text, 255, font, stroke_width=stroke)
    if face.slant:
        shear = (1, face.slant, -face.slant * 0.8 * size, 0, 1, 0)
        image = image.transform(image.size, Image.Transform.AFFINE, shear, Image.Resampling.BICUBIC)
    image = image.crop(image.getbbox() or (0, 0, 1, 1))
    if face.stretch != 1.0:
        image = image.resize((image.width, round(image.height * face.stretch)), Image.Resampling.BICUBIC)
    return image


def write(image: Image.Image, text: str, box: Box, color: RGB, face: Face = BOLD) -> Box:
    """Write ``text`` in the middle of ``box`` (left, top, right, bottom; pixels) as large as it fits; what it took."""
    left, top, right, bottom = box
    probe = mask(text, 64, face)
    size = int(64 * min((right - left) / probe.width, (bottom - top) / probe.height))
    letters = mask(text, max(size, 5), face)
    x, y = round((left + right - letters.width) / 2), round((top + bottom - letters.height) / 2)
    image.paste(color, (x, y), letters)
    return x, y, x + letters.width, y + letters.height


def write_lines(image: Image.Image, text: str, box: Box, color: RGB, face: Face = BOLD) -> None:
    """Write one line or, where that gets larger letters, one below the other."""
    left, top, right, bottom = box
    lines = _broken(text) if len(text) * 0.55 > 1.5 * (right - left) / (bottom - top) else [text]
    height = (bottom - top) / len(lines)
    probes = [mask(line, 64, face) for line in lines]
    size = int(64 * min(min((right - left) / p.width, 0.82 * height / p.height) for p in probes))
    for i, line in enumerate(lines):
        letters = mask(line, max(size, 5), face)
        y = round(top + height * (i + 0.5) - letters.height / 2)
        image.paste(color, (round((left + right - letters.width) / 2), y), letters)


def _broken(text: str) -> list[str]:
    words = text.split()
    if len(words) < 2:
        return [text]
    cuts = [[" ".join(words[:i]), " ".join(words[i:])] for i in range(1, len(words))]
    return min(cuts, key=lambda lines: max(len(line) for line in lines))
