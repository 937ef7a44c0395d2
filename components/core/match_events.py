"""What the cloud is told of the items before a camera: one entered, it stays, it left. Never a picture of it."""

import base64
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from components.core.messages import Embedding, Match, Query, SearchResult

STAYED_EVERY_S = 60.0
GONE_AFTER_S = 5.0
"""A camera that sends no frame for so long shows nothing any more."""
MAX_EVENT_BYTES = 1_000
"""Of an event without an embedding."""
MAX_DOCUMENT_BYTES = 4_070
"""What fits into a message, with an embedding or without."""
_MAX_ALTERNATIVES = 5
_RANK = {"ambiguous": 0, "match": 1}


@dataclass(frozen=True, kw_only=True)
class MatchEvent:
    """One moment of an item's visit; all events of one visit name the same ``visit``."""

    event: str
    """entered, stayed or left."""
    visit: str
    """The id of the query that began the visit."""
    at: float
    """Wall clock of the device, seconds since 1970."""
    duration_s: float
    """How long the item has been there; of a clock that never jumps."""
    camera: str
    object_index: int
    item_id: str
    decision: str
    """match, or ambiguous: it may be one of the alternatives as well."""
    score: float
    """The best of the visit until now."""
    probability: float | None
    alternatives: tuple[str, ...]
    """The next items that look like it, best first."""
    generation: int
    model: str
    """The first 12 digits of the digest."""
    embedding: str = ""
    """base64 of little-endian fp16, where a deployment asks for it; "" else."""

    def encoded(self) -> bytes:
        """As JSON of at most 1,000 bytes and the embedding: alternatives that do not fit are left out.

        An embedding that fits into no message is, too: the event is worth more.
        """
        said = dataclasses.asdict(self)
        if not self.embedding or len(as_json({**said, "alternatives": []})) > MAX_DOCUMENT_BYTES:
            del said["embedding"]
        room = min(MAX_EVENT_BYTES + len(said.get("embedding", "")), MAX_DOCUMENT_BYTES)
        alternatives = list(self.alternatives)
        while True:
            data = as_json({**said, "alternatives": alternatives})
            if len(data) <= room or not alternatives:
                return data
            alternatives.pop()


def as_json(document: object) -> bytes:
    """``document`` as it travels to the cloud."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def packed(embedding: Embedding) -> str:
    """``embedding`` as text: base64 of little-endian fp16."""
    return base64.b64encode(embedding.astype("<f2").tobytes()).decode("ascii")


def unpacked(said: str) -> Embedding:
    """The embedding that was ``packed``; raises ValueError where ``said`` is none."""
    return np.frombuffer(base64.b64decode(said, validate=True), "<f2").astype(np.float32)


@dataclass
class _Visit:
    """An item before a camera, from its first answer on."""

    first: SearchResult
    best: SearchResult
    newest: SearchResult
    told_ns: int

    def is_of(self, result: SearchResult) -> bool:
        """Whether ``result`` shows the same item, or one of those that it may be."""
        return bool(_items(self.best) & _items(result))

    def see(self, result: SearchResult) -> None:
        self.newest = result
        if _goodness(result) > _goodness(self.best):
            self.best = result

    def event(self, name: str, embedding: str = "") -> MatchEvent:
        self.told_ns = self.newest.captured_ns
        best, first = self.best, self.first
        match, *others = best.matches
        return MatchEvent(
            event=name,
            visit=first.query_id,
            at=round(self.newest.captured_at, 3),
            duration_s=round((self.newest.captured_ns - first.captured_ns) / 1e9, 3),
            camera=first.camera,
            object_index=first.object_index,
            item_id=match.item_id,
            decision=best.decision,
            score=round(match.score, 4),
            probability=None if match.probability is None else round(match.probability, 4),
            alternatives=tuple(other.item_id for other in others[:_MAX_ALTERNATIVES]),
            generation=best.generation,
            model=best.model[:12],
            embedding=embedding,
        )


class Presence:
    """Turns what each camera shows, answer by answer, into events.

    With ``embeddings`` an event of an item that enters carries what the camera saw of it as a vector.
    """

    def __init__(self, *, embeddings: bool = False) -> None:
        self._embeddings = embeddings
        self._visits: dict[tuple[str, int], _Visit] = {}

    def take(self, query: Query, result: SearchResult) -> Iterator[MatchEvent]:
        """What is new with ``result``, the steadied answer to ``query``; nothing of an uploaded picture."""
        if result.origin != "camera" or not result.captured_ns:
            return
        yield from self.overdue(result.captured_ns)
        place = (result.camera, result.object_index)
        visit = self._visits.get(place)
        if visit is not None and not visit.is_of(result):
            yield self._visits.pop(place).event("left")
            visit = None
        if not result.possible:
            return
        if visit is None:
            visit = self._visits[place] = _Visit(result, result, result, result.captured_ns)
            yield visit.event("entered", packed(query.embedding) if self._embeddings else "")
            return
        visit.see(result)
        if result.captured_ns - visit.told_ns >= STAYED_EVERY_S * 1e9:
            yield visit.event("stayed")

    def overdue(self, now_ns: int) -> Iterator[MatchEvent]:
        """What left because its camera sends no more frames; ``now_ns`` is the clock of ``captured_ns``."""
        for place, visit in list(self._visits.items()):
            if now_ns - visit.newest.captured_ns > GONE_AFTER_S * 1e9:
                yield self._visits.pop(place).event("left")

    def end(self) -> Iterator[MatchEvent]:
        """Nobody looks any more: what was there leaves."""
        while self._visits:
            yield self._visits.popitem()[1].event("left")


def _items(result: SearchResult) -> set[str]:
    return {match.item_id for match in result.possible}


def _goodness(result: SearchResult) -> tuple[int, float]:
    """A match says more than an ambiguous answer; of the same kind, the more probable says more."""
    first: Match = result.matches[0]
    return _RANK[result.decision], first.score if first.probability is None else first.probability
