"""Holds answers steady over the frames of a camera: one change per item shown."""

from dataclasses import dataclass, replace

from components.core.decisions import Decision
from components.core.messages import Match

SURE = 0.9
"""A match of this probability needs no second frame."""
RESTLESS = Decision("no_match", "poor_picture", "the picture does not come to rest")


@dataclass(frozen=True)
class Answer:
    """What a search says of what stands before the camera."""

    decision: Decision
    matches: tuple[Match, ...] = ()

    @property
    def items(self) -> frozenset[str]:
        """The items that it may be: one of a match, several of an ambiguous answer, none without a match."""
        counts = {"match": 1, "ambiguous": self.decision.candidates, "no_match": 0}
        return frozenset(match.item_id for match in self.matches[: counts[self.decision.kind]])

    @property
    def is_sure(self) -> bool:
        """Whether it is a match beyond doubt."""
        return self.decision.kind == "match" and (self.matches[0].probability or 0.0) >= SURE


@dataclass(frozen=True)
class Patience:
    """How long another answer must have led before it takes the place of the one that is shown."""

    frames: int = 3
    """An item, after something else: so many frames in a row, at rest."""
    leave_s: float = 0.3
    """Nothing, after an item: so long while something moves, as a hand in front of it does ..."""
    leave_frames: int = 2
    """... or so many frames in a row of another scene at rest: what is plainly gone."""
    same_scene_s: float = 2.0
    """Any other answer to a scene that was answered already; twice as long with every change within it."""
    hold_s: float = 1.0
    """While the picture does not come to rest, an answer is held no longer than this."""


PATIENCE = Patience()


@dataclass(frozen=True)
class _Lead:
    """What the last frames say in a row, while something else is shown."""

    items: frozenset[str]
    since_s: float
    frames: int = 0


class Steadiness:
    """What one camera shows, from frame to frame."""

    def __init__(self, patience: Patience = PATIENCE) -> None:
        self._patience = patience
        self._shown = Answer(Decision("no_match"))
        self._scene = 0
        """In which the shown answer was right last."""
        self._agreed_s = float("-inf")
        self._lead: _Lead | None = None
        self._changed_in = (0, 0)
        """The newest scene, and how often another item became the answer within it."""
        self.showing = 1
        """Counts up with every change of what is shown."""

    def take(self, answer: Answer, *, scene: int, settled: int, now_s: float, afresh: bool = False) -> Answer:
        """What to show, given the answer to the newest frame, at ``now_s`` of a monotonic clock.

        ``scene`` is the number of the frame's scene, which has been at rest for ``settled`` frames. ``afresh``: what
        was shown counts no more, the answer takes its place at once.
        """
        if scene != self._changed_in[0]:
            self._changed_in = (scene, 0)
        if answer.items == self._shown.items:
            self._shown, self._scene, self._agreed_s, self._lead = answer, scene, now_s, None
            return answer
        if answer.items & self._shown.items:
            self._agreed_s = now_s
        if afresh or self._takes_over(answer, scene, settled, now_s):
            self._show(answer, scene, now_s)
        elif self._shown.items and scene != self._scene and now_s - self._agreed_s > self._patience.hold_s:
            self._show(Answer(RESTLESS), scene, now_s)
        return self._shown if self._shown.items else replace(self._shown, matches=answer.matches)

    def _takes_over(self, answer: Answer, scene: int, settled: int, now_s: float) -> bool:
        """Whether ``answer``, which is not the shown one, led for long enough."""
        lead = self._lead
        if lead is None or lead.items != answer.items:
            lead = _Lead(answer.items, now_s)
        self._lead = lead = replace(lead, frames=lead.frames + 1)
        led_s, changes, patience = now_s - lead.since_s, self._changed_in[1], self._patience
        is_answered = changes > 0 or (bool(self._shown.items) and scene == self._scene)
        if is_answered or answer.items & self._shown.items:
            return led_s >= patience.same_scene_s * 2.0 ** max(0, changes - 1)
        if not answer.items:
            return led_s >= patience.leave_s or min(lead.frames, settled) >= patience.leave_frames
        return answer.is_sure or min(lead.frames, settled) >= patience.frames

    def _show(self, answer: Answer, scene: int, now_s: float) -> None:
        self._shown, self._scene, self._agreed_s = answer, scene, now_s
        self._changed_in = (scene, self._changed_in[1] + bool(answer.items))
        self.showing += 1
