"""Catalog items, and the rows of a segment: one NDJSON line per view."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.core.errors import FormatError
from components.core.fields import count, is_sha256, text
from components.core.messages import MAX_ID_LENGTH

DEFAULT_LANGUAGE = ""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One catalog item as the device knows it."""

    item_id: str
    title: Mapping[str, str] = field(default_factory=dict)
    """Language code -> title; "" is the catalog's own language."""
    category: str = ""
    description: str = ""
    url: str = ""
    price: str = ""
    available: bool = True
    attributes: Mapping[str, str] = field(default_factory=dict)
    thumbnail: str = ""
    """sha256 of the thumbnail object; "" where there is none."""


@dataclass(frozen=True)
class Row:
    """One view of an item: the vector at ``ordinal`` over all segments is a picture of ``item``, or their mean."""

    ordinal: int
    item: Item
    taught: bool = False
    """Whether photos by a camera show the item, too: then all of its views are found more easily."""


def encode_rows(rows: list[Row]) -> bytes:
    """NDJSON, one line per row, keys in one order: the same rows give the same bytes."""
    lines = (json.dumps(_row_fields(row), ensure_ascii=False, sort_keys=True, separators=(",", ":")) for row in rows)
    return "".join(line + "\n" for line in lines).encode()


def decode_row(line: bytes) -> Row:
    """The row in one line of NDJSON; raises FormatError."""
    try:
        fields = json.loads(line)
        item = Item(
            item_id=_item_id(fields["item_id"]),
            title={text(language): text(title) for language, title in fields["title"].items()},
            category=text(fields["category"]),
            description=text(fields["description"]),
            url=text(fields["url"]),
            price=text(fields["price"]),
            available=_flag(fields["available"]),
            attributes={text(name): text(value) for name, value in fields["attributes"].items()},
            thumbnail=_thumbnail(fields["thumbnail"]),
        )
        return Row(count(fields["ordinal"]), item, _flag(fields["taught"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(f"A row of the index is damaged ({error!r}): fetch or build the generation again.") from error


def decode_rows(data: bytes, *, first_ordinal: int, count: int) -> Iterator[Row]:
    """The rows of a segment of ``count`` views, one by one; raises FormatError where they do not fit it."""
    expected = first_ordinal
    for line in row_lines(data):
        row = decode_row(line)
        if row.ordinal != expected:
            break
        expected += 1
        yield row
    else:
        if expected == first_ordinal + count:
            return
    raise FormatError(
        f"The rows of a segment do not fit its {count} vectors from ordinal {first_ordinal}: "
        "fetch or build the generation again."
    )


def row_lines(data: bytes) -> Iterator[bytes]:
    """Line by line: of a gigabyte of line feeds, a list of all lines would take ten."""
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        yield data[at:end]
        at = end + 1


def _row_fields(row: Row) -> dict[str, Any]:
    item = row.item
    return {
        "ordinal": row.ordinal,
        "item_id": item.item_id,
        "title": dict(item.title),
        "category": item.category,
        "description": item.description,
        "url": item.url,
        "price": item.price,
        "available": item.available,
        "attributes": dict(item.attributes),
        "thumbnail": item.thumbnail,
        "taught": row.taught,
    }


def _item_id(value: object) -> str:
    item_id = text(value)
    if not 0 < len(item_id) <= MAX_ID_LENGTH:
        raise ValueError(f"item_id {item_id[:80]!r} must be 1 to {MAX_ID_LENGTH} characters")
    return item_id


def _thumbnail(value: object) -> str:
    if value != "" and not is_sha256(value):
        raise ValueError(f"thumbnail {value!r} is no sha256 in hex")
    return text(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is not true or false")
    return value
