"""Events that will not come, as rows of the outbox: so the cloud knows how many there were, and which."""

import sqlite3
import zlib
from dataclasses import replace

from components.core.outbox_documents import KINDS, Gap

_SUMMARY = "min(seq), max(seq), min(CAST(at AS REAL)), max(CAST(at AS REAL)), count(*)"
OPEN, TOLD = 1, 2
"""A gap that may still grow, one that may have been sent and stays as it is; 0 in the same column is an event."""


def lose(database: sqlite3.Connection, reason: str, most: int, now_s: int, before_s: float | None = None) -> int:
    """Turn the oldest events, matches before all others, into a gap; how many these were."""
    for kind in KINDS:
        older = "" if before_s is None else f"AND run_s < {int(before_s)}"
        which = f"SELECT seq FROM rows WHERE kind = ? AND gap = 0 {older} ORDER BY seq LIMIT ?"  # noqa: S608
        asked = (KINDS.index(kind), most)
        first, last, from_at, to_at, events = database.execute(
            f"SELECT {_SUMMARY} FROM rows WHERE seq IN ({which})",  # noqa: S608  # constants
            asked,
        ).fetchone()
        if events:
            _remove_lost(database, which, asked, events)
            gap = Gap(reason=reason, events=events, first_seq=first, last_seq=last, from_at=from_at, to_at=to_at)
            keep_gap(database, kind, gap, now_s)
            return int(events)
    return 0


def _remove_lost(database: sqlite3.Connection, which: str, asked: tuple[int, int], events: int) -> None:
    database.execute(f"DELETE FROM rows WHERE seq IN ({which})", asked)  # noqa: S608  # constants
    database.execute("UPDATE state SET depth = depth - ?", (events,))


def keep_gap(database: sqlite3.Connection, kind: str, gap: Gap, now_s: int) -> None:
    """Keep ``gap``: in one with another of its kind that nobody has seen yet, else as a row of its own."""
    database.execute("UPDATE state SET lost = lost + ?", (gap.events,))
    number = KINDS.index(kind)
    query = f"SELECT seq, body FROM rows WHERE gap > 0 AND gap = {OPEN} AND kind = ?"  # noqa: S608  # a constant
    for seq, body in database.execute(query, (number,)).fetchall():
        before = Gap.decoded(body)
        if before is not None and (before.reason, before.epoch) == (gap.reason, gap.epoch):
            whole = replace(
                gap,
                events=before.events + gap.events,
                first_seq=min(before.first_seq, gap.first_seq),
                last_seq=max(before.last_seq, gap.last_seq),
                from_at=min(before.from_at, gap.from_at),
                to_at=max(before.to_at, gap.to_at),
            )
            changed = (zlib.crc32(whole.encoded()), whole.encoded(), seq)
            database.execute("UPDATE rows SET checksum = ?, body = ? WHERE seq = ?", changed)
            return
    row = (number, OPEN, now_s, gap.to_at, zlib.crc32(gap.encoded()), gap.encoded())
    database.execute("INSERT INTO rows (kind, gap, run_s, at, checksum, body) VALUES (?, ?, ?, ?, ?, ?)", row)
    database.execute("UPDATE state SET depth = depth + 1")
