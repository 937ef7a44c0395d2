"""What a generation answers to photos whose item is known: the way of the device, from the file to the decision."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from pathlib import Path

import numpy as np

from components.catalog import Catalog, load_catalog
from components.core.camera_mean import CameraMean, means_in_order
from components.core.decisions import Thresholds, decide, with_probabilities
from components.core.errors import BadContentError, LookalikeError
from components.core.messages import MAX_K, Match
from components.core.segments import Vectors
from components.featurizer.decode import decode_picture
from components.featurizer.embedder import Embedder
from components.featurizer.frame import Image
from components.featurizer.generation_model import load_model_of
from components.featurizer.model import Model
from components.featurizer.sources.labels import Photo, list_photos, read_photo_list
from components.searcher.index import Index
from components.searcher.snapshot import Snapshot, load_snapshot
from components.store import Store
from index_builder.announce import Announce
from index_builder.embedding import MAX_PIXELS
from index_builder.pictures import MAX_PICTURE_BYTES, read_file

CAMERAS = {
    "settled": "the photos are of one camera that has seen many things: center them by what they show together",
    "new": "the photos are of one camera, in this order: center each by what it saw before, as a new device does",
    "several": "the photos are of many cameras: center them by the generation's own guess",
}


@dataclass(frozen=True)
class Answer:
    """What was answered to one photo."""

    photo: Photo
    known: bool
    """Whether the generation holds the item that the photo shows."""
    matches: tuple[Match, ...]
    """The first 50, best first."""
    decision: str
    candidates: int
    """How many of the first matches may be right: 1 with a match, 0 with none."""

    @property
    def item_id(self) -> str:
        """The item that the photo shows, "" if none."""
        return self.photo.item_id or ""

    @cached_property
    def rank(self) -> float:
        """Place of the right item among the matches, from 1; infinite where it is not there."""
        found = (place for place, match in enumerate(self.matches, 1) if match.item_id == self.item_id)
        return next(found, inf)

    @property
    def score(self) -> float:
        """Of the best match; -1 where there is none."""
        return self.matches[0].score if self.matches else -1.0

    @property
    def probability(self) -> float | None:
        """Of the best match being right, where the generation states it."""
        return self.matches[0].probability if self.matches else None


@dataclass(frozen=True)
class Unreadable:
    """A photo that could not be used, and why."""

    photo: str
    reason: str


@dataclass(frozen=True)
class Seen:
    """Photos as a model sees them."""

    photos: list[Photo]
    """Those that could be read."""
    embeddings: Vectors
    """Raw ones, shape (photos, raw_dim)."""
    unreadable: list[Unreadable]


@dataclass(frozen=True)
class Run:
    """A generation, and what it answered."""

    store: Store
    snapshot: Snapshot
    catalog: Catalog
    answers: list[Answer]
    queries: Vectors
    """Shape (answers, dim)."""
    unreadable: list[Unreadable]


def read_photos(table: Path | None, use: str | None, unknown: Path | None = None) -> list[Photo]:
    """The photos that a CSV file lists (photo, item_id, and use where ``use`` chooses), and those of a folder.

    An empty item_id is a photo of something else, as all of the folder ``unknown`` are. Raises UnavailableError where
    something cannot be read, BadContentError where its content is wrong or there is no photo.
    """
    photos = [] if table is None else read_photo_list(table, use)
    if table is not None and not photos:
        chosen = "" if use is None else f" with use {use!r}"
        raise BadContentError(f"{table} lists no photos{chosen}.")
    if unknown is not None:
        photos += [Photo(photo.path, "") for photo in list_photos(unknown, None, None)]
    return photos


def ask(
    store: Store, seq: int | None, photos: list[Photo], threads: int, announce: Announce, *, camera: str = "settled"
) -> Run:
    """Ask generation ``seq`` (None: the active one) for every photo.

    ``camera`` is one of CAMERAS: how the photos are centered.

    Raises BadContentError where no photo can be read, FormatError or UnavailableError where the generation is broken.
    """
    seq = store.require_active() if seq is None else seq
    model = load_model_of(store, store.manifest(seq))
    return answer(store, seq, see(model, photos, threads, announce(f"asking generation {seq}", len(photos))), camera)


def answer(store: Store, seq: int, seen: Seen, camera: str) -> Run:
    """What generation ``seq``, whose model saw the photos, answers to them; see :func:`ask`."""
    snapshot = load_snapshot(store, seq)
    means = _means(seen.embeddings, snapshot.projection.query_mean, camera)
    queries = snapshot.projection.query(seen.embeddings, means)
    index, items = Index(snapshot), {snapshot.item_of[ordinal] for ordinal in snapshot.alive}
    answers = [
        _answer(index, photo, photo.item_id in items, query) for photo, query in zip(seen.photos, queries, strict=True)
    ]
    return Run(store, snapshot, load_catalog(store, seq), answers, queries, seen.unreadable)


def read_photo(path: Path) -> Image:
    """The photo as BGR; raises BadContentError or UnavailableError."""
    return decode_picture(read_file(path), max_pixels=MAX_PIXELS, max_bytes=MAX_PICTURE_BYTES)


def see(model: Model, photos: list[Photo], threads: int, done: Callable[[int], None]) -> Seen:
    """Read and embed ``photos``; raises BadContentError where none can be read."""
    readable: list[Photo] = []
    unreadable: list[Unreadable] = []

    def images() -> Iterator[Image]:
        for photo in photos:
            try:
                image = read_photo(photo.path)
            except LookalikeError as error:
                unreadable.append(Unreadable(str(photo.path), str(error)))
            else:
                readable.append(photo)
                yield image
            done(1)

    embeddings = list(Embedder(model, device="CPU", threads=threads).embed_all(images(), threads))
    if not embeddings:
        raise BadContentError(f"None of the {len(photos)} photos can be read; the first one: {unreadable[0].reason}")
    return Seen(readable, np.stack(embeddings), unreadable)


def _means(embeddings: Vectors, start: Vectors, camera: str) -> Vectors | None:
    """By what to center the photos, see CAMERAS; None for the generation's own guess."""
    if camera == "several" or not start.any():  # where the catalog's vectors are not centered, nothing is
        return None
    if camera == "new":
        return means_in_order(embeddings, start)
    settled = CameraMean(start.size)
    for embedding in embeddings:
        settled.saw(embedding, start)
    return settled.around(start)


def _answer(index: Index, photo: Photo, known: bool, query: Vectors) -> Answer:
    snapshot = index.snapshot
    matches = index.search(query, MAX_K)
    return answered(photo, known, matches, snapshot.manifest.thresholds, snapshot.category_of)


def answered(
    photo: Photo, known: bool, matches: Sequence[Match], thresholds: Thresholds, category_of: Mapping[str, str]
) -> Answer:
    """The answer that ``matches``, best first, give with ``thresholds``; ``category_of`` has every item's id."""
    matches = with_probabilities(matches, thresholds.calibration)
    category = category_of[matches[0].item_id] if matches else ""
    decision = decide(matches, thresholds, category=category)
    candidates = decision.candidates or int(decision.kind == "match")
    return Answer(photo, known, matches, decision.kind, candidates)
