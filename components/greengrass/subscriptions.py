"""What was subscribed on the bus, kept standing over lost connections and over streams that die without a word."""

import logging
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
_MAX_WAITING = 1_000


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
    handlers: list[Handler] = field(default_factory=list)
    stream: int = 0
    """Number of the newest stream that answered; 0 is none."""
    close: Close | None = None
    """Ends the stream that stands; None where none does."""
    heard_at: float = 0.0
    refused: bool = False
    tried: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Stream:
    """One stream of a subscription, as a link tells it; a newer one may have replaced it."""

    subscription: _Subscription
    number: int
    deliveries: Deliveries
    on_closed: Callable[[], None]

    def answered(self) -> None:
        self.subscription.stream = max(self.subscription.stream, self.number)

    def heard(self, payload: bytes) -> None:
        subscription = self.subscription
        if self.number < subscription.stream:
            return
        subscription.stream, subscription.heard_at = self.number, time.monotonic()
        for handler in subscription.handlers:
            if not self.deliveries.put(lambda handler=handler: handler(payload)):  # type: ignore[misc]  # bound now
                log.warning("The bus's handlers are too slow: a message on %s is lost.", subscription.name)

    def closed(self) -> None:
        if self.number == self.subscription.stream:
            self.subscription.close = None
            self.on_closed()


class Subscriptions:
    """All subscriptions of a bus. One of the nuclei drops some silently: what is quiet for ``refresh_s`` is made again.

    So one that died is back ``refresh_s`` after its last message at the latest, and one second more for ``tend`` to
    come by. No heartbeat is needed for that. Each subscription dies for itself: a heartbeat would have to travel on
    every topic, would need somebody with the permission to publish on each, and would wake every subscriber; and where
    it fails to come, its sender may be what died. To make a quiet one anew costs one request, needs no permission
    but its own, and works whatever the cause; a busy one is alive.

    ``on_closed`` is called when one has ended and ``tend`` should be.
    """

    def __init__(self, deliveries: Deliveries, refresh_s: float, on_closed: Callable[[], None]) -> None:
        self._deliveries, self._refresh_s, self._on_closed = deliveries, refresh_s, on_closed
        self._lock = threading.Lock()
        self._by_name: dict[str, _Subscription] = {}
        self._streams = 0

    def add(self, name: str, subscribe: Subscribe, handler: Handler) -> threading.Event:
        """Have ``handler`` called for what ``subscribe`` brings; gives an event that is set once that was tried."""
        with self._lock:
            subscription = self._by_name.setdefault(name, _Subscription(name, subscribe))
            subscription.handlers.append(handler)
        return subscription.tried

    def refused(self) -> list[str]:
        """The names of those that the nucleus does not allow."""
        return [subscription.name for subscription in self._all() if subscription.refused]

    def tend(self, link: Link) -> None:
        """Make on ``link`` what does not stand there, or has been quiet for too long."""
        for subscription in self._all():
            if not link.lost.is_set() and self._is_due(subscription):
                self._renew(link, subscription)

    def drop(self) -> None:
        """The link is gone, and every stream with it."""
        for subscription in self._all():
            subscription.close = None

    def _all(self) -> list[_Subscription]:
        return list(self._by_name.values())

    def _is_due(self, subscription: _Subscription) -> bool:
        quiet_s = time.monotonic() - subscription.heard_at
        if subscription.close is None:
            return not subscription.refused or quiet_s >= _REFUSED_S
        return quiet_s >= self._refresh_s

    def _renew(self, link: Link, subscription: _Subscription) -> None:
        """Make a stream for ``subscription`` and then close the one that it replaces, so that nothing is missed."""
        self._streams += 1
        before = subscription.close
        subscription.heard_at = time.monotonic()
        try:
            stream = _Stream(subscription, self._streams, self._deliveries, self._on_closed)
            subscription.close = subscription.subscribe(link, stream)
            subscription.refused = False
        except RefusedError as error:
            if not subscription.refused:
                log.warning("The nucleus refuses to subscribe to %s: %s; trying again.", subscription.name, error)
            subscription.refused = True
            return
        except UnavailableError as error:
            log.warning("Could not subscribe to %s: %s; connecting again.", subscription.name, error)
            subscription.refused = False
            return
        finally:
            subscription.tried.set()
        if before is not None:
            before()
