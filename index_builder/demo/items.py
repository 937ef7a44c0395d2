"""One item of the demo catalog: its words, its price, its picture."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from index_builder.demo.assortment import AUTHORS, KINDS, Kind
from index_builder.demo.labels import Design
from index_builder.demo.palette import PALETTES
from index_builder.demo.studio import photograph
from index_builder.demo.words import LINES, SUBJECTS, Word

JPEG_QUALITY = 90


@dataclass(frozen=True)
class Item:
    """One thing on sale: a kind and which of its variants."""

    kind: int
    variant: int

    @property
    def item_id(self) -> str:
        """The id, such as ``can-orange``."""
        kind = KINDS[self.kind]
        return f"{kind.key}-{kind.variants[self.variant][0]}".replace("_", "-")


def assortment() -> list[Item]:
    """Every item, going round the kinds: any beginning of the list is mixed."""
    return [item for _, item in sorted(_ranked(), key=lambda pair: pair[0])]


def _ranked() -> Iterator[tuple[tuple[int, int], Item]]:
    for k, kind in enumerate(KINDS):
        for v in range(len(kind.variants)):
            yield (v, k), Item(k, v)


def _rng(item: Item, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}:{item.item_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def _design(kind: Kind, variant: int) -> Design:
    subject, palette, motif, pattern, layout = kind.variants[variant]
    note = AUTHORS[variant % len(AUTHORS)] if kind.key == "book" else kind.note
    brand = kind.brands[variant % len(kind.brands)]
    return Design(brand, SUBJECTS[subject].en, _line(kind, subject).en, note, PALETTES[palette], motif, pattern, layout)


def _line(kind: Kind, subject: str) -> Word:
    return LINES["jar_plain"] if kind.key == "jar" and subject in ("honey", "pesto") else LINES[kind.key]


def row(item: Item, seed: int) -> dict[str, str]:
    """The item's line of the catalog."""
    kind = KINDS[item.kind]
    design, subject = _design(kind, item.variant), kind.variants[item.variant][0]
    word, line = SUBJECTS[subject], _line(kind, subject)
    low, high = kind.price
    price = round(low + (high - low) * float(_rng(item, seed).random()), 1)
    return {
        "item_id": item.item_id,
        "title": f"{design.brand} {word.en} {line.en}",
        "title_ko": f"{design.brand} {word.ko} {line.ko}",
        "title_zh": f"{design.brand} {word.zh}{line.zh}",
        "category": kind.category,
        "description": f"{design.title} {design.line.lower()}, {design.note}. {kind.blurb}",
        "url": f"https://example.com/items/{item.item_id}",
        "price": f"{price:.2f} EUR",
        "image": f"pictures/{item.item_id}.jpg",
        "place": f"Aisle {kind.place[0]}, shelf {kind.place[1]}",
    }


def picture(item: Item, seed: int) -> bytes:
    """The item's studio picture, JPEG of 640 x 640; the same bytes for the same seed."""
    kind = KINDS[item.kind]
    rgb = photograph(kind.draw(_design(kind, item.variant), _rng(item, seed)))
    done, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"{item.item_id} could not be encoded as JPEG.")
    return bytes(data)
