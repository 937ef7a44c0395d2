"""What AWS IoT Core sends to this device: one subscription a topic, for whoever asked last."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

Handler = Callable[[bytes], None]


class IotCoreBus(Protocol):
    """The bus of a nucleus, as far as it brings messages of AWS IoT Core."""

    def subscribe_to_iot_core(self, topic: str, handler: Handler) -> None:
        """Call ``handler(payload)`` for every message on ``topic``, for as long as the process lives."""


class Downlink:
    """The work of the component may begin anew, a subscription of the process cannot end: so it is made once."""

    def __init__(self, bus: IotCoreBus) -> None:
        self._bus = bus
        self._handlers: dict[str, Handler] = {}

    def hear(self, topic: str, handler: Handler) -> None:
        """Call ``handler(payload)`` for every message on ``topic``, and nobody who asked for that before."""
        is_new = topic not in self._handlers
        self._handlers[topic] = handler
        if is_new:
            self._bus.subscribe_to_iot_core(topic, partial(self._hand_over, topic))

    def _hand_over(self, topic: str, payload: bytes) -> None:
        self._handlers[topic](payload)
