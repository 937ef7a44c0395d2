"""What the bus said last: the newest result, the last status of every component, and who waits for them."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from components.core.errors import MessageError
from components.core.messages import SearchResult, Status, decode
from dashboard.history import Entry, History

log = logging.getLogger(__name__)

Clock = Callable[[], int]
_MAX_COMPONENTS = 32


@dataclass(frozen=True)
class SeenStatus:
    """A component's status and when it came (monotonic, nanoseconds)."""

    status: Status
    seen_ns: int


@dataclass(frozen=True)
class Versions:
    """Counters that grow with every new result and every change of status."""

    result: int = 0
    status: int = 0


class Live:
    """Written by the bus's thread, read by every request; a waiting event stream wakes as soon as something comes."""

    def __init__(self, camera: str, clock: Clock = time.monotonic_ns) -> None:
        self.camera = camera
        self.clock = clock
        self.history = History()
        self._changed = threading.Condition()
        self._versions = Versions()
        self._newest: Entry | None = None
        self._statuses: dict[str, SeenStatus] = {}
        self._awaited: dict[str, SearchResult | None] = {}

    def on_result(self, payload: bytes) -> None:
        """Take a result from the bus: the camera's for everybody, an upload's for the one who waits for it."""
        try:
            result = decode(SearchResult, payload)
        except MessageError as error:
            log.warning("%s", error)
            return
        with self._changed:
            if result.origin != "camera":
                if result.query_id in self._awaited:
                    self._awaited[result.query_id] = result
            else:
                self._take(result)
            self._changed.notify_all()

    def _take(self, result: SearchResult) -> None:
        now = self.clock()
        entry = Entry(result, min(result.captured_ns or now, now))
        self.history.add(entry, now)
        is_newer = self._newest is None or entry.captured_ns >= self._newest.captured_ns
        is_largest = result.object_index == 0
        if result.camera == self.camera and is_largest and is_newer:
            self._newest = entry
            self._versions = Versions(self._versions.result + 1, self._versions.status)

    def on_status(self, payload: bytes) -> None:
        """Take a component's status from the bus."""
        try:
            status = decode(Status, payload)
        except MessageError as error:
            log.warning("%s", error)
            return
        with self._changed:
            before = self._statuses.get(status.component)
            if before is None and len(self._statuses) >= _MAX_COMPONENTS:
                return
            self._statuses[status.component] = SeenStatus(status, self.clock())
            if before is None or (before.status.state, before.status.reason) != (status.state, status.reason):
                self._versions = Versions(self._versions.result, self._versions.status + 1)
                self._changed.notify_all()

    def touch(self) -> None:
        """Have the newest result shown again: what is known of its items has changed."""
        with self._changed:
            self._versions = Versions(self._versions.result + 1, self._versions.status + 1)
            self._changed.notify_all()

    def wake(self) -> None:
        """Have everyone who waits look whether they still should."""
        with self._changed:
            self._changed.notify_all()

    def newest(self) -> Entry | None:
        """The newest result of the kiosk's camera, however old."""
        return self._newest

    def statuses(self) -> dict[str, SeenStatus]:
        """Component -> its last status."""
        with self._changed:
            return dict(self._statuses)

    def versions(self) -> Versions:
        """The counters of now."""
        with self._changed:
            return self._versions

    def wait(self, seen: Versions, timeout_s: float, gone: Callable[[], bool]) -> Versions:
        """The versions of now, as soon as they differ from ``seen``, ``gone()`` is true, or time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._versions != seen or gone(), timeout_s)
            return self._versions

    def expect(self, query_id: str) -> None:
        """Keep the result of ``query_id`` for ``collect``; to be called before the query is published."""
        with self._changed:
            self._awaited[query_id] = None

    def collect(self, query_id: str, timeout_s: float) -> SearchResult | None:
        """The expected result, or None where it did not come in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._awaited.get(query_id) is not None, timeout_s)
            return self._awaited.get(query_id)

    def forget(self, query_id: str) -> None:
        """Nobody waits for ``query_id`` any more."""
        with self._changed:
            self._awaited.pop(query_id, None)
