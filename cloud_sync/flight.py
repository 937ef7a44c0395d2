"""The batches that were sent, until they arrived."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from components.core.outbox_documents import Batch, Row
from components.pauses import GrowingPause

_MOST = 16
"""So many may be under way at once ..."""
_MOST_UNACKNOWLEDGED = 10_000
"""... or, where nobody acknowledges, wait for their time."""
REFUSED_AFTER = 20
"""A batch that was sent so often, while others arrived, is one that the cloud does not take."""

Range = tuple[str, int, int]


@dataclass
class Sent:
    """A batch under way."""

    batch: Batch
    at_s: float
    due_s: float
    """When it is sent again, or counts as arrived."""
    refusals: int = 0
    """How often it did not arrive though others did."""


class Flight:
    """Knows what is under way, what is overdue, and how much may be under way at once.

    While nothing arrives at all, an old batch and a new one are tried now and then, after longer and longer waits: most
    likely there is no way, or no rule. A single loss among others that arrive changes nothing.
    """

    def __init__(self, first_wait_s: float, longest_wait_s: float, *, acknowledged: bool) -> None:
        self._acknowledged, self._first_wait_s, self._longest_wait_s = acknowledged, first_wait_s, longest_wait_s
        self._sent: dict[Range, Sent] = {}
        self._room = 4 if acknowledged else _MOST_UNACKNOWLEDGED
        self._pause = GrowingPause(2 * first_wait_s, longest_wait_s)
        self._arrived_s = self._probe_s = float("-inf")
        self._put_aside: list[Row] = []

    @property
    def has_room(self) -> bool:
        """Whether another batch may be sent."""
        return len(self._sent) < self._room

    def took_off(self, batch: Batch, now_s: float, again: Sent | None = None) -> None:
        """``batch`` was sent, perhaps ``again``."""
        if not self._acknowledged:
            batch = Batch(batch.kind, tuple(_without_body(batch.rows)))  # it may be thousands that wait
            self._sent[batch.range] = Sent(batch, now_s, now_s + self._longest_wait_s)
            return
        refusals = 0 if again is None else again.refusals
        if again is not None and self._arrived_s < again.at_s:  # nothing has arrived since
            # Besides an old batch a new one may go: the old one may be what the cloud does not take.
            self._room, self._probe_s = min(_MOST, len(self._sent) + 1), now_s + self._pause.next_s()
        elif again is not None:
            refusals += 1
        self._sent[batch.range] = Sent(batch, now_s, now_s + self._first_wait_s, refusals)

    def arrived(self, which: Range, now_s: float) -> list[int]:
        """The cloud has the batch ``which``; the numbers of its rows, none where it is not under way."""
        sent = self._sent.pop(which, None)
        if sent is None:
            return []
        self._arrived_s = now_s
        self._room, self._probe_s = min(_MOST, self._room + 1), float("-inf")
        self._pause.reset()
        return [row.seq for row in sent.batch.rows]

    def counts_as_arrived(self, now_s: float) -> list[int]:
        """The numbers of what was taken long enough ago, where nobody acknowledges."""
        if self._acknowledged:
            return []
        old = [sent.batch for sent in takewhile(lambda sent: sent.due_s <= now_s, self._sent.values())]
        for batch in old:
            del self._sent[batch.range]
        return [row.seq for batch in old for row in batch.rows]

    def overdue(self, now_s: float) -> Sent | None:
        """The batch that is to be sent again now, the oldest first; one that never arrives comes in its single rows."""
        if not self._acknowledged or not self._sent or now_s < self._probe_s:
            return None
        oldest = min(self._sent.values(), key=lambda sent: sent.due_s)
        if oldest.due_s > now_s:
            return None
        if oldest.refusals < REFUSED_AFTER:
            return oldest
        del self._sent[oldest.batch.range]
        rows = oldest.batch.rows
        if len(rows) == 1:
            self._put_aside.append(rows[0])
            return self.overdue(now_s)
        for row in rows:
            single = Batch(row.kind, (row,))
            self._sent[single.range] = Sent(single, oldest.at_s, now_s)
        return self.overdue(now_s)

    def refused(self) -> list[Row]:
        """The rows that never arrived though others did; each is told once."""
        rows, self._put_aside = self._put_aside, []
        return rows

    def clear(self) -> None:
        """Nothing is under way."""
        self._sent.clear()


def _without_body(rows: Iterable[Row]) -> Iterator[Row]:
    return (Row(row.seq, row.kind, b"", 0) for row in rows)
