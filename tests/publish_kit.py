"""A small shop that is published for real: keys, generations with thumbnails, places of every kind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from components.core.items import Item
from components.store import Store
from components.thumbnails import thumbnail
from index_builder.publish.keys import SIGNS_FOR, Keys, init
from index_builder.publish.places import Place, open_place
from index_builder.publish.publishing import Publication, publish
from tests.generations import items, unit_vectors, write_generation
from tests.object_place import BUCKET
from tests.update_kit import fake_model

COUNT = 60
FILES = {purpose: ["file"] for purpose in SIGNS_FOR}


def silent(what: str, total: int) -> Callable[[int], None]:
    """Announces nothing."""
    return lambda done: None


def shop(folder: Path, generations: int = 1) -> Store:
    """A store with so many generations: each has a tail of 5 views more and one view less than the one before."""
    store = Store(folder)
    several = [_pictured(store, item, number) for number, item in enumerate(items(COUNT + 5 * generations))]
    vectors = unit_vectors(len(several))
    for seq in range(1, generations + 1):
        count = COUNT + 5 * (seq - 1)
        tail, removed = 5 * (seq - 1), range(seq - 1)
        model = fake_model(store)
        write_generation(
            store, vectors[:count], several[:count], seq=seq, tail=tail, removed=list(removed), model=model
        )
    return store


def make_keys(folder: Path, channel: str = "stable") -> Keys:
    """Keys of a channel, in files."""
    return init(folder, channel, FILES)


def address_of(kind: str, folder: Path) -> str:
    """A place of ``kind``: folder, tar or s3."""
    return {"folder": str(folder / "place"), "tar": str(folder / "stick.tar"), "s3": f"s3://{BUCKET}/shop"}[kind]


@contextmanager
def place_of(kind: str, folder: Path, server: str = "") -> Iterator[Place]:
    """The place of ``kind``, opened."""
    with open_place(address_of(kind, folder), server if kind == "s3" else "") as place:
        yield place


def published(store: Store, seq: int, place: Place, keys: Keys) -> Publication:
    """Publish without a word."""
    return publish(store, seq, place, keys, silent)


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file under ``folder``, by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _pictured(store: Store, item: Item, number: int) -> Item:
    picture = np.full((40, 40, 3), (number % 256, 3 * number % 256, 90), np.uint8)
    cv2.circle(picture, (20, 20), 3 + number % 15, (0, 0, 200), -1)
    return replace(item, thumbnail=store.write_object(thumbnail(picture)).sha256)
