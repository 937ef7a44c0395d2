"""The bus between the components of one device: publish and subscribe on topics."""

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

Handler = Callable[[bytes], None]


class Bus(Protocol):
    """Local publish/subscribe. Payloads are bytes of at most ``messages.MAX_MESSAGE_BYTES``."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand ``payload`` to every subscriber of ``topic``; raises UnavailableError when the bus is away."""

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Call ``handler(payload)`` for every message on ``topic``, on a thread of the bus; it must return quickly."""


class LocalBus:
    """A bus inside one process, for unit tests: delivers at once, on the publisher's thread."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[Handler]] = defaultdict(list)
        self._lock = threading.Lock()

    def publish(self, topic: str, payload: bytes) -> None:
        """Call every subscriber's handler before it returns."""
        with self._lock:
            handlers = list(self._handlers[topic])
        for handler in handlers:
            handler(payload)

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Call ``handler(payload)`` for every later message on ``topic``."""
        with self._lock:
            self._handlers[topic].append(handler)
