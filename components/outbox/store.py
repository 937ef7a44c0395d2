"""Puts events into the outbox, gives them out in their order, lets them go; what it cannot keep becomes a gap."""

import hashlib
import logging
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.core.outbox_documents import DAMAGED, DISK, FULL, KINDS, MATCHES, OLD, Document, Gap, Row
from components.outbox.database import MAX_WAL_BYTES, Database, state_of
from components.outbox.gaps import OPEN, TOLD, keep_gap, lose

log = logging.getLogger(__name__)

KEPT_IN_QUARANTINE = 100
_DROPPED_SHARE = 0.02
_MOST_DROPPED = 5_000
_COLUMNS = "seq, COALESCE(CAST(body AS BLOB), x''), checksum"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is kept."""

    max_bytes: int = 256 * 1024 * 1024
    """On the disk, with SQLite's journal."""
    keep_s: float = 30 * 86_400.0
    """While the device runs: a wall clock that jumps loses nothing."""


@dataclass(frozen=True)
class Figures:
    """What is in the outbox."""

    epoch: str
    depth: int
    """Events and gaps that wait."""
    oldest_at: float
    """When the oldest of them was made: wall clock, seconds since 1970; 0 where none waits."""
    bytes: int
    lost: int
    """Events that gaps stand for, since the epoch began."""
    quarantined: int


@dataclass(frozen=True)
class Waiting:
    """Rows of one kind, in their order, and the epoch that their numbers are of."""

    epoch: str
    rows: tuple[Row, ...]


class Outbox:
    """The outbox in a folder; may be used from several threads, and by two processes at once.

    Every method raises UnavailableError where the disk does not do its part.
    """

    def __init__(
        self,
        outbox_dir: Path,
        limits: Limits | None = None,
        *,
        read_only: bool = False,
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits or Limits()
        self._database = Database(outbox_dir, read_only=read_only)
        self._monotonic_s, self._wall_s = monotonic_s, wall_s
        self._lock = threading.Lock()
        self._ran: tuple[str, int, float] | None = None

    def add(self, documents: Sequence[Document], lost: int = 0) -> None:
        """Keep ``documents``, in one transaction; ``lost`` that came before them could not be kept."""
        self._database.use(lambda database: self._add(database, documents, lost))

    def mirror(self, kind: str, documents: Mapping[str, bytes], gone: Callable[[str], bytes]) -> None:
        """Keep those of ``documents`` that are not as they were kept last, and what ``gone`` says of missing keys."""
        self._database.use(lambda database: self._mirror(database, kind, documents, gone))

    def waiting(self, kind: str, after_seq: int = 0, limit: int = 200) -> Waiting:
        """The oldest of ``kind`` with higher numbers; a gap among them grows no more."""
        return self._database.use(lambda database: _waiting(database, kind, after_seq, limit))

    def remove(self, epoch: str, numbers: Iterable[int]) -> None:
        """The cloud has the rows with these numbers; those of another epoch are others."""
        rows = [(number,) for number in numbers]
        self._database.use(lambda database: _remove(database, epoch, rows))
        self._database.give_back()

    def quarantine(self, epoch: str, row: Row, why: str, reason: str) -> None:
        """Put aside a row that can never be sent, and keep a gap in its place."""
        self._database.use(lambda database: self._quarantine(database, epoch, row, why, reason))

    def figures(self) -> Figures:
        """What is in it now."""

        def read(database: sqlite3.Connection) -> Figures:
            state = state_of(database)
            oldest = database.execute("SELECT CAST(at AS REAL) FROM rows ORDER BY seq LIMIT 1").fetchone()
            at = oldest[0] if oldest else 0.0
            return Figures(state.epoch, state.depth, at, self._database.bytes(), state.lost, state.quarantined)

        return self._database.use(read)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _add(self, database: sqlite3.Connection, documents: Sequence[Document], lost: int) -> None:
        now_s = self._run_s(database)
        self._tell_of_damage(database, now_s)
        self._drop(database, now_s, sum(len(document.body) for document in documents))
        if lost:
            at = self._wall_s()
            keep_gap(database, MATCHES, Gap(reason=DISK, events=lost, from_at=at, to_at=at), now_s)
        self._insert(database, documents, now_s)
        database.execute("UPDATE state SET run_s = ?", (now_s,))

    def _insert(self, database: sqlite3.Connection, documents: Sequence[Document], now_s: int) -> None:
        at = round(self._wall_s(), 3)
        rows = [(KINDS.index(one.kind), now_s, at, zlib.crc32(one.body), one.body) for one in documents]
        database.executemany("INSERT INTO rows (kind, gap, run_s, at, checksum, body) VALUES (?, 0, ?, ?, ?, ?)", rows)
        database.execute("UPDATE state SET depth = depth + ?", (len(rows),))

    def _mirror(
        self, database: sqlite3.Connection, kind: str, documents: Mapping[str, bytes], gone: Callable[[str], bytes]
    ) -> None:
        prefix = f"{kind}:"
        known = database.execute("SELECT key, digest FROM told WHERE key >= ? AND key < ?", (prefix, f"{kind};"))
        told = {key.removeprefix(prefix): digest for key, digest in known}
        digests = {key: hashlib.sha256(body).digest() for key, body in documents.items()}
        new = [key for key, digest in digests.items() if told.get(key) != digest]
        missing = [key for key in told if key not in documents]
        if not new and not missing:
            return
        bodies = [*(documents[key] for key in new), *map(gone, missing)]
        self._add(database, [Document(kind, body) for body in bodies], 0)
        database.executemany("INSERT OR REPLACE INTO told VALUES (?, ?)", [(prefix + key, digests[key]) for key in new])
        database.executemany("DELETE FROM told WHERE key = ?", [(prefix + key,) for key in missing])

    def _quarantine(self, database: sqlite3.Connection, epoch: str, row: Row, why: str, reason: str) -> None:
        if not _remove(database, epoch, [(row.seq,)]):
            return
        kept = (row.seq, KINDS.index(row.kind), why, row.body)
        database.execute("INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?)", kept)
        oldest = "SELECT seq FROM quarantine ORDER BY seq DESC LIMIT -1 OFFSET ?"
        database.execute(f"DELETE FROM quarantine WHERE seq IN ({oldest})", (KEPT_IN_QUARANTINE,))  # noqa: S608
        database.execute("UPDATE state SET quarantined = quarantined + 1")
        at = self._wall_s()
        gap = Gap(reason=reason, events=1, first_seq=row.seq, last_seq=row.seq, from_at=at, to_at=at)
        keep_gap(database, row.kind, gap, self._run_s(database))

    def _run_s(self, database: sqlite3.Connection) -> int:
        """How long the device has been running with this outbox: a clock that never jumps, not even at a restart."""
        state = state_of(database)
        if self._ran is None or self._ran[0] != state.epoch:
            self._ran = (state.epoch, state.run_s, self._monotonic_s())
        return int(self._ran[1] + self._monotonic_s() - self._ran[2])

    def _tell_of_damage(self, database: sqlite3.Connection, now_s: int) -> None:
        state = state_of(database)
        if state.damaged_epoch:
            database.execute("UPDATE state SET damaged_epoch = ''")
            at, events, epoch = self._wall_s(), state.damaged_depth, state.damaged_epoch
            keep_gap(database, MATCHES, Gap(reason=DAMAGED, events=events, from_at=at, to_at=at, epoch=epoch), now_s)

    def _drop(self, database: sqlite3.Connection, now_s: int, more_bytes: int) -> None:
        """Make room: the oldest events become a gap, those that are too old and as many as are too many."""
        query = "SELECT CAST(run_s AS INTEGER) FROM rows WHERE gap = 0 ORDER BY seq LIMIT 1"
        oldest = database.execute(query).fetchone()
        if oldest is not None and now_s - oldest[0] > self._limits.keep_s:
            lose(database, OLD, _MOST_DROPPED, now_s, before_s=now_s - self._limits.keep_s)
        room = self._limits.max_bytes - 2 * MAX_WAL_BYTES - more_bytes
        while _content_bytes(database) > room:
            if not lose(database, FULL, max(100, int(state_of(database).depth * _DROPPED_SHARE)), now_s):
                return


def _waiting(database: sqlite3.Connection, kind: str, after_seq: int, limit: int) -> Waiting:
    number = KINDS.index(kind)
    # The few that are urgent have an index; the matches are what the table consists of.
    table = "rows INDEXED BY rows_urgent WHERE kind > 0 AND" if number else "rows WHERE"
    query = f"SELECT {_COLUMNS}, gap FROM {table} kind = ? AND seq > ? ORDER BY seq LIMIT ?"  # noqa: S608  # constants
    found = database.execute(query, (number, after_seq, limit)).fetchall()
    told = [(seq,) for seq, *_, gap in found if gap == OPEN]
    if told:
        database.executemany(f"UPDATE rows SET gap = {TOLD} WHERE seq = ?", told)  # noqa: S608  # a constant
    return Waiting(state_of(database).epoch, tuple(Row(seq, kind, body, checksum) for seq, body, checksum, _ in found))


def _remove(database: sqlite3.Connection, epoch: str, numbers: Sequence[tuple[int]]) -> int:
    """How many of them were there."""
    if epoch != state_of(database).epoch:
        return 0
    removed = database.executemany("DELETE FROM rows WHERE seq = ?", numbers).rowcount
    database.execute("UPDATE state SET depth = depth - ?", (removed,))
    return int(removed)


def _content_bytes(database: sqlite3.Connection) -> int:
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
