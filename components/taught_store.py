"""The taught items on the disk: one SQLite file, written by the searcher, read by the dashboard too.

Every change is one transaction that is on the disk before it is answered, and one operation that can be undone: each
row knows the operation that changed it last, and an operation what its rows were before.
"""

import hashlib
import json
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.core.errors import FormatError, UnavailableError
from components.core.taught import TaughtCatalog, TaughtItem, TaughtView

log = logging.getLogger(__name__)

NAME = "taught.sqlite"
FORMAT = 1
KEPT_OPERATIONS = 200
"""So many can be undone; what was removed before them is erased."""
MAX_THUMBNAIL_BYTES = 15 * 1024
_WAIT_S = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    item_id TEXT PRIMARY KEY, own INTEGER NOT NULL, title TEXT NOT NULL, category TEXT NOT NULL,
    description TEXT NOT NULL, state TEXT NOT NULL, operation INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS views (
    number INTEGER PRIMARY KEY AUTOINCREMENT, view_id TEXT NOT NULL UNIQUE, item_id TEXT NOT NULL,
    model TEXT NOT NULL, embedding BLOB NOT NULL, source TEXT NOT NULL, state TEXT NOT NULL, taken_at REAL NOT NULL,
    thumbnail TEXT NOT NULL, looked_like TEXT NOT NULL, operation INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS thumbnails (digest TEXT PRIMARY KEY, picture BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS operations (
    operation INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, action TEXT NOT NULL, before TEXT NOT NULL);
"""
_ITEM = "item_id, own, title, category, description, state"
_VIEW = "view_id, item_id, model, embedding, source, state, taken_at, thumbnail, looked_like"


@dataclass(frozen=True)
class Operation:
    """One change that was made."""

    number: int
    at: float
    """Wall clock, seconds since 1970."""
    action: str


class TaughtStore:
    """The taught items under one folder; the file is made with the first change. May be used from several threads.

    Raises UnavailableError where the disk does not do its part, FormatError where the file is damaged.
    """

    def __init__(self, taught_dir: Path, *, read_only: bool = False) -> None:
        self.path = taught_dir / NAME
        self._read_only = read_only
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None
        self._changes = 0

    def version(self) -> tuple[int, int]:
        """Another one after every change, whoever made it."""
        with self._reading() as database:
            if database is None:
                return (0, 0)
            return (self._changes + 1, int(database.execute("PRAGMA data_version").fetchone()[0]))

    def catalog(self) -> TaughtCatalog:
        """All items with their views; removed views are left out, removed items are there as such."""
        with self._reading() as database:
            if database is None:
                return TaughtCatalog()
            items = [_item(row) for row in database.execute(f"SELECT {_ITEM} FROM items")]  # noqa: S608  # constants
            query = f"SELECT {_VIEW} FROM views WHERE state != 'removed' ORDER BY number"  # noqa: S608
            views = [view for row in database.execute(query) if (view := _whole_view(row)) is not None]
        return TaughtCatalog({item.item_id: item for item in items}, tuple(views))

    def thumbnail(self, digest: str) -> bytes | None:
        """The picture with this sha256, or None where there is none that is whole."""
        with self._reading() as database:
            if database is None:
                return None
            found = database.execute("SELECT picture FROM thumbnails WHERE digest = ?", (digest,)).fetchone()
        return found[0] if found and hashlib.sha256(found[0]).hexdigest() == digest else None

    def operations(self, limit: int = KEPT_OPERATIONS) -> list[Operation]:
        """The last changes, newest first."""
        with self._reading() as database:
            if database is None:
                return []
            query = "SELECT operation, at, action FROM operations ORDER BY operation DESC LIMIT ?"
            return [Operation(*row) for row in database.execute(query, (limit,))]

    def change(
        self,
        action: str,
        at: float,
        *,
        items: Sequence[TaughtItem] = (),
        views: Sequence[TaughtView] = (),
        thumbnails: Mapping[str, bytes] | None = None,
    ) -> int:
        """Put ``items`` and ``views`` in the place of those with their ids, all or none; the operation's number."""
        with self._writing() as database:
            database.executemany("INSERT OR IGNORE INTO thumbnails VALUES (?, ?)", list((thumbnails or {}).items()))
            before = {
                "items": [_item_before(database, item.item_id) for item in items],
                "views": [_view_before(database, view.view_id) for view in views],
            }
            number = _log(database, action, at, before)
            for item in items:
                _put_item(database, item, number)
            for view in views:
                _put_view(database, view, number)
            _erase(database)
        return number

    def add_thumbnail(self, view_id: str, digest: str, picture: bytes) -> None:
        """Keep the picture of a view; that is part of taking it, no operation of its own."""
        with self._writing() as database:
            database.execute("INSERT OR IGNORE INTO thumbnails VALUES (?, ?)", (digest, picture))
            database.execute("UPDATE views SET thumbnail = ? WHERE view_id = ?", (digest, view_id))

    def undo(self, number: int, at: float) -> int | None:
        """Make everything what it was before operation ``number``; None where a newer one changed the same rows.

        That is an operation, too, which can be undone.
        """
        with self._writing() as database:
            found = database.execute("SELECT before FROM operations WHERE operation = ?", (number,)).fetchone()
            before = json.loads(found[0]) if found else {"items": [], "views": []}
            rows = [("items", "item_id", row) for row in before["items"]]
            rows += [("views", "view_id", row) for row in before["views"]]
            if not rows or any(_operation_of(database, *row) != number for row in rows):
                return None
            now = {
                "items": [_item_before(database, row["item_id"]) for row in before["items"]],
                "views": [_view_before(database, row["view_id"]) for row in before["views"]],
            }
            undone = _log(database, "undo", at, now)
            for table, key, row in rows:
                # What did not exist becomes removed, not erased: the undoing can be undone.
                fields = {"state": "removed", **row, "operation": undone}
                assigned = ", ".join(f"{name} = :{name}" for name in fields if name != key)
                database.execute(f"UPDATE {table} SET {assigned} WHERE {key} = :{key}", fields)  # noqa: S608
        return undone

    def erase(self) -> None:
        """Forget everything, for good."""
        with self._writing() as database:
            for table in ("items", "views", "thumbnails", "operations"):
                database.execute(f"DELETE FROM {table}")  # noqa: S608  # constants
        with self._lock, self._converting():
            if self._database is not None:
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def check(self) -> None:
        """Raise FormatError unless the whole file is in order."""
        with self._reading() as database:
            if database is not None and (said := database.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                raise FormatError(f"{self.path} is damaged ({said}): put it aside and restore a backup.")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        with self._lock, self._converting():
            if self._database is None and self.path.exists():
                self._database = _opened(self.path, read_only=self._read_only)
            yield self._database

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._converting():
            if self._database is None:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._database = _opened(self.path, read_only=False)
            database = self._database
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
            self._changes += 1

    @contextmanager
    def _converting(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise UnavailableError(
                f"{self.path} cannot be used ({error}): check its permissions and the room on the disk."
            ) from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # of what is damaged, it may quote what is no text
            raise FormatError(f"{self.path} is damaged ({error}): put it aside and restore a backup.") from error
        except OSError as error:
            raise UnavailableError(
                f"{self.path.parent} cannot be written ({error.strerror}): check its permissions and the disk."
            ) from error


def _opened(path: Path, *, read_only: bool) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    database = sqlite3.connect(address, uri=True, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        if not read_only:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute("PRAGMA secure_delete=ON")  # a picture that is erased must not linger in free pages
            database.executescript(_SCHEMA)
            path.chmod(0o600)
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, FORMAT):
            raise FormatError(f"{path} has format {version}; this version reads {FORMAT}: update it.")
        if not read_only and version == 0:
            database.execute(f"PRAGMA user_version = {FORMAT}")
    except BaseException:
        database.close()
        raise
    return database


def _item(row: Sequence[Any]) -> TaughtItem:
    item_id, own, title, category, description, state = row
    return TaughtItem(
        item_id=item_id, own=bool(own), title=title, category=category, description=description, state=state
    )


def _whole_view(row: Sequence[Any]) -> TaughtView | None:
    """The view in a row, or None where flash has damaged it: the others must not suffer from one."""
    view_id, item_id, model, packed, source, state, taken_at, thumbnail, looked_like = row
    try:
        return TaughtView(
            view_id=view_id,
            item_id=item_id,
            model=model,
            embedding=np.frombuffer(packed, "<f2").astype(np.float32),
            source=source,
            state=state,
            taken_at=taken_at,
            thumbnail=thumbnail,
            looked_like=looked_like,
        )
    except (FormatError, ValueError) as error:
        log.warning("The taught view %s is left out: %s", view_id, error)
        return None


def _put_item(database: sqlite3.Connection, item: TaughtItem, operation: int) -> None:
    row = {**asdict(item), "operation": operation}
    names = f"{_ITEM}, operation"
    values = ", ".join(f":{name}" for name in names.split(", "))
    database.execute(f"INSERT OR REPLACE INTO items ({names}) VALUES ({values})", row)  # noqa: S608  # constants


def _put_view(database: sqlite3.Connection, view: TaughtView, operation: int) -> None:
    """A view that is there keeps its place; only its item, its state and its picture may have become others."""
    row = {
        **asdict(view),
        "embedding": view.embedding.astype("<f2").tobytes(),
        "operation": operation,
    }
    names = f"{_VIEW}, operation"
    values = ", ".join(f":{name}" for name in names.split(", "))
    database.execute(
        f"INSERT INTO views ({names}) VALUES ({values}) ON CONFLICT (view_id) DO UPDATE SET"  # noqa: S608  # constants
        " item_id = excluded.item_id, state = excluded.state, thumbnail = excluded.thumbnail,"
        " source = excluded.source, operation = excluded.operation",
        row,
    )


def _item_before(database: sqlite3.Connection, item_id: str) -> dict[str, Any]:
    found = database.execute(f"SELECT {_ITEM} FROM items WHERE item_id = ?", (item_id,)).fetchone()  # noqa: S608
    return dict(zip(_ITEM.split(", "), found, strict=True)) if found else {"item_id": item_id}


def _view_before(database: sqlite3.Connection, view_id: str) -> dict[str, Any]:
    names = ("view_id", "item_id", "source", "state", "thumbnail")
    found = database.execute(f"SELECT {', '.join(names)} FROM views WHERE view_id = ?", (view_id,)).fetchone()  # noqa: S608
    return dict(zip(names, found, strict=True)) if found else {"view_id": view_id}


def _operation_of(database: sqlite3.Connection, table: str, key: str, row: Mapping[str, Any]) -> int | None:
    found = database.execute(f"SELECT operation FROM {table} WHERE {key} = ?", (row[key],)).fetchone()  # noqa: S608
    return int(found[0]) if found else None


def _log(database: sqlite3.Connection, action: str, at: float, before: Mapping[str, Any]) -> int:
    text = json.dumps(before, ensure_ascii=False)
    cursor = database.execute("INSERT INTO operations (at, action, before) VALUES (?, ?, ?)", (at, action, text))
    return int(cursor.lastrowid or 0)


def _erase(database: sqlite3.Connection) -> None:
    """Forget the oldest operations, and with them what was removed and can no longer be brought back."""
    query = "SELECT operation FROM operations ORDER BY operation DESC LIMIT 1 OFFSET ?"
    oldest = database.execute(query, (KEPT_OPERATIONS - 1,)).fetchone()
    if oldest is None:
        return
    database.execute("DELETE FROM operations WHERE operation < ?", oldest)
    erased = database.execute("DELETE FROM views WHERE state = 'removed' AND operation < ?", oldest).rowcount
    # A removed item of the catalog stays away for good; of an own one nothing needs to stay.
    database.execute("DELETE FROM items WHERE state = 'removed' AND own AND operation < ?", oldest)
    if erased:
        database.execute("DELETE FROM thumbnails WHERE digest NOT IN (SELECT thumbnail FROM views)")
