"""The outbox's file: one SQLite database, which two processes may use; a damaged one is left, and another begun."""

import contextlib
import fcntl
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from components.core.errors import UnavailableError
from components.files import make_durable

log = logging.getLogger(__name__)

FORMAT = 1
MAX_WAL_BYTES = 4 << 20
_WAIT_S = 5.0
_CHECKPOINT_PAGES = 256
_VACUUM_PAGES = 512
_PREFIX, _SUFFIX = "outbox.", ".sqlite"

_SCHEMA = """
CREATE TABLE rows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, gap INTEGER NOT NULL, run_s INTEGER NOT NULL,
    at REAL NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX rows_urgent ON rows (kind) WHERE kind > 0;
CREATE INDEX rows_gap ON rows (gap) WHERE gap > 0;
CREATE TABLE quarantine (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, why TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE told (key TEXT PRIMARY KEY, digest BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE state (
    epoch TEXT NOT NULL, depth INTEGER NOT NULL, lost INTEGER NOT NULL, quarantined INTEGER NOT NULL,
    run_s INTEGER NOT NULL, damaged_epoch TEXT NOT NULL, damaged_depth INTEGER NOT NULL);
"""

T = TypeVar("T")


@dataclass(frozen=True)
class State:
    """What a database says of itself."""

    epoch: str
    depth: int = 0
    """How many rows there are."""
    lost: int = 0
    quarantined: int = 0
    run_s: int = 0
    damaged_epoch: str = ""
    """Of the database before this one, until that was told; "" where there was none."""
    damaged_depth: int = 0


_NOTHING, _UNKNOWN = State(""), State("unknown")


def state_of(database: sqlite3.Connection) -> State:
    """Raises sqlite3.DatabaseError where it is damaged."""
    row = database.execute("SELECT * FROM state").fetchone() or ()
    if [type(value) for value in row] != [str, int, int, int, int, str, int]:
        raise sqlite3.DatabaseError("its state is damaged")
    return State(*row)


class Database:
    """The newest database in a folder, made with the first use; may be used from several threads and processes.

    SQLite removes a file's journal by its name when it is closed. So a damaged file keeps its name, which another
    process may still close, and the next one has a higher number.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self._read_only = read_only
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._path: Path | None = None

    def use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What ``work`` gives; what it changed is on the disk then, or none of it.

        On a damaged database it is done anew on a new one. Raises UnavailableError where the disk does not do its part.
        """
        with self._lock:
            try:
                return self._healing(work)
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self.close()
                raise UnavailableError(
                    f"The outbox in {self.folder} cannot be used ({error}): check its permissions and the room on the "
                    "disk."
                ) from error
            except OSError as error:
                self.close()
                raise UnavailableError(
                    f"The outbox in {self.folder} cannot be used ({error.strerror}): check its owner and the disk."
                ) from error

    def give_back(self) -> None:
        """Free some of the disk where the file is empty for the most part; never raises.

        Else free pages stay to be used again: to give them back moves others, which wears out the flash.
        """
        with self._lock, contextlib.suppress(sqlite3.Error):
            database = self._connection
            if database is None:
                return
            free, pages = (
                database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count")
            )
            if free > _VACUUM_PAGES and 2 * free > pages:
                database.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")  # execute() would do one page

    def bytes(self) -> int:
        """What its files take on the disk."""
        path = self._path
        found = [] if path is None else [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
        return sum(_size(file) for file in found)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.close()
            self._connection = self._path = None

    def _healing(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._transaction(work)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the latter of a damaged name in its schema
            if self._read_only or not _is_damage(error):
                raise
            self._begin_anew(error)
            return self._transaction(work)

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        database = self._opened()
        database.execute("BEGIN" if self._read_only else "BEGIN IMMEDIATE")
        try:
            done = work(database)
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
            raise
        return done

    def _opened(self) -> sqlite3.Connection:
        newest = _newest(self.folder)
        if self._connection is not None and newest != self._path:
            self.close()  # another process began anew
        if self._connection is None:
            if newest is None and self._read_only:
                raise UnavailableError(f"There is no outbox in {self.folder}.")
            self._path = newest or self.folder / f"{_PREFIX}1{_SUFFIX}"
            self._connection = self._open(self._path, _NOTHING)
        return self._connection

    def _open(self, path: Path, left: State) -> sqlite3.Connection:
        if self._read_only:
            return _connect(path, "ro")
        there = next(folder for folder in path.parents if folder.exists())
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(path.parent):
            database = _connect(path, "rwc")
            try:
                if _prepare(database, path, left):
                    make_durable([path], within=there)  # a folder that is new may be lost with all that is in it
            except BaseException:
                database.close()
                raise
        return database

    def _begin_anew(self, error: Exception) -> None:
        """Leave the damaged file, of which one is kept for whoever wants to look, and make the next one."""
        damaged, left = self._path, _what_is_left(self._connection)
        self.close()
        newest = _newest(self.folder)
        if damaged is None or newest != damaged:
            return  # another process was faster
        log.warning("%s is damaged (%s): %d events in it are lost; another one is begun.", damaged, error, left.depth)
        number = _number(damaged)
        for old in self.folder.glob(f"{_PREFIX}*{_SUFFIX}*"):
            if _number(old) < number:
                old.unlink(missing_ok=True)
        self._path = self.folder / f"{_PREFIX}{number + 1}{_SUFFIX}"
        self._connection = self._open(self._path, left)


def _prepare(database: sqlite3.Connection, path: Path, left: State) -> bool:
    """Make the tables where there are none, and say so; those of another version are as good as damaged."""
    database.execute("PRAGMA auto_vacuum=INCREMENTAL")  # before there is a table, else it does not count
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA cell_size_check=ON")
    database.execute("PRAGMA synchronous=FULL")  # what was committed outlives a power cut
    database.execute(f"PRAGMA journal_size_limit={MAX_WAL_BYTES}")
    database.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, FORMAT):
        raise sqlite3.DatabaseError(f"it has format {version}, this version knows {FORMAT}")
    if version == 0:
        row = (secrets.token_hex(8), left.epoch, left.depth)
        database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
        database.execute("INSERT INTO state VALUES (?, 0, 0, 0, 0, ?, ?)", row)
        database.execute(f"PRAGMA user_version={FORMAT}")
        database.execute("COMMIT")
        path.chmod(0o600)
    return bool(version == 0)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Inside the block no other process opens the database."""
    descriptor = os.open(folder / "outbox.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _what_is_left(database: sqlite3.Connection | None) -> State:
    try:
        return _UNKNOWN if database is None else state_of(database)
    except (sqlite3.Error, UnicodeDecodeError):
        return _UNKNOWN


def _is_damage(error: Exception) -> bool:
    """Whether the file is at fault, and not the disk, another process or its permissions."""
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith(("no such", "unable to identify", "Could not decode"))
    return isinstance(error, (sqlite3.IntegrityError, UnicodeDecodeError)) or type(error) is sqlite3.DatabaseError


def _newest(folder: Path) -> Path | None:
    return max(folder.glob(f"{_PREFIX}*{_SUFFIX}"), key=_number, default=None)


def _number(path: Path) -> int:
    text = path.name.removeprefix(_PREFIX).partition(_SUFFIX)[0]
    return int(text) if text.isascii() and text.isdigit() else 0


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
