"""Which vectors a catalog's views ask for, and what each is made of, before any is computed."""

import hashlib
from dataclasses import dataclass

from components.core.items import Item, Row, encode_rows
from index_builder.catalog import Entry
from index_builder.embedding import View


@dataclass(frozen=True)
class Wanted:
    """One vector of a generation: of a picture, of a photo by a camera, or the mean of an item's photos."""

    key: str
    """What it is made of: under one projection, the same key is the same vector."""
    item: Item
    taught: bool
    by_camera: bool
    views: tuple[int, ...]
    """The numbers of the views that it is made of: several for a mean."""

    def row(self, ordinal: int) -> Row:
        """Its row in a segment."""
        return Row(ordinal, self.item, self.taught)

    def identity(self) -> bytes:
        """All that a device is told of it but its place."""
        return self.key.encode() + encode_rows([self.row(0)])


def wanted_of(views: list[View]) -> list[Wanted]:
    """In the catalog's order: of each item its pictures, its photos, and where these are several, their mean."""
    numbers: dict[str, list[int]] = {}
    for number, view in enumerate(views):
        numbers.setdefault(view.entry.item_id, []).append(number)
    return [one for of_item in numbers.values() for one in _of_item(views, of_item)]


def _of_item(views: list[View], numbers: list[int]) -> list[Wanted]:
    first = views[numbers[0]]
    item = _item(first.entry, first.embedded.thumbnail)
    photos = [number for number in numbers if views[number].picture.by_camera]
    taught = bool(photos)
    pictures = [number for number in numbers if not views[number].picture.by_camera]
    found = [Wanted(f"studio {views[number].embedded.picture}", item, taught, False, (number,)) for number in pictures]
    keys = [f"camera {views[number].embedded.picture}" for number in photos]
    found += [Wanted(key, item, taught, True, (number,)) for key, number in zip(keys, photos, strict=True)]
    if len(photos) > 1:
        digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()
        found.append(Wanted(f"mean {digest}", item, taught, True, tuple(photos)))
    return found


def _item(entry: Entry, thumbnail: str) -> Item:
    return Item(
        item_id=entry.item_id,
        title=entry.title,
        category=entry.category,
        description=entry.description,
        url=entry.url,
        price=entry.price,
        available=entry.available,
        attributes=entry.attributes,
        thumbnail=thumbnail,
    )
