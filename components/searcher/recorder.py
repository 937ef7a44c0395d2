"""Keeps what the cloud is to be told; the way of a frame never waits for the disk."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from components.core.errors import LookalikeError
from components.core.match_events import MatchEvent, Presence
from components.core.messages import Query, SearchResult
from components.core.outbox_documents import MATCHES, Document
from components.outbox import Outbox
from components.pauses import GrowingPause

log = logging.getLogger(__name__)

GROUP_ROWS = 50
GROUP_S = 2.0
"""Events are written together: so many, or those of so long."""
MAX_WAITING = 1_000
_TICK_S = 0.25


class Recorder:
    """Writes events into the outbox on a thread of its own (``run``).

    While the disk takes nothing, the newest 1,000 wait in memory; how many were lost is kept as soon as it takes
    something again. Without an outbox nothing is kept at all.
    """

    def __init__(
        self,
        outbox: Outbox | None,
        *,
        embeddings: bool = False,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox, self._monotonic_s = outbox, monotonic_s
        self._presence = Presence(embeddings=embeddings)
        self._waiting: deque[Document] = deque()
        self._since_s = 0.0
        """When the oldest that waits was made."""
        self._lost = 0
        self._changed = threading.Condition()
        self._pause = GrowingPause(GROUP_S, 60.0)
        self.problem = ""
        """Why events are not kept; "" while they are."""

    def saw(self, query: Query, result: SearchResult) -> None:
        """Note an answer; never waits for the disk."""
        if self._outbox is not None:
            self._take(self._presence.take(query, result))

    def look(self) -> None:
        """Note what left without a frame that shows it; to be called about every second by who calls ``saw``."""
        if self._outbox is not None:
            self._take(self._presence.overdue(time.monotonic_ns()))

    def end(self) -> None:
        """Nobody looks any more; ``finish`` writes it."""
        if self._outbox is not None:
            self._take(self._presence.end())

    def add(self, document: Document) -> None:
        """Keep an event of another kind; never waits for the disk."""
        if self._outbox is None:
            return
        with self._changed:
            if not self._waiting:
                self._since_s = self._monotonic_s()
            self._waiting.append(document)
            if len(self._waiting) > MAX_WAITING:
                self._waiting.popleft()
                self._lost += 1
            self._changed.notify_all()

    def run(self, stop: threading.Event) -> None:
        """Write until ``stop``."""
        while not stop.is_set():
            with self._changed:
                self._changed.wait_for(lambda: stop.is_set() or self._is_due(), _TICK_S)
                due = self._is_due()
            if due and not self._write():
                stop.wait(self._pause.next_s())

    def finish(self) -> None:
        """Write what waits, and let go of the file; after ``run`` ended."""
        if self._outbox is not None:
            self._write()
            self._outbox.close()

    def _take(self, events: Iterable[MatchEvent]) -> None:
        for event in events:
            self.add(Document(MATCHES, event.encoded()))

    def _is_due(self) -> bool:
        waited_s = self._monotonic_s() - self._since_s
        return len(self._waiting) >= GROUP_ROWS or (bool(self._waiting) and waited_s >= GROUP_S)

    def _write(self) -> bool:
        """Write what waits; False where the disk did not take it."""
        with self._changed:
            group, lost, began_s = list(self._waiting), self._lost, self._monotonic_s()
        if self._outbox is None or not (group or lost):
            return True
        try:
            self._outbox.add(group, lost)
        except LookalikeError as error:
            if not self.problem:
                log.warning("%s", error)
            self.problem = f"match events are not kept: {error}"
            return False
        self.problem = ""
        self._pause.reset()
        with self._changed:
            # Those that were lost since then were the oldest of the group, which is on the disk now.
            kept = len(group) - (self._lost - lost)
            self._lost = max(0, -kept)
            for _ in range(max(0, kept)):
                self._waiting.popleft()
            self._since_s = began_s  # what came while the disk worked has waited since then
        return True
