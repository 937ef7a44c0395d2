"""Clips with ground truth, rendered from pictures: items held up by hand, exchanged, taken away; always the same."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from components.featurizer.frame import Image
from components.featurizer.synthetic.counter import counters
from components.featurizer.synthetic.lens import Lens

FPS = 15
SIDE = 320
HOLD_S, SLIDE_S, HAND_S, EMPTY_S, GAP_S = 3.0, 0.5, 0.9, 3.0, 0.3
EXCHANGES = ("slide", "hand", "empty")
MANNERS = ("still", "hand", "pan", "zoom")
_SKIN = (122, 152, 205)
_EXPOSURE = 0.5
"""Share of the time between two frames during which the shutter is open."""


@dataclass(frozen=True)
class Shown:
    """A picture that is held up, and the item in it."""

    item_id: str
    picture: Image


@dataclass(frozen=True)
class Shot:
    """One frame of a clip."""

    image: Image
    label: str | None
    """The item at rest, "" where nothing is there, None while something moves."""
    turn: int
    """How many items began to come so far: 0 before the first one."""


@dataclass(frozen=True)
class _View:
    """Where a picture is seen: shares of the frame's side, degrees, magnification."""

    x: float
    y: float
    angle: float
    zoom: float


def clip(shown: Sequence[Shown], seed: int = 0) -> Iterator[Shot]:
    """The frames of one clip, ``FPS`` a second: every one of ``shown`` has its turn, in this order.

    It begins and ends with an empty scene. How each is held and exchanged is drawn from ``seed``.
    """
    rng = np.random.default_rng(seed)
    lens, scenes = Lens((SIDE, SIDE), rng), counters((SIDE, SIDE), rng)
    scene = scenes[int(rng.integers(len(scenes)))]
    for image, label, turn in _acts(shown, scene, rng):
        yield Shot(lens.expose(_lit(image, rng), rng), label, turn)


def _acts(shown: Sequence[Shown], scene: Image, rng: np.random.Generator) -> Iterator[tuple[Image, str | None, int]]:
    yield from ((scene, "", 0) for _ in _moments(EMPTY_S / 2))
    before: Image = scene
    for turn, one in enumerate(shown, start=1):
        hold = _Hold(one, rng)
        first = hold.seen(0.0)
        yield from ((image, None, turn) for image in _slide(before, first, rng))
        yield from ((hold.seen(t), one.item_id, turn) for t in _moments(HOLD_S))
        last = hold.seen(HOLD_S)
        exchange = str(rng.choice(EXCHANGES)) if turn < len(shown) else "empty"
        if exchange == "hand":
            yield from ((image, None, turn) for image in _removed(last, scene, rng))
            yield from ((scene, None, turn) for _ in _moments(GAP_S))
        elif exchange == "empty":
            yield from ((image, None, turn) for image in _slide(last, scene, rng))
            yield from ((scene, "", turn) for _ in _moments(EMPTY_S))
        before = last if exchange == "slide" else scene


def _moments(seconds: float) -> list[float]:
    return [n / FPS for n in range(1, round(seconds * FPS) + 1)]


class _Hold:
    """One way of holding a picture before the camera: drawn by lot once, then a function of time."""

    def __init__(self, shown: Shown, rng: np.random.Generator) -> None:
        self._picture = shown.picture
        self._manner = str(rng.choice(MANNERS, p=(0.2, 0.4, 0.2, 0.2)))
        self._phase = float(rng.uniform(0, 6.28))
        self._toward = float(rng.choice((-1, 1)))
        self._angle = float(rng.uniform(-4, 4))

    def seen(self, t: float) -> Image:
        """The picture ``t`` seconds after it came to rest, smeared by its own motion."""
        view, next_view = self._view(t), self._view(t + _EXPOSURE / FPS)
        image = _cut(self._picture, view)
        return _smeared(image, (next_view.x - view.x) * SIDE, (next_view.y - view.y) * SIDE)

    def _view(self, t: float) -> _View:
        if self._manner == "still":
            return _View(0, 0, self._angle, 1.05)
        p = self._phase
        x = 0.012 * math.sin(2.3 * t + p) + 0.004 * math.sin(31 * t + 2 * p)
        y = 0.010 * math.sin(2.9 * t + 1.7 * p) + 0.004 * math.sin(37 * t + p)
        angle = self._angle + 1.5 * math.sin(1.9 * t + p)
        zoom = 1.06 + 0.015 * math.sin(1.3 * t + p)
        if self._manner == "pan":
            x += 0.06 * self._toward * (t / HOLD_S - 0.5)
        if self._manner == "zoom":
            zoom += 0.08 * self._toward * (t / HOLD_S - 0.5)
        return _View(x, y, angle, zoom)


def _cut(picture: Image, view: _View) -> Image:
    h, w = picture.shape[:2]
    scale = view.zoom * SIDE / min(h, w)
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), view.angle, scale)
    matrix[:, 2] += (SIDE / 2 - w / 2 + view.x * SIDE, SIDE / 2 - h / 2 + view.y * SIDE)
    seen = cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(seen, np.uint8)


def _smeared(image: Image, dx: float, dy: float) -> Image:
    wide, high = max(1, round(abs(dx))), max(1, round(abs(dy)))
    return image if wide == high == 1 else np.asarray(cv2.blur(image, (wide, high)), np.uint8)


def _slide(before: Image, after: Image, rng: np.random.Generator) -> Iterator[Image]:
    """``before`` goes out at one side while ``after`` comes in at the other, both smeared."""
    pair = [before, after] if rng.random() < 0.5 else [after, before]
    band = np.concatenate(pair, axis=1)
    for t in _moments(SLIDE_S)[:-1]:
        share = t / SLIDE_S
        at = (3 - 2 * share) * share**2
        speed = 6 * share * (1 - share) / (SLIDE_S * FPS)
        left = round(SIDE * (at if pair[0] is before else 1 - at))
        yield _smeared(np.ascontiguousarray(band[:, left : left + SIDE]), _EXPOSURE * speed * SIDE, 0)


def _removed(last: Image, scene: Image, rng: np.random.Generator) -> Iterator[Image]:
    """A hand comes from below, covers the item and takes it down."""
    x = round(SIDE * float(rng.uniform(0.35, 0.65)))
    for t in _moments(HAND_S):
        share = min(1.0, t / HAND_S)
        came, gone = min(1.0, 2 * share), max(0.0, 2 * share - 1)
        down = round(SIDE * gone**2)
        image = scene.copy()
        image[down:] = last[: SIDE - down]
        _draw_hand(image, x, round(SIDE * (1.25 - 0.8 * came)) + down)
        yield _smeared(image, 0, _EXPOSURE * 1.6 * SIDE / (HAND_S * FPS))


def _draw_hand(image: Image, x: int, y: int) -> None:
    unit = SIDE / 320
    cv2.ellipse(image, (x, y), (round(62 * unit), round(70 * unit)), 0, 0, 360, _SKIN, -1, cv2.LINE_AA)
    cv2.rectangle(image, (x - round(42 * unit), y), (x + round(42 * unit), y + 2 * SIDE), _SKIN, -1)
    for finger in range(4):
        tip = (x + round((finger - 1.5) * 30 * unit), y - round(88 * unit))
        cv2.line(image, (tip[0], y), tip, tuple(0.94 * c for c in _SKIN), round(24 * unit), cv2.LINE_AA)


def _lit(image: Image, rng: np.random.Generator) -> Image:
    """Lamps flicker a little."""
    return np.asarray(cv2.convertScaleAbs(image, alpha=float(rng.uniform(0.985, 1.015))), np.uint8)
