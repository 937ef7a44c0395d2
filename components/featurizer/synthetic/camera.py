"""Frames of a counter at which the items of a catalog are held up, one after the other."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from components.core.errors import BadContentError
from components.featurizer.decode import decode_picture
from components.featurizer.frame import Frame, Image
from components.featurizer.sources.pace import paced
from components.featurizer.synthetic.catalog import Shown, read_shown
from components.featurizer.synthetic.counter import counters
from components.featurizer.synthetic.cutout import cut_out, on_stand
from components.featurizer.synthetic.lens import Lens, Prop, place, tinted
from components.featurizer.synthetic.motion import Hold, draw_hold

log = logging.getLogger(__name__)

_WIDEST = 0.78
"""No item is held wider than this share of the frame's height: a square crop sees all of it."""


class SyntheticCamera:
    """A camera that looks at a shop's counter, where someone holds up the items of ``catalog``.

    ``catalog`` is a CSV with the columns item_id and image (relative to the file; of several joined by ``|`` the
    first), a folder with a catalog.csv, or a folder of pictures. Every item has its turn before one comes again, in
    an order drawn from ``seed``; the same seed gives the same pictures. ``size`` is (width, height).

    A frame's label is the item while it is held still and fully in view, "" while nothing is there, and None while
    the item comes or goes.
    """

    def __init__(
        self,
        catalog: Path,
        *,
        fps: float = 10,
        hold_s: float = 3.0,
        empty_s: float = 1.2,
        seed: int = 0,
        size: tuple[int, int] = (960, 540),
    ) -> None:
        self._catalog, self._fps, self._size, self._seed = catalog, fps, size, seed
        self._hold_s, self._empty_s = hold_s, empty_s

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        """``fps`` frames a second, without end; a reader that is slow gets every frame, later.

        Raises UnavailableError where the catalog cannot be read, BadContentError where it shows nothing.
        """
        seen = self.pictures()
        for seq, _ in enumerate(paced(stop, self._fps), start=1):
            image, label = next(seen)
            yield Frame(image, seq, time.monotonic_ns(), time.time(), label)

    def pictures(self) -> Iterator[tuple[Image, str | None]]:
        """What ``frames`` shows, pictures with labels, as fast as they are taken; raises the same errors."""
        return self._seen(read_shown(self._catalog))

    def _seen(self, shown: list[Shown]) -> Iterator[tuple[Image, str | None]]:
        rng = np.random.default_rng(self._seed)
        lens, scenes = Lens(self._size, rng), counters(self._size, rng)
        for item_id, picture in self._turns(shown, rng):
            scene = scenes[int(rng.integers(len(scenes)))]
            for _ in range(max(1, round(self._empty_s * self._fps))):
                yield lens.expose(scene, rng), ""
            prop, hold = _prop(picture, rng), draw_hold(self._hold_s, rng)
            yield from self._held(item_id, prop, hold, scene, lens, rng)

    def _held(
        self, item_id: str, prop: Prop, hold: Hold, scene: Image, lens: Lens, rng: np.random.Generator
    ) -> Iterator[tuple[Image, str | None]]:
        # At least one, and then in the middle: so few frames a second still show every item at rest.
        count = max(1, int(hold.total_s * self._fps))
        for n in range(1, count + 1):
            t, view = hold.total_s * n / (count + 1), scene.copy()
            place(view, prop, hold.pose(t))
            yield lens.expose(view, rng), item_id if hold.at_rest(t) else None

    def _turns(self, shown: list[Shown], rng: np.random.Generator) -> Iterator[tuple[str, Image]]:
        """Items with their pictures, all before one comes again; a picture that cannot be read is passed over."""
        while True:
            readable = 0
            for index in rng.permutation(len(shown)):
                item = shown[int(index)]
                picture = _load(item)
                if picture is None:
                    continue
                readable += 1
                yield item.item_id, picture
            if not readable:
                raise BadContentError(
                    f"None of the {len(shown)} pictures of the catalog {self._catalog} can be read; "
                    "JPEG, PNG or WebP files are expected."
                )


def _load(item: Shown) -> Image | None:
    try:
        return decode_picture(item.picture.read_bytes())
    except (OSError, BadContentError) as error:
        log.warning("%s is not shown, its picture %s cannot be read: %s", item.item_id, item.picture, error)
        return None


def _prop(picture: Image, rng: np.random.Generator) -> Prop:
    item = tinted(cut_out(picture), rng)
    h, w = item.shape[:2]
    pixels = on_stand(item)
    unit = max(h, w * 0.74 / _WIDEST)
    soft = float(rng.uniform(0.5, 1.0)) if rng.random() < 0.2 else 0.0
    return Prop(pixels, pixels.shape[1] / unit, pixels.shape[0] / unit, h / unit / 2, soft)
