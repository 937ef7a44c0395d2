"""What the searcher remembers of the last second before a camera."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.core.camera_mean import cosine
from components.core.messages import Query
from components.core.scene import Scene
from components.core.segments import Vectors
from components.core.steadiness import Answer, Patience, Steadiness
from components.searcher.index import Index

UNCHANGED = 0.99
"""Cosine from which on a picture is the one that was searched last: what a still camera's noise leaves."""
SEARCH_AGAIN_AFTER_S = 1.0
FORGOTTEN_AFTER_S = 2.5
"""What was shown before such a gap between two frames says nothing of the later one."""
MAX_WATCHES = 64


@dataclass(frozen=True)
class _Search:
    index: Index
    wanted: tuple[int, Mapping[str, tuple[str, ...]], str]
    embedding: Vectors = field(repr=False)
    at_s: float
    answer: Answer


class Watch:
    """One object before one camera, from frame to frame."""

    def __init__(self, patience: Patience) -> None:
        self.scene = Scene()
        self._steadiness = Steadiness(patience)
        self._search: _Search | None = None
        self._index: Index | None = None
        self._seen_s = float("-inf")

    def known(self, query: Query, index: Index) -> Answer | None:
        """The answer to the last search, where that had the same picture, wishes and index, and not long ago."""
        last = self._search
        if last is None or last.index is not index or last.wanted != _wanted(query):
            return None
        is_due = _time_s(query) - last.at_s >= SEARCH_AGAIN_AFTER_S
        return None if is_due or cosine(query.embedding, last.embedding) < UNCHANGED else last.answer

    def found(self, query: Query, index: Index, answer: Answer) -> None:
        """Remember what a search found."""
        self._search = _Search(index, _wanted(query), query.embedding, _time_s(query), answer)

    def steadied(self, query: Query, index: Index, answer: Answer) -> tuple[Answer, int]:
        """What to show after ``answer``, found in ``index``, and the number of this showing."""
        now_s = _time_s(query)
        # What another index showed, an item that was removed since among it, counts no more.
        afresh = index is not self._index or abs(now_s - self._seen_s) > FORGOTTEN_AFTER_S
        self._index, self._seen_s = index, now_s
        shown = self._steadiness.take(
            answer,
            scene=self.scene.number,
            settled=self.scene.settled,
            now_s=now_s,
            afresh=afresh,
        )
        return shown, self._steadiness.showing


class Watches:
    """The watch of every object before every camera, at most ``MAX_WATCHES``; another camera or model begins anew."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._watches: dict[tuple[str, int, str, str], Watch] = {}

    def of(self, query: Query) -> Watch:
        """The watch that ``query`` belongs to."""
        key = (query.camera, query.object_index, query.camera_digest, query.model)
        watch = self._watches.pop(key, None) or Watch(self._patience)
        self._watches[key] = watch  # at the end: the one that was asked for longest ago is forgotten first
        if len(self._watches) > MAX_WATCHES:
            del self._watches[next(iter(self._watches))]
        return watch


def _wanted(query: Query) -> tuple[int, Mapping[str, tuple[str, ...]], str]:
    return query.k, query.filters, query.mode


def _time_s(query: Query) -> float:
    return query.captured_ns / 1e9
