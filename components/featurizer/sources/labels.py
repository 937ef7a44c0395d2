"""Which item a photo of a folder really shows: a CSV with the columns ``photo`` and ``item_id``."""

import csv
from dataclasses import dataclass
from pathlib import Path

from components.core.errors import BadContentError, UnavailableError
from components.core.messages import MAX_ID_LENGTH
from components.picture_header import SUFFIXES


@dataclass(frozen=True)
class Photo:
    """A picture file; ``label`` is the item that it shows, "" if none, None where nobody said."""

    path: Path
    label: str | None = None


def list_photos(folder: Path, labels: Path | None, use: str | None) -> list[Photo]:
    """The pictures of ``folder``, sorted by path, with the labels of the CSV ``labels``.

    Without one they are those of ``<folder>.csv`` beside it or of ``photos.csv`` in it, where there is such a file.

    With ``use``, only those whose column ``use`` has that value. Raises UnavailableError where the folder or a named
    CSV is missing or there is no picture, BadContentError where the CSV lacks a column.
    """
    if not folder.is_dir():
        raise UnavailableError(f"The folder {folder} is not there: check the path of the source.")
    found = [path for path in (folder.with_name(folder.name + ".csv"), folder / "photos.csv") if path.is_file()]
    table = labels or next(iter(found), None)
    rows = _read_labels(table) if table else {}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    photos = [Photo(path, rows.get(path.resolve(), _NOTHING).label) for path in paths if _wanted(rows, path, use)]
    if not photos:
        wanted = f" whose use is {use!r}" if use else ""
        raise UnavailableError(f"The folder {folder} has no JPEG, PNG or WebP picture{wanted}: check the source.")
    return photos


@dataclass(frozen=True)
class _Row:
    label: str | None
    use: str | None


_NOTHING = _Row(None, None)


def _wanted(rows: dict[Path, _Row], path: Path, use: str | None) -> bool:
    return use is None or rows.get(path.resolve(), _NOTHING).use == use


def _read_labels(table: Path) -> dict[Path, _Row]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"photo", "item_id"} - set(reader.fieldnames or ())
            if missing:
                raise BadContentError(
                    f"The labels {table} have no column {' and '.join(sorted(missing))}; expected photo, item_id."
                )
            folder = table.resolve().parent
            return {
                (folder / row["photo"]).resolve(): _Row(_label(row["item_id"], table), row.get("use"))
                for row in reader
                if row["photo"]
            }
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnavailableError(f"The labels {table} cannot be read: {error}.") from error


def _label(item_id: str | None, table: Path) -> str:
    if item_id and len(item_id) > MAX_ID_LENGTH:
        raise BadContentError(f"The labels {table} name the item {item_id[:80]!r}; at most {MAX_ID_LENGTH} characters.")
    return item_id or ""
