"""The bus as the work of a component's process sees it: it also says what is wrong with the process itself."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from components.bus import Bus, Handler
from components.core.errors import MessageError, UnavailableError
from components.core.messages import MAX_REASON, STATUS_TOPIC, Status, decode, encode
from components.problems import Problems

log = logging.getLogger(__name__)


class TroubledBus(Bus, Protocol):
    """A bus that knows why it does not work."""

    @property
    def problem(self) -> str:
        """What is wrong with the bus or a subscription now, in words; "" when all is well."""


class ProcessBus:
    """``Bus`` for the work of ``component``, which may end and begin anew: ``forget`` ends its subscriptions.

    To every status that the component says of itself, the process's own problems are added; when these change, the
    last status is said again. While the nucleus is away, the process itself still hears its own status.
    """

    def __init__(self, component: str, bus: TroubledBus, problems: Problems) -> None:
        self._component, self._bus, self._problems = component, bus, problems
        self._lock = threading.Lock()
        self._handlers: dict[str, list[Handler]] = {}
        self._last: Status | None = None
        self._said_reason = ""
        self._said_at = 0.0

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand ``payload`` to the bus; raises what the bus raises."""
        if topic == STATUS_TOPIC:
            self._publish_status(payload)
        else:
            self._bus.publish(topic, payload)

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Call ``handler(payload)`` for every message on ``topic`` until ``forget``."""
        with self._lock:
            is_new = topic not in self._handlers
            self._handlers.setdefault(topic, []).append(handler)
        if is_new:
            self._bus.subscribe(topic, partial(self._hand_out, topic))

    def forget(self) -> None:
        """The work has ended: none of its handlers is called any more."""
        with self._lock:
            for handlers in self._handlers.values():
                handlers.clear()

    def watch(self, stop: threading.Event, tick: Callable[[], None], every_s: float, interval_s: float) -> None:
        """Until ``stop``: have problems looked for by ``tick``, and say at once when there are others than before.

        While there are any, they are said every ``interval_s``, even if the component itself says nothing.
        """
        while not stop.is_set():
            self._problems.note("bus", self._bus.problem)
            tick()
            reason = self._problems.reason
            overdue = bool(reason) and time.monotonic() - self._said_at >= interval_s
            if reason != self._said_reason or overdue:
                self._say()
            stop.wait(every_s)

    def _say(self) -> None:
        last = self._last or Status.of(self._component, "", works=False)
        try:
            self._publish_status(encode(last))
        except (UnavailableError, MessageError) as error:
            log.debug("the status waits for the bus: %s", error)

    def _publish_status(self, payload: bytes) -> None:
        reason, status = self._problems.reason, decode(Status, payload)
        if status.component == self._component:
            self._last = status
            payload = _amended(status, reason)
        try:
            self._bus.publish(STATUS_TOPIC, payload)
        except UnavailableError:
            self._hand_out(STATUS_TOPIC, payload)
            raise
        self._said_reason, self._said_at = reason, time.monotonic()

    def _hand_out(self, topic: str, payload: bytes) -> None:
        with self._lock:
            handlers = list(self._handlers.get(topic, ()))
        for handler in handlers:
            try:
                handler(payload)
            except Exception:  # one handler's fault must not be the others'
                log.exception("A handler of %s failed; the message is lost to it.", topic)


def _amended(status: Status, reason: str) -> bytes:
    if not reason:
        return encode(status)
    whole = "; ".join(part for part in (reason, status.reason) if part)
    degraded = replace(status, state="degraded", reason=whole[:MAX_REASON])
    try:
        return encode(degraded)
    except MessageError:
        return encode(replace(degraded, details={}))
