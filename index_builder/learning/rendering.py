"""Embeds the camera views of a catalog's studio pictures; what an earlier build embedded is taken from its store."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from components.core.errors import LookalikeError
from components.core.segments import Vectors
from components.featurizer.decode import decode_picture
from components.featurizer.frame import Image
from index_builder.announce import Announce
from index_builder.embedding import BATCH, MAX_PIXELS, BulkEmbedder, View, map_ahead
from index_builder.embedding_store import Embedded, EmbeddingStore
from index_builder.learning.camera_views import VERSION, camera_views
from index_builder.learning.cutout import cut_out
from index_builder.pictures import MAX_PICTURE_BYTES, Pictures

MOST_VIEWS = 32
"""Of one picture; further ones teach little."""
FEWEST_VIEWS = 2
VIEWS_IN_ALL = 8_000
PICTURES_IN_ALL = 10_000
"""Of a larger catalog, pictures evenly spread over it are looked at."""


@dataclass(frozen=True)
class CameraViews:
    """Raw embeddings of rendered views."""

    embeddings: Vectors = field(repr=False)
    """Shape (n, raw_dim)."""
    picture: "np.ndarray[tuple[int], np.dtype[np.int64]]" = field(repr=False)
    """Shape (n,): which of the catalog's views each one was rendered from."""


def views_per_picture(pictures: int, at_most: int) -> int:
    """How many views to render of each of so many studio pictures."""
    return max(FEWEST_VIEWS, min(at_most, VIEWS_IN_ALL // max(1, pictures)))


class Rendering:
    """Renders and embeds camera views; all cores, bounded memory, resumable."""

    def __init__(self, pictures: Pictures, embedder: BulkEmbedder, input_size: int, kept: EmbeddingStore) -> None:
        self._pictures = pictures
        self._embedder = embedder
        self._input_size = input_size
        self._kept = kept

    def run(
        self, views: Sequence[View], at_most: int, threads: int, announce: Announce, of: int | None = None
    ) -> CameraViews:
        """The camera views of those of ``views`` that are studio pictures, ``at_most`` so many of each.

        ``of`` says how many such pictures the catalog has where ``views`` are only a part of it: they are looked at
        like the others.
        """
        studio = [number for number, view in enumerate(views) if not view.picture.by_camera]
        of = len(studio) if of is None else of
        step = 1 + max(0, of - 1) // PICTURES_IN_ALL
        chosen = studio[::step]
        count = views_per_picture(-(-of // step), at_most)
        missing = {views[number].embedded.picture: views[number] for number in chosen}
        for digest in [digest for digest in missing if self._kept.get(_key(digest, count - 1)) is not None]:
            del missing[digest]
        if missing:
            self._embed(
                list(missing.values()), count, threads, announce("learning how items look to a camera", len(missing))
            )
        found = [
            (number, self._kept.get(_key(views[number].embedded.picture, n))) for number in chosen for n in range(count)
        ]
        there = [(number, embedded.embedding) for number, embedded in found if embedded is not None]
        if not there:
            return CameraViews(np.empty((0, 0), np.float32), np.empty(0, np.int64))
        return CameraViews(np.stack([e for _, e in there]), np.array([number for number, _ in there], np.int64))

    def _embed(self, views: Sequence[View], count: int, threads: int, done: Callable[[int], None]) -> None:
        waiting: list[str] = []

        def images() -> Iterator[Image]:
            with ThreadPoolExecutor(threads, thread_name_prefix="render") as pool:
                rendered = map_ahead(pool, lambda view: self._render(view, count), views, 2 * threads)
                for view, several in zip(views, rendered, strict=True):
                    waiting.extend(_key(view.embedded.picture, number) for number in range(len(several)))
                    yield from several
                    done(1)

        batch: list[Embedded] = []
        for position, embedding in enumerate(self._embedder.embed_all(images(), threads)):
            batch.append(Embedded(waiting[position], embedding, ""))
            if len(batch) >= BATCH:
                self._kept.add(batch)
                batch.clear()
        self._kept.add(batch)

    def _render(self, view: View, count: int) -> list[Image]:
        try:
            data = self._pictures.read(view.picture.location)
            image = decode_picture(data, max_pixels=MAX_PIXELS, max_bytes=MAX_PICTURE_BYTES)
        except LookalikeError:
            return []  # it was there when it was embedded: gone since, it goes without camera views
        return camera_views(cut_out(image), view.embedded.picture, count, self._input_size)


def _key(digest: str, number: int) -> str:
    return f"{digest}/camera-{VERSION}-{number}"
