"""The searcher's in-tray: the newest query of each camera and object, and uploads in their order."""

import threading
from collections import deque

from components.core.messages import Query

MAX_UPLOADS = 16


class Mailbox:
    """Holds one query per camera and object in its view, which a newer one replaces, and at most 16 uploads.

    Of too many uploads the oldest falls out.
    """

    def __init__(self) -> None:
        self._newest: dict[tuple[str, int], Query] = {}
        self._uploads: deque[Query] = deque(maxlen=MAX_UPLOADS)
        self._arrived = threading.Condition()

    def put(self, query: Query) -> None:
        """Never waits."""
        with self._arrived:
            if query.origin == "camera":
                # A newer query keeps its camera's place, so that cameras take turns: who waits longest is first.
                self._newest[query.camera, query.object_index] = query
            else:
                self._uploads.append(query)
            self._arrived.notify()

    def take(self, timeout_s: float) -> Query | None:
        """The next query, or None where none came in time."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._newest or self._uploads, timeout_s)
            if self._uploads:
                return self._uploads.popleft()
            if self._newest:
                return self._newest.pop(next(iter(self._newest)))
            return None
