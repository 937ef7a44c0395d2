"""The queries of the last minute with their answers: what a person may mean who teaches or judges an answer."""

import threading
from collections import deque
from dataclasses import dataclass

from components.core.messages import Query, SearchResult
from components.core.teaching import FRESH_S, Verdict, judge_steady

KEPT = 512
_A_MOMENT_NS = 2_000_000_000


@dataclass(frozen=True)
class Seen:
    """A query and what was answered."""

    query: Query
    result: SearchResult


class Recent:
    """Keeps the newest 512 queries; filled by the thread that answers, asked by the one that teaches."""

    def __init__(self) -> None:
        self._seen: deque[Seen] = deque(maxlen=KEPT)
        self._added = threading.Condition()

    def add(self, query: Query, result: SearchResult) -> None:
        """Never waits."""
        with self._added:
            self._seen.append(Seen(query, result))
            self._added.notify_all()

    def find(self, query_id: str) -> Seen | None:
        """The query with this id, or None where it is forgotten already."""
        with self._added:
            return next((seen for seen in reversed(self._seen) if seen.query.query_id == query_id), None)

    def good_view(self, camera: str, now_ns: int, timeout_s: float) -> Seen | Verdict:
        """What ``camera`` sees now: its newest query, less than a second old, at rest; else why there is none.

        ``now_ns`` is the monotonic clock. Waits up to ``timeout_s`` for a frame that is good: a scene that does not
        change is searched once a second only.
        """
        earliest_ns = now_ns - int(FRESH_S * 1e9)
        found: list[Seen] = []

        def judged() -> Verdict:
            found[:] = self._newest_two(camera)
            if not found or found[0].query.captured_ns < earliest_ns:
                return Verdict("no_picture", "The camera shows no picture that is good enough: look at its hint.")
            query, before = found[0].query, found[1].query if len(found) > 1 else None
            is_near = before is not None and query.captured_ns - before.captured_ns <= _A_MOMENT_NS
            same_model = before is not None and before.model == query.model
            return judge_steady(query.embedding, before.embedding if before and is_near and same_model else None)

        with self._added:
            self._added.wait_for(lambda: not judged().why, timeout_s)
            verdict = judged()
            return verdict if verdict.why else found[0]

    def _newest_two(self, camera: str) -> list[Seen]:
        of_camera = (
            seen
            for seen in reversed(self._seen)
            if seen.query.camera == camera and seen.query.origin == "camera" and seen.query.object_index == 0
        )
        return [seen for seen, _ in zip(of_camera, range(2), strict=False)]
