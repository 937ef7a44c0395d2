"""Which batch of the outbox is sent next."""

from collections import deque

from components.core.outbox_documents import DAMAGED, MATCHES, URGENT, Batch, batches, sendable
from components.outbox import Outbox

_READ_ROWS = 200
_READ_EVERY_S = 0.5


class OutboxQueue:
    """Reads ``outbox`` in its order, kind by kind, the urgent ones first; every row comes once, until ``rewind``.

    Matches that do not fill a batch wait ``gather_s`` for others.
    """

    def __init__(self, outbox: Outbox, gather_s: float) -> None:
        self._outbox, self._gather_s = outbox, gather_s
        self._ready: deque[Batch] = deque()
        self._after: dict[str, int] = {}
        """The highest number of each kind that was given out."""
        self._began_anew = False
        self._read_s = float("-inf")
        self._gathers_since_s: float | None = None
        self.epoch = ""
        """Of the numbers."""

    def next(self, now_s: float) -> Batch | None:
        """The next batch, or None while there is none; raises UnavailableError."""
        if now_s - self._read_s >= _READ_EVERY_S:
            self._read_s = now_s
            for kind in URGENT:
                self._ready.extendleft(reversed(self._given(self._read(kind))))
        if not self._ready:
            self._ready.extend(self._gathered(now_s))
        return self._ready.popleft() if self._ready else None

    def put_back(self, batch: Batch) -> None:
        """It could not be sent: it is the next one again."""
        self._ready.appendleft(batch)

    def rewind(self) -> None:
        """Give out all again that is there."""
        self._ready.clear()
        self._after = {}

    def began_anew(self) -> bool:
        """Whether the outbox has another epoch than when this was asked last."""
        before, self._began_anew = self._began_anew, False
        return before

    def _gathered(self, now_s: float) -> list[Batch]:
        found = self._read(MATCHES)
        full, last = found[:-1], found[-1:]
        if full or not last:
            self._gathers_since_s = None
            return self._given(full)
        if self._gathers_since_s is None:
            self._gathers_since_s = now_s
        if now_s - self._gathers_since_s < self._gather_s:
            return []
        self._gathers_since_s = None
        return self._given(last)

    def _read(self, kind: str) -> list[Batch]:
        waiting = self._outbox.waiting(kind, self._after.get(kind, 0), _READ_ROWS)
        if waiting.epoch != self.epoch:
            self._began_anew = bool(self.epoch)
            self.epoch = waiting.epoch
            self.rewind()
            waiting = self._outbox.waiting(kind, 0, _READ_ROWS)
        good, bad = sendable(waiting.rows)
        for row in bad:
            self._outbox.quarantine(waiting.epoch, row, row.problem, DAMAGED)
        return list(batches(good))

    def _given(self, found: list[Batch]) -> list[Batch]:
        if found:
            self._after[found[-1].kind] = found[-1].range[2]
        return found
