"""Which item a photo really shows: a CSV with the columns ``photo`` and ``item_id``, for a folder or an evaluation."""

import csv
from dataclasses import dataclass
from pathlib import Path

from components.core.errors import BadContentError, UnavailableError
from components.core.messages import MAX_ID_LENGTH
from components.picture_header import SUFFIXES

_EXPECTED = "give a CSV file with the columns photo and item_id"


@dataclass(frozen=True)
class Photo:
    """A picture file; ``item_id`` is the item that it shows, "" if none, None where nobody said."""

    path: Path
    item_id: str | None = None


def list_photos(folder: Path, labels: Path | None, use: str | None) -> list[Photo]:
    """The pictures of ``folder``, sorted by path, with the items that the CSV ``labels`` names.

    Without one they are those of ``<folder>.csv`` beside it or of ``photos.csv`` in it, where there is such a file.

    With ``use``, only those whose column ``use`` has that value. Raises UnavailableError where the folder or a named
    CSV is missing or there is no picture, BadContentError where the CSV is wrong.
    """
    if not folder.is_dir():
        raise UnavailableError(f"The folder {folder} is not there: check the path of the source.")
    found = [path for path in (folder.with_name(folder.name + ".csv"), folder / "photos.csv") if path.is_file()]
    table = labels or next(iter(found), None)
    said = {photo.path.resolve(): photo.item_id for photo in read_photo_list(table, use)} if table else {}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    photos = [Photo(path, said.get(path.resolve())) for path in paths if use is None or path.resolve() in said]
    if not photos:
        wanted = f" whose use is {use!r}" if use else ""
        raise UnavailableError(f"The folder {folder} has no JPEG, PNG or WebP picture{wanted}: check the source.")
    return photos


def read_photo_list(table: Path, use: str | None = None) -> list[Photo]:
    """The photos that the CSV file ``table`` lists, relative to its folder, in its order; with ``use``, only those.

    Raises UnavailableError where the file cannot be read now, BadContentError where its content is wrong.
    """
    if not table.is_file():  # a pipe might never end
        raise UnavailableError(f"The list of photos {table} is not there, or is no file: {_EXPECTED}.")
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            return _photos_of(csv.DictReader(file, strict=True), table, use)
    except OSError as error:
        raise UnavailableError(f"The list of photos {table} cannot be read ({error.strerror}).") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadContentError(f"{table} cannot be read as a list of photos ({error}): {_EXPECTED}.") from error


def _photos_of(reader: "csv.DictReader[str]", table: Path, use: str | None) -> list[Photo]:
    wanted = ["photo", "item_id"] + (["use"] if use is not None else [])
    missing = [name for name in wanted if name not in (reader.fieldnames or [])]
    if missing:
        raise BadContentError(f"{table} lacks the column {' and '.join(missing)}: expected {', '.join(wanted)}.")
    photos = []
    for row in reader:
        if not row["photo"]:
            raise BadContentError(f"{table}:{reader.line_num} names no photo: {_EXPECTED}.")
        if len(row["item_id"] or "") > MAX_ID_LENGTH:
            raise BadContentError(
                f"{table}:{reader.line_num} names the item {row['item_id'][:80]!r}; at most {MAX_ID_LENGTH} characters."
            )
        if use is None or row["use"] == use:
            photos.append(Photo(table.parent / row["photo"], row["item_id"] or ""))
    return photos
