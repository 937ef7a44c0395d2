"""The pictures of a folder as a camera, each shown for a while, round and round."""

import logging
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.core.errors import BadContentError, UnavailableError
from components.featurizer.decode import decode_picture
from components.featurizer.frame import Frame, Image
from components.featurizer.sources.address import Address
from components.featurizer.sources.labels import Photo, list_photos
from components.featurizer.sources.pace import paced

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Folder:
    """The pictures under ``path``, ``fps`` frames a second, every one for ``hold_s`` seconds (0: one frame)."""

    path: Path
    fps: float = 2.0
    hold_s: float = 0.0
    shuffle: bool = False
    seed: int = 0
    labels: Path | None = None
    use: str | None = None

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        """Yield frames until ``stop``; raises UnavailableError or BadContentError when there is nothing to show."""
        photos = list_photos(self.path, self.labels, self.use)
        shown = self._shown(photos)
        for seq, _ in enumerate(paced(stop, self.fps), start=1):
            image, label = next(shown)
            yield Frame(image, seq, time.monotonic_ns(), time.time(), label)

    def _shown(self, photos: list[Photo]) -> Iterator[tuple[Image, str | None]]:
        """Picture and label of each frame, for ever."""
        order = random.Random(self.seed)  # noqa: S311  # an order of pictures, no secret
        frames_each = max(1, round(self.hold_s * self.fps))
        while True:
            if self.shuffle:
                photos = order.sample(photos, len(photos))
            readable = False
            for photo in photos:
                image = _read(photo.path)
                if image is None:
                    continue
                readable = True
                for _ in range(frames_each):
                    yield image, photo.item_id
            if not readable:
                raise UnavailableError(f"None of the {len(photos)} pictures in {self.path} can be read.")


def _read(path: Path) -> Image | None:
    try:
        return decode_picture(path.read_bytes())
    except (OSError, BadContentError) as error:
        log.warning("%s is left out: %s", path, error)
        return None


def folder_source(address: Address) -> Folder:
    """``folder:/path``, with ``order=shuffle``, ``seed``, ``fps``, ``hold_s``, ``labels=FILE`` and ``use=VALUE``."""
    address.check_options("order", "seed", "fps", "hold_s", "labels", "use")
    labels = address.options.get("labels")
    return Folder(
        Path(address.require_path("the path of a folder")),
        fps=address.number("fps", 2, 0.1, 240),
        hold_s=address.number("hold_s", 0, 0, 3600),
        shuffle=address.choice("order", "sorted", "shuffle") == "shuffle",
        seed=int(address.number("seed", 0, 0, 2**31)),
        labels=Path(labels) if labels else None,
        use=address.options.get("use"),
    )
