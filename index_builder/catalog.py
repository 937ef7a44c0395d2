"""Reads a catalog: a folder of pictures, a CSV file or a JSONL file."""

import csv
import io
import json
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.core.errors import BadContentError
from components.core.items import DEFAULT_LANGUAGE
from components.core.messages import MAX_ID_LENGTH
from components.picture_header import SUFFIXES

MAX_TEXT = 131_072
"""Characters of one field: what the reader of CSV takes."""
MAX_ATTRIBUTES = 256
_KNOWN = {"item_id", "title", "category", "description", "url", "price", "available", "image", "views", "attributes"}
_TITLE_IN = re.compile(r"title_([a-z]{2,3}(?:[-_][A-Za-z0-9]+)?)$")


@dataclass(frozen=True)
class Picture:
    """Where a picture of an item lies: a path or an http(s) URL."""

    location: str
    by_camera: bool = False
    """A photo taken by a camera like the device's, rather than a studio picture."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One item of a catalog with its pictures."""

    item_id: str
    title: Mapping[str, str]
    category: str = ""
    description: str = ""
    url: str = ""
    price: str = ""
    available: bool = True
    attributes: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()


def read_catalog(path: Path) -> list[Entry]:
    """All items of a catalog, in its order; raises BadContentError that names the place of the fault."""
    try:
        entries = _reader(path)(path)
    except FileNotFoundError as error:
        raise BadContentError(
            f"{path} does not exist: give a folder of pictures, a CSV file or a JSONL file."
        ) from error
    except OSError as error:
        raise BadContentError(
            f"{path} cannot be read ({error.strerror}): check its name and its permissions."
        ) from error
    if not entries:
        raise BadContentError(f"{path} holds no items: a catalog needs at least one item with a picture.")
    return entries


def _reader(path: Path) -> Callable[[Path], list[Entry]]:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return _read_folder
    reader = _READERS.get(path.suffix.lower())
    if reader is None or not stat.S_ISREG(mode):  # a pipe or a device might never end
        raise BadContentError(f"{path} is no catalog: expected a folder of pictures, a .csv file or a .jsonl file.")
    return reader


def _read_folder(folder: Path) -> list[Entry]:
    """What its catalog.csv says, or a picture per item (named by its file), or a folder per item with several views."""
    for suffix, read in _READERS.items():
        if (table := folder / f"catalog{suffix}").is_file():
            return read(table)
    entries, places = [], []
    for child in sorted(folder.iterdir()):
        if child.name.startswith("."):
            continue
        if child.is_dir():
            pictures = tuple(Picture(str(file)) for file in sorted(child.iterdir()) if _is_picture(file))
        else:
            pictures = (Picture(str(child)),) if _is_picture(child) else ()
        if pictures:
            item_id = child.name if child.is_dir() else child.stem
            title = {DEFAULT_LANGUAGE: item_id.replace("_", " ").replace("-", " ").strip()}
            entries.append(Entry(item_id=_item_id(item_id, str(child)), title=title, pictures=pictures))
            places.append(str(child))
    _require_unique(zip((entry.item_id for entry in entries), places, strict=True))
    return entries


def _read_csv(path: Path) -> list[Entry]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        columns = [name.strip() for name in reader.fieldnames or []]
        if not columns:
            return []
        _require_columns(path, columns)
        twice = sorted({name for name in columns if columns.count(name) > 1})
        if twice:
            raise BadContentError(
                f"{path} has the column {' and '.join(map(repr, twice))} twice: give each its own name."
            )
        reader.fieldnames = columns
        rows = [(f"{path}, line {reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise BadContentError(f"{path}, line {reader.reader.line_num} is not CSV: {error}.") from error
    entries = [_entry(_csv_fields(place, row), path.parent, place) for place, row in rows]
    _require_unique((entry.item_id, place) for entry, (place, _) in zip(entries, rows, strict=True))
    return entries


def _read_jsonl(path: Path) -> list[Entry]:
    entries, places = [], []
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            fields = json.loads(line)
            json.dumps(fields, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise BadContentError(f"{place} holds half a surrogate pair, which is no text.") from error
        except (ValueError, RecursionError) as error:
            raise BadContentError(
                f"{place} is not JSON ({_json_fault(error)}): one object per line is expected."
            ) from error
        if not isinstance(fields, dict):
            raise BadContentError(f"{place} must be a JSON object with item_id and image.")
        _require_columns(place, fields)
        entries.append(_entry(fields, path.parent, place))
        places.append(place)
    _require_unique(zip((entry.item_id for entry in entries), places, strict=True))
    return entries


_READERS = {".csv": _read_csv, ".jsonl": _read_jsonl, ".ndjson": _read_jsonl}


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadContentError(f"{path}, line {line} is not UTF-8 text: save the catalog as UTF-8.") from error


def _json_fault(error: Exception) -> str:
    """What is wrong, without the decoder's own count of lines."""
    return f"{error.msg}, character {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)


def _require_columns(place: object, columns: Iterable[str]) -> None:
    names = list(columns)
    missing = [] if "item_id" in names else ["item_id"]
    if not {"image", "views"} & set(names):
        missing.append("image")
    if len(names) == 1 and ";" in names[0]:
        raise BadContentError(f"{place} is separated by semicolons: save it with commas between the fields.")
    if missing:
        raise BadContentError(
            f"{place} lacks {' and '.join(missing)}; it has: {', '.join(names) or 'nothing'}. "
            "Each item needs item_id and image (or views)."
        )


def _csv_fields(place: str, row: Mapping[str | None, Any]) -> dict[str, Any]:
    if None in row:
        raise BadContentError(f"{place} has more fields than the header names: quote texts that hold commas.")
    if None in row.values():
        raise BadContentError(f"{place} has fewer fields than the header names: a line may be cut off.")
    return {str(name): value for name, value in row.items()}


def _entry(fields: Mapping[str, Any], folder: Path, place: str) -> Entry:
    item_id = _item_id(fields["item_id"], place)
    titles = {DEFAULT_LANGUAGE: _scalar(fields.get("title"), "title", place) or item_id}
    for name, value in fields.items():
        if (found := _TITLE_IN.match(name)) and (title := _scalar(value, name, place)):
            titles[found.group(1)] = title
    studio = [Picture(location) for location in _locations(fields.get("image"), folder, place)]
    views = [Picture(location, by_camera=True) for location in _locations(fields.get("views"), folder, place)]
    texts = {n: _scalar(fields.get(n), n, place) for n in ("category", "description", "url", "price")}
    return Entry(
        item_id=item_id,
        title=titles,
        available=_scalar(fields.get("available", True), "available", place).lower() not in {"false", "0", "no"},
        attributes=_attributes(fields, place),
        pictures=tuple(dict.fromkeys(studio + views)),
        **texts,
    )


def _attributes(fields: Mapping[str, Any], place: str) -> dict[str, str]:
    given = fields.get("attributes") or {}
    if not isinstance(given, Mapping):
        raise BadContentError(f"{place}: attributes must map names to values.")
    others = {name: value for name, value in fields.items() if name not in _KNOWN and not _TITLE_IN.match(name)}
    if len(others) + len(given) > MAX_ATTRIBUTES:
        raise BadContentError(f"{place} has {len(others) + len(given)} attributes; at most {MAX_ATTRIBUTES} are read.")
    found = {name: _scalar(value, name, place) for name, value in {**others, **given}.items()}
    return {name: value for name, value in found.items() if value}


def _locations(value: object, folder: Path, place: str) -> Iterator[str]:
    """One or several pictures: joined by ``|`` in text, or a list."""
    several = value if isinstance(value, list) else [] if value is None else _scalar(value, "picture", place).split("|")
    for location in several:
        if not isinstance(location, str):
            raise BadContentError(f"{place}: a picture must be a path or a URL, not {location!r}.")
        text = location.strip()
        if text.startswith(("http://", "https://")):
            yield text
        elif text:
            yield str(folder / text)


def _scalar(value: object, name: str, place: str) -> str:
    if isinstance(value, (dict, list)):
        raise BadContentError(f"{place}: {name} must be text or a number, not {json.dumps(value)[:40]}.")
    text = "" if value is None else str(value).strip()
    if len(text) > MAX_TEXT:
        raise BadContentError(f"{place}: {name} has {len(text)} characters; at most {MAX_TEXT} are read: shorten it.")
    return text


def _item_id(value: object, place: str) -> str:
    item_id = _scalar(value, "item_id", place)
    if not 0 < len(item_id) <= MAX_ID_LENGTH or not item_id.isprintable() or "/" in item_id:
        raise BadContentError(
            f"{place}: item_id {item_id[:80]!r} must be 1 to {MAX_ID_LENGTH} printable characters without a slash."
        )
    return item_id


def _require_unique(places: Iterable[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for item_id, place in places:
        if item_id in first:
            raise BadContentError(
                f"item_id {item_id!r} stands twice: in {first[item_id]} and in {place}. Each item needs "
                "an id of its own; several pictures of one item are joined by | in its image column."
            )
        first[item_id] = place


def _is_picture(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
