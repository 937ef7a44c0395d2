"""A catalog's pictures become raw embeddings and thumbnails: all cores, resumable, one bad picture stops nothing."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from components.core.errors import LookalikeError
from components.core.messages import Embedding
from components.featurizer.decode import decode_picture
from components.featurizer.frame import Image
from components.featurizer.preprocessing import to_input
from components.store import Store
from components.thumbnails import thumbnail
from index_builder.catalog import Entry, Picture
from index_builder.embedding_store import Embedded, EmbeddingStore
from index_builder.pictures import MAX_PICTURE_BYTES, Pictures

BATCH = 64
MAX_PIXELS = 100_000_000

T = TypeVar("T")
R = TypeVar("R")


class BulkEmbedder(Protocol):
    """Embeds many pictures, in order, as fast as the machine can."""

    def embed_all(self, images: Iterable[Image], threads: int) -> Iterator[Embedding]:
        """One embedding per picture."""


@dataclass(frozen=True)
class Failure:
    """A picture that could not be used, and why."""

    item_id: str
    picture: str
    reason: str


@dataclass(frozen=True)
class View:
    """One usable picture of an item."""

    entry: Entry
    picture: Picture
    embedded: Embedded


@dataclass(frozen=True)
class _Prepared:
    digest: str
    image: Image | None = field(repr=False)
    """The network's input; None where the embedding is already there."""
    thumbnail: bytes = b""


class CatalogEmbedding:
    """Embeds the pictures of a catalog; what was embedded by an earlier run is taken from ``kept``."""

    def __init__(
        self, pictures: Pictures, embedder: BulkEmbedder, input_size: int, kept: EmbeddingStore, store: Store
    ) -> None:
        self._pictures = pictures
        self._embedder = embedder
        self._input_size = input_size
        self._kept = kept
        self._store = store
        self._known = kept.thumbnails()

    def run(self, entries: list[Entry], threads: int, done: Callable[[int], None]) -> tuple[list[View], list[Failure]]:
        """The views in catalog order, and the failures; ``done(n)`` is called for every n pictures that are through."""
        wanted = [(entry, picture) for entry in entries for picture in entry.pictures]
        outcomes: dict[int, str | Failure] = {}
        with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
            fresh = self._prepared(wanted, pool, threads, outcomes, done)
            self._keep(self._embedded(fresh, threads), done)
        views, failures = [], []
        for number, (entry, picture) in enumerate(wanted):
            outcome = outcomes[number]
            embedded = self._kept.get(outcome) if isinstance(outcome, str) else None
            if embedded is not None:
                views.append(View(entry, picture, embedded))
            elif isinstance(outcome, Failure):
                failures.append(outcome)
        failures += [Failure(e.item_id, "", "The item has no picture.") for e in entries if not e.pictures]
        return views, failures

    def _prepared(
        self,
        wanted: list[tuple[Entry, Picture]],
        pool: ThreadPoolExecutor,
        threads: int,
        outcomes: dict[int, str | Failure],
        done: Callable[[int], None],
    ) -> Iterator[_Prepared]:
        """Decode ahead on all threads; yield what must be embedded, note what is known or failed."""
        seen: set[str] = set()
        locations = (picture.location for _, picture in wanted)
        for number, result in enumerate(map_ahead(pool, self._prepare, locations, 4 * threads)):
            if isinstance(result, _Prepared):
                outcomes[number] = result.digest
                if result.image is not None and result.digest not in seen:
                    seen.add(result.digest)
                    yield result
                    continue
            else:
                entry, picture = wanted[number]
                outcomes[number] = Failure(entry.item_id, picture.location, str(result))
            done(1)

    def _prepare(self, location: str) -> "_Prepared | LookalikeError":
        try:
            data = self._pictures.read(location)
            digest = hashlib.sha256(data).hexdigest()
            if self._store.holds(self._known.get(digest, "")):
                return _Prepared(digest, None)
            image = decode_picture(data, max_pixels=MAX_PIXELS, max_bytes=MAX_PICTURE_BYTES)
        except LookalikeError as error:
            return error
        target = np.empty((self._input_size, self._input_size, 3), np.uint8)
        to_input(image, target)
        return _Prepared(digest, target, thumbnail(image))

    def _embedded(self, prepared: Iterator[_Prepared], threads: int) -> Iterator[Embedded]:
        waiting: deque[_Prepared] = deque()

        def images() -> Iterator[Image]:
            for one in prepared:
                assert one.image is not None  # noqa: S101  # only fresh pictures come here
                waiting.append(one)
                yield one.image

        for embedding in self._embedder.embed_all(images(), threads):
            one = waiting.popleft()
            yield Embedded(one.digest, embedding, self._store.write_object(one.thumbnail).sha256)

    def _keep(self, fresh: Iterator[Embedded], done: Callable[[int], None]) -> None:
        batch: list[Embedded] = []
        for embedded in fresh:
            batch.append(embedded)
            if len(batch) == BATCH:
                self._kept.add(batch)
                batch.clear()
            done(1)
        self._kept.add(batch)


def map_ahead(pool: ThreadPoolExecutor, function: Callable[[T], R], several: Iterable[T], ahead: int) -> Iterator[R]:
    """``map`` in order on the pool, at most ``ahead`` results early: memory stays bounded in a long catalog."""
    waiting: deque[Future[R]] = deque()
    for one in several:
        waiting.append(pool.submit(function, one))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
