"""What lies in the outbox and leaves it: events of three kinds, gaps, batches, and what the cloud acknowledges."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from components.core.errors import FormatError, MessageError
from components.core.fields import count, text
from components.core.match_events import as_json

VERSION = 1
MATCHES, TAUGHT, FEEDBACK = KINDS = ("matches", "taught", "feedback")
URGENT = (FEEDBACK, TAUGHT)
"""What goes before the matches: seldom, and somebody waits for it."""
MAX_BATCH_BYTES = 4_500
"""AWS IoT Core counts every 5 KB as a message."""
_HEAD_BYTES = 400
_NUMBER_BYTES = 30
MAX_BODY_BYTES = MAX_BATCH_BYTES - _HEAD_BYTES - _NUMBER_BYTES

FULL, OLD, DISK, DAMAGED, REFUSED = REASONS = ("full", "old", "disk", "damaged", "refused")
"""Why events are missing: the outbox was full, they were too old, the disk took nothing, what was kept was damaged, the
cloud never acknowledged them though it did others."""


@dataclass(frozen=True)
class Document:
    """An event that waits for the cloud."""

    kind: str
    body: bytes
    """A JSON object."""


@dataclass(frozen=True)
class Row:
    """A document as it lies in the outbox."""

    seq: int
    """Counts up within the outbox's epoch; with the thing and the epoch it names the event for ever."""
    kind: str
    body: bytes
    checksum: int

    @property
    def problem(self) -> str:
        """Why it can never be sent; "" where it can."""
        if zlib.crc32(self.body) != self.checksum:
            return "its bytes are damaged"
        if len(self.body) > MAX_BODY_BYTES:
            return f"it has {len(self.body)} bytes, at most {MAX_BODY_BYTES} fit into a batch"
        return "" if self.body[:2] not in (b"", b"{}") and self.body[:1] == b"{" else "it is no JSON object"


@dataclass(frozen=True)
class Gap:
    """Events that were made and will not come: ``events`` of them, among those numbered from the first to the last."""

    reason: str
    """One of REASONS."""
    events: int
    first_seq: int = 0
    """0 where they were lost before they had a number."""
    last_seq: int = 0
    from_at: float = 0.0
    """Wall clock, seconds since 1970."""
    to_at: float = 0.0
    epoch: str = ""
    """Of the events, where it is another one than the gap's own."""

    def encoded(self) -> bytes:
        """As it lies in the outbox."""
        return as_json({"event": "gap", **asdict(self)})

    @classmethod
    def decoded(cls, body: bytes) -> "Gap | None":
        """The gap in ``body``, None where that is damaged."""
        try:
            said = json.loads(body)
            events, first_seq, last_seq = (count(said[name]) for name in ("events", "first_seq", "last_seq"))
            from_at, to_at = (float(said[name]) for name in ("from_at", "to_at"))
            return cls(text(said["reason"]), events, first_seq, last_seq, from_at, to_at, text(said["epoch"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None


@dataclass(frozen=True)
class Batch:
    """Events that travel in one message; the same range of the same epoch is always the same events."""

    kind: str
    rows: tuple[Row, ...]

    @property
    def range(self) -> tuple[str, int, int]:
        """What its acknowledgement names."""
        return self.kind, self.rows[0].seq, self.rows[-1].seq

    def encoded(self, thing: str, epoch: str) -> bytes:
        """The message."""
        kind, first_seq, last_seq = self.range
        head = {"version": VERSION, "kind": kind, "thing": thing, "epoch": epoch}
        head |= {"first_seq": first_seq, "last_seq": last_seq}
        return as_json(head)[:-1] + b',"events":[' + b",".join(map(_numbered, self.rows)) + b"]}"


@dataclass(frozen=True)
class Kept:
    """A batch as the cloud has kept it."""

    thing: str
    epoch: str
    kind: str
    first_seq: int
    last_seq: int
    events: Mapping[int, Mapping[str, Any]]
    """By their numbers."""

    @classmethod
    def of(cls, data: bytes) -> "Kept":
        """What ``data`` says; raises FormatError where it is no batch, or one of another version."""
        try:
            said = json.loads(data)
            if (version := count(said["version"])) != VERSION:
                raise FormatError(f"the batch has version {version}; this version reads {VERSION}: update it")
            first_seq, last_seq = count(said["first_seq"]), count(said["last_seq"])
            thing, epoch, kind = (text(said[name]) for name in ("thing", "epoch", "kind"))
            events = {count(one["seq"]): one for one in said["events"]}
            outside = [seq for seq in events if not first_seq <= seq <= last_seq]
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise FormatError(f"this is no batch of events ({error!r:.100})") from error
        if outside or not events:
            raise FormatError(f"the batch does not hold events {first_seq} to {last_seq}, of which it speaks")
        return cls(thing, epoch, kind, first_seq, last_seq, events)


def batches(rows: Iterable[Row]) -> Iterator[Batch]:
    """``rows`` of one kind, in their order, as few batches of at most 4,500 bytes."""
    taken: list[Row] = []
    size = _HEAD_BYTES
    for row in rows:
        more = len(_numbered(row)) + 1
        if taken and size + more > MAX_BATCH_BYTES:
            yield Batch(row.kind, tuple(taken))
            taken, size = [], _HEAD_BYTES
        taken.append(row)
        size += more
    if taken:
        yield Batch(taken[0].kind, tuple(taken))


def _numbered(row: Row) -> bytes:
    return b'{"seq":%d,' % row.seq + row.body[1:]


@dataclass(frozen=True)
class Acknowledgement:
    """The cloud has kept a batch."""

    thing: str
    epoch: str
    kind: str
    first_seq: int
    last_seq: int

    @classmethod
    def of(cls, payload: bytes) -> "Acknowledgement":
        """What ``payload`` says; raises MessageError where it is none."""
        try:
            said = json.loads(payload)
            thing, epoch, kind = (text(said[name]) for name in ("thing", "epoch", "kind"))
            return cls(thing, epoch, kind, count(said["first_seq"]), count(said["last_seq"]))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise MessageError(f"An acknowledgement of the cloud cannot be read: {error!r:.100}.") from error

    @property
    def range(self) -> tuple[str, int, int]:
        """The batch's."""
        return self.kind, self.first_seq, self.last_seq


def sendable(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """``rows``, those that can be sent apart from those that never can."""
    good = [row for row in rows if not row.problem]
    return good, [row for row in rows if row.problem]
