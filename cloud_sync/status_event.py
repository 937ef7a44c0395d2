"""What the fleet is told of one component: a small JSON document of a known form."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from components.core.messages import Details, Status
from components.core.redaction import redacted_text

VERSION = 1
MAX_EVENT_BYTES = 4_500
EARLIEST_WALL_S = 1_704_067_200.0
"""2024-01-01 UTC: a clock before it was never set."""
AWAY = "away"
"""The state of a component that has not been heard of; it cannot say that itself."""

_MAX_REASON = 500
_MAX_TEXT = 200


def status_topic(thing: str) -> str:
    """Where AWS IoT Core gets the status events of ``thing``."""
    return f"lookalike/{thing}/status"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """How a component is, as seen from here: what it said, or that it is silent."""

    component: str
    state: str
    """starting, running, degraded or away."""
    reason: str = ""
    details: Details = field(default_factory=dict)

    @classmethod
    def of(cls, status: Status) -> "Seen":
        """What the component said."""
        return cls(component=status.component, state=status.state, reason=status.reason, details=status.details)

    @property
    def state_and_reason(self) -> tuple[str, str]:
        """What makes an event when it changes."""
        return self.state, self.reason


@dataclass(frozen=True, kw_only=True)
class StatusEvent:
    """One change of one component, or a reminder of how it is."""

    thing: str
    component: str
    state: str
    """starting, running, degraded or away."""
    reason: str = ""
    message: str = ""
    """The status text of the DeepLens project that this event stands for; "" for none."""
    details: Details = field(default_factory=dict)
    at: float
    """When it was noticed: wall clock, seconds since 1970."""
    clock_unsynced: bool
    """Whether the device's clock was never set, so that ``at`` is wrong."""
    age_s: float
    """How long ago that was when the event was sent; of a clock that never jumps."""
    seq: int
    """Counts the events of this process."""
    suppressed: int = 0
    """Changes of this component since its last event that were not told: too many, or offline."""

    @classmethod
    def of(
        cls, seen: Seen, *, thing: str, message: str, wall_s: float, age_s: float, seq: int, suppressed: int
    ) -> "StatusEvent":
        """The event of ``seen``, noticed ``age_s`` ago; without credentials, data or vectors in its texts."""
        return cls(
            thing=thing,
            component=seen.component,
            state=seen.state,
            reason=redacted_text(seen.reason)[:_MAX_REASON],
            message=message,
            details=_harmless(seen.details),
            at=round(wall_s - age_s, 3),
            clock_unsynced=wall_s < EARLIEST_WALL_S,
            age_s=round(age_s, 3),
            seq=seq,
            suppressed=suppressed,
        )


def encoded(event: StatusEvent) -> bytes:
    """The event as UTF-8 JSON of at most 4,500 bytes: details that do not fit are left out."""
    said = {"version": VERSION, "kind": "status", **dataclasses.asdict(event)}
    details = dict(said["details"])
    while True:
        data = json.dumps({**said, "details": details}, ensure_ascii=False, separators=(",", ":")).encode(
            errors="replace"
        )
        if len(data) <= MAX_EVENT_BYTES or not details:
            return data
        del details[max(details, key=lambda name: len(name) + len(str(details[name])))]


def _harmless(details: Details) -> Mapping[str, str | int | float | bool]:
    return {
        redacted_text(name)[:_MAX_TEXT]: redacted_text(value)[:_MAX_TEXT] if isinstance(value, str) else value
        for name, value in details.items()
    }
