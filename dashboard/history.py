"""The latest results, newest first: bounded in number and in age, one entry per item shown and not per frame."""

import dataclasses
import threading
from collections import deque
from dataclasses import dataclass

from components.core.messages import SearchResult

MAX_ENTRIES = 100
MAX_AGE_NS = 24 * 3600 * 1_000_000_000
_SAME_SHOWING_NS = 5 * 1_000_000_000


@dataclass(frozen=True)
class Entry:
    """A result, the time of its frame (monotonic, nanoseconds), and how many results in a row said the same."""

    result: SearchResult
    captured_ns: int
    results: int = 1

    def age_ns(self, now_ns: int) -> int:
        """How old the frame is."""
        return max(0, now_ns - self.captured_ns)

    @property
    def object(self) -> tuple[str, int]:
        """What the result is about: a camera, and which of the objects before it."""
        return self.result.camera, self.result.object_index

    def says_the_same_as(self, other: "Entry") -> bool:
        """Whether both answer alike, for one object, within five seconds: an item that still lies there."""
        return (
            self.object == other.object
            and self.result.decision == other.result.decision
            and self._items() == other._items()
            and abs(self.captured_ns - other.captured_ns) <= _SAME_SHOWING_NS
        )

    def _items(self) -> frozenset[str]:
        # Which of several possible items comes first may change with every frame.
        return frozenset(match.item_id for match in self.result.possible)


class History:
    """At most 100 entries of at most 24 hours; uploads never come here."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._lock = threading.Lock()

    def add(self, entry: Entry, now_ns: int) -> None:
        """Put ``entry`` on top, in place of the last one of the same object when that says the same."""
        with self._lock:
            last = next((one for one in self._entries if one.object == entry.object), None)
            if last is not None and entry.says_the_same_as(last):
                self._entries.remove(last)
                entry = dataclasses.replace(entry, results=last.results + 1)
            self._entries.appendleft(entry)
            while self._entries[-1].age_ns(now_ns) > MAX_AGE_NS:
                self._entries.pop()

    def newest(self, limit: int, now_ns: int) -> list[Entry]:
        """At most ``limit`` entries, newest first."""
        with self._lock:
            alive = [entry for entry in self._entries if entry.age_ns(now_ns) <= MAX_AGE_NS]
        return alive[:limit]
