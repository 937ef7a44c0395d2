"""What was subscribed on the bus, kept standing over lost connections and over streams that die without a word."""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from components.bus import Handler
from components.core.errors import UnavailableError
from components.greengrass.link import Close, Link, RefusedError, Subscribe

log = logging.getLogger(__name__)

_REFUSED_S = 5.0
"""How long a subscription that was refused waits for the next try."""
_CLOUD_REFUSED_S, _CLOUD_REFRESH_S = 30.0, 300.0
"""The same for one of the cloud, and how long it may be quiet: each time it is made, the cloud is asked."""
_MAX_WAITING = 1_000
_SURE_S = 0.5
"""How long after the first message of a new stream one that stands beside it must have brought it, too."""
_TOLD_S = 30.0
"""How long it is told that a subscription had died."""


class Deliveries:
    """Calls handlers one after the other on one thread of its own."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closing = False
        self.thread = threading.Thread(target=self._run, name="bus-handlers", daemon=True)
        self.thread.start()

    def put(self, call: Callable[[], None]) -> bool:
        """Have ``call`` called soon; False where too many wait already, and it is dropped."""
        if self._waiting.qsize() >= _MAX_WAITING:
            return False
        self._waiting.put(call)
        return True

    def close(self) -> None:
        """Call nothing any more."""
        self._closing = True
        self._waiting.put(None)

    def _run(self) -> None:
        while (call := self._waiting.get()) is not None and not self._closing:
            try:
                call()
            except Exception:  # a handler's fault must not end the bus
                log.exception("A handler of the bus failed; the message is lost.")


@dataclass(eq=False)
class _Subscription:
    name: str
    subscribe: Subscribe
    of_cloud: bool
    handlers: list[Handler] = field(default_factory=list)
    stream: int = 0
    """Number of the newest stream that answered; 0 is none."""
    standing: "_Stream | None" = None
    """The stream that stands; None where none does."""
    replaced: "_Stream | None" = None
    """The one before, kept until the new one shows whether it had died."""
    heard_at: float = 0.0
    died_at: float = -math.inf
    refused: str = ""
    """Why the nucleus makes no stream; "" where it does."""
    tried: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False)
class _Stream:
    """One stream of a subscription, as a link tells it; a newer one may have replaced it."""

    subscription: _Subscription
    number: int
    deliveries: Deliveries
    on_closed: Callable[[], None]
    clock: Callable[[], float]
    made_at: float
    close: Close = lambda: None
    first_heard_at: float | None = None
    last_heard_at: float = -math.inf

    def answered(self) -> None:
        self.subscription.stream = max(self.subscription.stream, self.number)

    def heard(self, payload: bytes) -> None:
        subscription, now = self.subscription, self.clock()
        self.first_heard_at, self.last_heard_at = self.first_heard_at or now, now
        if self.number < subscription.stream:
            return
        subscription.stream, subscription.heard_at = self.number, now
        for handler in subscription.handlers:
            if not self.deliveries.put(lambda handler=handler: handler(payload)):  # type: ignore[misc]  # bound now
                log.warning("The bus's handlers are too slow: a message on %s is lost.", subscription.name)

    def closed(self) -> None:
        if self.number == self.subscription.stream:
            self.subscription.standing = None
            self.on_closed()


class Subscriptions:
    """All subscriptions of a bus. One of the nuclei drops some silently: what is quiet for ``refresh_s`` is made again.

    So one that died is back ``refresh_s`` after its last message at the latest, and one second more for ``tend`` to
    come by. No heartbeat is needed for that. Each subscription dies for itself: a heartbeat would have to travel on
    every topic, would need somebody with the permission to publish on each, and would wake every subscriber; and where
    it fails to come, its sender may be what died. To make a quiet one anew costs one request, needs no permission
    but its own, and works whatever the cause; a busy one is alive.

    The one that was replaced is kept until the new one brings a message: if it does not bring that, too, it had died,
    and ``died`` tells it for a while.

    ``on_closed`` is called when one has ended and ``tend`` should be.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        refresh_s: float,
        on_closed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliveries, self._refresh_s, self._on_closed, self._clock = deliveries, refresh_s, on_closed, clock
        self._lock = threading.Lock()
        self._by_name: dict[str, _Subscription] = {}
        self._streams = 0

    def add(self, name: str, subscribe: Subscribe, handler: Handler, *, of_cloud: bool = False) -> threading.Event:
        """Have ``handler`` called for what ``subscribe`` brings; gives an event that is set once that was tried.

        One ``of_cloud`` may need the network: it is made again seldom, and is no problem while it cannot be made.
        """
        with self._lock:
            subscription = self._by_name.setdefault(name, _Subscription(name, subscribe, of_cloud))
            subscription.handlers.append(handler)
        return subscription.tried

    def refused(self) -> list[str]:
        """The names of those that the nucleus does not allow."""
        refused = [subscription for subscription in self._all() if subscription.refused]
        return [one.name for one in refused if not one.of_cloud or "Unauthorized" in one.refused]

    def died(self) -> list[str]:
        """The names of those that died without a word not long ago, and were made again."""
        now = self._clock()
        return [subscription.name for subscription in self._all() if now - subscription.died_at < _TOLD_S]

    def tend(self, link: Link) -> None:
        """Make on ``link`` what does not stand there, or has been quiet for too long."""
        for subscription in self._all():
            _judge(subscription, self._clock())
            if not link.lost.is_set() and self._is_due(subscription):
                self._renew(link, subscription)

    def drop(self) -> None:
        """The link is gone, and every stream with it."""
        for subscription in self._all():
            subscription.standing = subscription.replaced = None

    def _all(self) -> list[_Subscription]:
        return list(self._by_name.values())

    def _is_due(self, subscription: _Subscription) -> bool:
        quiet_s = self._clock() - subscription.heard_at
        if subscription.standing is None:
            return not subscription.refused or quiet_s >= (_CLOUD_REFUSED_S if subscription.of_cloud else _REFUSED_S)
        return quiet_s >= (_CLOUD_REFRESH_S if subscription.of_cloud else self._refresh_s)

    def _renew(self, link: Link, subscription: _Subscription) -> None:
        """Make a stream for ``subscription`` before the one that it replaces is closed, so that nothing is missed."""
        self._streams += 1
        before, now = subscription.standing, self._clock()
        subscription.heard_at = now
        try:
            stream = _Stream(subscription, self._streams, self._deliveries, self._on_closed, self._clock, now)
            stream.close = subscription.subscribe(link, stream)
            subscription.standing, subscription.refused = stream, ""
        except RefusedError as error:
            if not subscription.refused:
                log.warning("The nucleus refuses to subscribe to %s: %s; trying again.", subscription.name, error)
            subscription.refused = str(error)
            return
        except UnavailableError as error:
            log.warning("Could not subscribe to %s: %s; connecting again.", subscription.name, error)
            subscription.refused = ""
            return
        finally:
            subscription.tried.set()
        if subscription.replaced is not None:
            subscription.replaced.close()
        subscription.replaced = before


def _judge(subscription: _Subscription, now: float) -> None:
    """Once the stream that stands has brought something, see whether the one that it replaced did so, too; close it."""
    standing, replaced = subscription.standing, subscription.replaced
    if standing is None or replaced is None or standing.first_heard_at is None:
        return
    if now - standing.first_heard_at < _SURE_S:
        return
    if replaced.last_heard_at < standing.made_at:
        log.warning("The subscription to %s had died without a word; it was made again.", subscription.name)
        subscription.died_at = now
    subscription.replaced = None
    replaced.close()
