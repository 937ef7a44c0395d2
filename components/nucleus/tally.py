"""What a run of the demo saw, in figures."""

import threading
from dataclasses import dataclass

from components.core.messages import SearchResult


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The figures of a run. Shares are of the results of frames whose content is known; None where there were none."""

    seconds: float
    frames: int
    """Frames that the camera brought."""
    queries: int
    """Frames that were searched."""
    results: int
    held_up: int
    """Results of frames that show an item at rest."""
    share_right: float | None
    """Of those: the item held up is the first match, and is called a match."""
    hit_rate_at_1: float | None
    """Of those: the item held up is the nearest one, also where that is not called a match."""
    hit_rate_at_5: float | None
    """Of those: the item held up is among the five nearest ones."""
    empty: int
    """Results of frames that show no item."""
    share_empty_right: float | None
    """Of those: nothing recognized."""
    items_shown: int
    """Different items that were held up."""
    inference_ms_p50: float | None
    inference_ms_p95: float | None
    frame_to_result_ms_p50: float | None
    """From the moment the camera had the frame until its result arrived over the bus."""
    frame_to_result_ms_p95: float | None


class Tally:
    """Counts results as they arrive; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: set[str] = set()
        self._first_frame: int | None = None
        self._last_frame = 0
        self._queries = 0
        self._held_up = self._right = self._first = self._near = self._empty = self._quiet = 0
        self._inference_ms: list[float] = []
        self._age_ms: list[float] = []

    def saw_query(self) -> None:
        """Count a query on its way to the searcher."""
        with self._lock:
            self._queries += 1

    def add(self, result: SearchResult, arrived_ns: int) -> None:
        """Count the result of a camera frame that arrived at ``arrived_ns`` of the monotonic clock."""
        if result.origin != "camera":
            return
        with self._lock:
            self._first_frame = result.frame_seq if self._first_frame is None else self._first_frame
            self._last_frame = max(self._last_frame, result.frame_seq)
            self._inference_ms.append(result.inference_ms)
            self._age_ms.append((arrived_ns - result.captured_ns) / 1e6)
            if result.label:
                self._count_held_up(result, result.label)
            elif result.label == "":
                self._empty += 1
                self._quiet += result.decision == "no_match"

    def _count_held_up(self, result: SearchResult, label: str) -> None:
        found = [match.item_id for match in result.matches[:5]]
        self._items.add(label)
        self._held_up += 1
        first = found[:1] == [label]
        self._first += first
        self._right += first and result.decision == "match"
        self._near += label in found

    def summary(self, seconds: float) -> Summary:
        """The figures so far."""
        with self._lock:
            return Summary(
                seconds=round(seconds, 1),
                frames=self._last_frame - self._first_frame + 1 if self._first_frame is not None else 0,
                queries=self._queries,
                results=len(self._age_ms),
                held_up=self._held_up,
                share_right=_share(self._right, self._held_up),
                hit_rate_at_1=_share(self._first, self._held_up),
                hit_rate_at_5=_share(self._near, self._held_up),
                empty=self._empty,
                share_empty_right=_share(self._quiet, self._empty),
                items_shown=len(self._items),
                inference_ms_p50=percentile(self._inference_ms, 50),
                inference_ms_p95=percentile(self._inference_ms, 95),
                frame_to_result_ms_p50=percentile(self._age_ms, 50),
                frame_to_result_ms_p95=percentile(self._age_ms, 95),
            )


def percentile(values: list[float], percent: int) -> float | None:
    """The nearest-rank percentile, rounded to 0.01; None of no values."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, -(-len(ordered) * percent // 100) - 1)], 2)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
