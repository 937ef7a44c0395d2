"""What a run of the demo saw, in figures."""

import threading
from dataclasses import dataclass

from components.core.figures import percentile, share
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
    poor: int
    """Results that say that the picture was too poor to be searched: those are no queries."""
    held_up: int
    """Results of frames that show an item at rest."""
    share_right: float | None
    """Of those: the item held up is the first match, and is called a match."""
    share_offered: float | None
    """Of those: the answer is one of several items, and the item held up is among them."""
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


@dataclass(frozen=True)
class _Seen:
    """What counts of one result."""

    frame_seq: int
    label: str | None
    found: tuple[str, ...]
    """The five nearest items."""
    possible: frozenset[str]
    """The items that it may be: one of a match, several of an ambiguous answer."""
    is_poor: bool
    inference_ms: float
    age_ms: float

    @property
    def offers_label(self) -> bool:
        """Whether it leaves the choice between the item held up and others."""
        return len(self.possible) > 1 and self.label in self.possible


class Tally:
    """Takes note of queries and results as they arrive; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queries = 0
        self._seen: list[_Seen] = []

    def saw_query(self) -> None:
        """Count a query on its way to the searcher."""
        with self._lock:
            self._queries += 1

    def add(self, result: SearchResult, arrived_ns: int) -> None:
        """Note the result of a camera frame that arrived at ``arrived_ns`` of the monotonic clock."""
        if result.origin != "camera":
            return
        found = tuple(match.item_id for match in result.matches[:5])
        age_ms = (arrived_ns - result.captured_ns) / 1e6
        possible, is_poor = frozenset(match.item_id for match in result.possible), result.cause == "poor_picture"
        with self._lock:
            self._seen.append(
                _Seen(result.frame_seq, result.label, found, possible, is_poor, result.inference_ms, age_ms),
            )

    def summary(self, seconds: float) -> Summary:
        """The figures so far."""
        with self._lock:
            seen, queries = list(self._seen), self._queries
        held_up = [one for one in seen if one.label]
        empty = [one for one in seen if one.label == ""]
        first = [one for one in held_up if one.found[:1] == (one.label,)]
        near = [one for one in held_up if one.label in one.found]
        frames = [one.frame_seq for one in seen]
        searched = [one for one in seen if not one.is_poor]
        inference_ms, age_ms = [one.inference_ms for one in searched], [one.age_ms for one in searched]
        return Summary(
            seconds=round(seconds, 1),
            frames=max(frames) - frames[0] + 1 if frames else 0,
            queries=queries,
            results=len(searched),
            poor=len(seen) - len(searched),
            held_up=len(held_up),
            share_right=share(sum(one.possible == {one.label} for one in held_up), len(held_up)),
            share_offered=share(sum(one.offers_label for one in held_up), len(held_up)),
            hit_rate_at_1=share(len(first), len(held_up)),
            hit_rate_at_5=share(len(near), len(held_up)),
            empty=len(empty),
            share_empty_right=share(sum(not one.possible for one in empty), len(empty)),
            items_shown=len({one.label for one in held_up}),
            inference_ms_p50=percentile(inference_ms, 50),
            inference_ms_p95=percentile(inference_ms, 95),
            frame_to_result_ms_p50=percentile(age_ms, 50),
            frame_to_result_ms_p95=percentile(age_ms, 95),
        )
