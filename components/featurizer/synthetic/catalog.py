"""Which pictures there are to hold up: a CSV file or a folder."""

import csv
from dataclasses import dataclass
from pathlib import Path

from components.core.errors import BadContentError, UnavailableError
from components.core.messages import MAX_ID_LENGTH
from components.picture_header import SUFFIXES


@dataclass(frozen=True)
class Shown:
    """An item and the picture of it that is shown."""

    item_id: str
    picture: Path


def read_shown(catalog: Path) -> list[Shown]:
    """The items of a catalog in its order: a CSV, a folder with a catalog.csv, or a folder of pictures or folders.

    Raises UnavailableError where it cannot be read, BadContentError where it is not a catalog or shows nothing.
    """
    try:
        if not catalog.is_dir():
            shown = _read_csv(catalog)
        elif (catalog / "catalog.csv").is_file():
            shown = _read_csv(catalog / "catalog.csv")
        else:
            shown = _read_folder(catalog)
    except OSError as error:
        raise UnavailableError(
            f"The catalog {catalog} cannot be read: {error.strerror or error}; give a CSV file or a folder of pictures."
        ) from error
    if not shown:
        raise BadContentError(f"The catalog {catalog} has no item with a picture; at least one is needed.")
    return shown


def _read_csv(path: Path) -> list[Shown]:
    try:
        reader = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(keepends=True), strict=True)
        missing = [name for name in ("item_id", "image") if name not in (reader.fieldnames or ())]
        rows = [] if missing else list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadContentError(f"The catalog {path} is not a CSV file in UTF-8: {error}.") from error
    if missing:
        raise BadContentError(f"The catalog {path} has no column {' and no column '.join(missing)}; both are needed.")
    return [shown for row in rows if (shown := _shown(path, row)) is not None]


def _shown(path: Path, row: dict[str, str | None]) -> Shown | None:
    item_id, image = (row["item_id"] or "").strip(), (row["image"] or "").split("|")[0].strip()
    if not item_id or not image:
        return None
    _check_id(path, item_id)
    return Shown(item_id, path.parent / image)


def _read_folder(folder: Path) -> list[Shown]:
    shown = []
    for child in sorted(folder.iterdir()):
        pictures = sorted(child.iterdir()) if child.is_dir() else [child]
        first = next((file for file in pictures if file.suffix.lower() in SUFFIXES), None)
        if first is not None:
            item_id = child.name if child.is_dir() else child.stem
            _check_id(folder, item_id)
            shown.append(Shown(item_id, first))
    return shown


def _check_id(where: Path, item_id: str) -> None:
    if len(item_id) > MAX_ID_LENGTH:
        raise BadContentError(
            f"The catalog {where} has the item {item_id!r}; an id has at most {MAX_ID_LENGTH} characters."
        )
