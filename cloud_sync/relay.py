"""Tells the fleet how the components of this device are: what changed, seldom, and the newest only."""

import logging
import threading
from dataclasses import dataclass, field
from typing import Protocol

from cloud_sync.clock import Clocks
from cloud_sync.status_event import AWAY, Seen, StatusEvent, encoded, status_topic
from cloud_sync.token_bucket import TokenBucket
from cloud_sync.words import Said, next_word
from components.core.errors import MessageError, UnavailableError
from components.core.messages import Status
from components.pauses import GrowingPause

log = logging.getLogger(__name__)

AWAY_AFTER_S = 30.0
_MAX_COMPONENTS = 32


class Uplink(Protocol):
    """The way to AWS IoT Core."""

    def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Hand ``payload`` over; raises UnavailableError while there is no way."""


@dataclass(frozen=True, kw_only=True)
class RelaySettings:
    """How often the fleet is told."""

    interval_s: float = 900.0
    """How often it is told of a component of which nothing changed."""
    limit: int = 10
    """At most so many events of one component ..."""
    limit_window_s: float = 600.0
    """... in any so many seconds."""
    legacy_topic: str | None = None
    """Where the predecessors' texts go as they are; nowhere with None."""
    first_pause_s: float = 1.0
    longest_pause_s: float = 300.0


@dataclass
class _Component:
    newest: Seen
    heard_s: float
    bucket: TokenBucket
    changed_s: float
    changes: int = 1
    """Since the last event."""
    told: tuple[str, str] | None = None
    told_s: float = 0.0
    said: Said = field(default_factory=Said)
    is_away: bool = False


@dataclass(frozen=True)
class Figures:
    """What was done until now."""

    events: int = 0
    suppressed: int = 0
    problem: str = ""
    """Why the newest event waits; "" while AWS IoT Core is reached."""


class Relay:
    """Sends status events of this device, ``thing``, to AWS IoT Core.

    Nothing is queued: while there is no way, or too much happens, only the newest status of each component is kept,
    and how many changes were passed over.
    """

    def __init__(
        self, uplink: Uplink, thing: str, own: str, settings: RelaySettings, clocks: Clocks | None = None
    ) -> None:
        self._uplink, self._thing, self._own, self._settings = uplink, thing, own, settings
        self._clocks = clocks or Clocks()
        self._lock = threading.Lock()
        self._components: dict[str, _Component] = {}
        self._pause = GrowingPause(settings.first_pause_s, settings.longest_pause_s)
        self._not_before_s = 0.0
        self._seq = 0
        self.figures = Figures()
        self.wake = threading.Event()
        """Set when there may be something to send."""

    def hear(self, status: Status) -> None:
        """Note how a component is."""
        now_s = self._clocks.monotonic_s()
        with self._lock:
            known = self._components.get(status.component)
            if known is None:
                if len(self._components) < _MAX_COMPONENTS:
                    bucket = TokenBucket(self._settings.limit, self._settings.limit_window_s)
                    self._components[status.component] = _Component(Seen.of(status), now_s, bucket, now_s)
            else:
                self._note(known, Seen.of(status), now_s)
                known.heard_s, known.is_away = now_s, False
        self.wake.set()

    def run(self, stop: threading.Event) -> None:
        """Send what there is to send, until ``stop``."""
        while not stop.is_set():
            self.send_due()
            self.wake.wait(0.5)
            self.wake.clear()

    def send_due(self) -> None:
        """Send what may be sent now; never raises."""
        now_s = self._clocks.monotonic_s()
        self._note_silence(now_s)
        if now_s < self._not_before_s:
            return
        with self._lock:
            components = list(self._components.values())
        for component in components:
            if not self._tell(component, now_s):
                self._not_before_s = now_s + self._pause.next_s()
                return

    def _tell(self, component: _Component, now_s: float) -> bool:
        """Tell of one component all that is new; False where there is no way now."""
        while True:
            with self._lock:
                seen, changes, changed_s = component.newest, component.changes, component.changed_s
            word = next_word(component.said, seen)
            is_new = seen.state_and_reason != component.told
            is_time = now_s - component.told_s >= self._settings.interval_s
            if not (word or is_new or is_time) or not component.bucket.take(now_s):
                return True
            suppressed = max(0, changes - is_new)
            age_s = now_s - (changed_s if is_new or word else component.heard_s)
            if not self._send(seen, word, max(0.0, age_s), suppressed):
                component.bucket.put_back()
                return False
            self._told(component, seen, word, changes, now_s)

    def _send(self, seen: Seen, word: str, age_s: float, suppressed: int) -> bool:
        event = StatusEvent.of(
            seen,
            thing=self._thing,
            message=word,
            wall_s=self._clocks.wall_s(),
            age_s=age_s,
            seq=self._seq + 1,
            suppressed=suppressed,
        )
        try:
            self._uplink.publish_to_iot_core(status_topic(self._thing), encoded(event), 1)
        except (UnavailableError, MessageError) as error:
            self._say_problem(str(error))
            return False
        self._say_problem("")
        self._pause.reset()
        self._seq += 1
        before = self.figures
        self.figures = Figures(before.events + 1, before.suppressed + suppressed)
        if word and self._settings.legacy_topic is not None:
            self._send_word(self._settings.legacy_topic, word)
        return True

    def _send_word(self, topic: str, word: str) -> None:
        try:
            self._uplink.publish_to_iot_core(topic, word.encode(), 0)
        except (UnavailableError, MessageError) as error:
            # The event has told it already; to send that again for this would tell it twice.
            log.info("%r is not told on the old topic: %s", word, error)

    def _told(self, component: _Component, seen: Seen, word: str, changes: int, now_s: float) -> None:
        with self._lock:
            component.changes -= changes
            component.told, component.told_s = seen.state_and_reason, now_s
            if word:
                component.said = component.said.and_then(word, seen)

    def _note(self, component: _Component, seen: Seen, now_s: float) -> None:
        if seen.state_and_reason != component.newest.state_and_reason:
            component.changes += 1
            component.changed_s = now_s
        elif next_word(component.said, seen):
            component.changed_s = now_s
        component.newest = seen

    def _note_silence(self, now_s: float) -> None:
        """Whoever is not heard of any more is away, if this component hears at least itself."""
        with self._lock:
            own = self._components.get(self._own)
            if own is None or now_s - own.heard_s > AWAY_AFTER_S / 2:
                return
            for name, component in self._components.items():
                if name != self._own and not component.is_away and now_s - component.heard_s > AWAY_AFTER_S:
                    component.is_away = True
                    self._note(component, _away(component.newest), now_s)

    def _say_problem(self, problem: str) -> None:
        before = self.figures
        if problem and not before.problem:
            log.info("Status events wait: %s", problem)
        self.figures = Figures(before.events, before.suppressed, problem)


def _away(seen: Seen) -> Seen:
    reason = f"The {seen.component} has not been heard of for {AWAY_AFTER_S:g} s."
    return Seen(component=seen.component, state=AWAY, reason=reason)
