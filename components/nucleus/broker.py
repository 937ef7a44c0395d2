"""A real MQTT broker in the place of AWS IoT Core: TLS, and a certificate that says which device this is."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

log = logging.getLogger(__name__)

_STOP_S = 5.0

Received = Callable[[str, bytes], None]
"""Is called with the topic and the payload of a message, on a thread of the connection."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a broker is, and how this device proves who it is."""

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path


class Broker(Protocol):
    """The way to the cloud."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""

    def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Send; that it arrives is not said."""

    def subscribe(self, topic_filter: str) -> None:
        """Have what comes on ``topic_filter`` brought, also after the connection was lost."""

    def close(self) -> None:
        """End the connection."""


class MqttBroker:
    """A connection that is made again for as long as it takes; ``received`` is called with what comes over it."""

    def __init__(self, endpoint: Endpoint, thing: str, received: Received) -> None:
        # Most nuclei are started without a broker, and need nothing of this.
        from awscrt import mqtt5  # type: ignore[import-untyped]
        from awsiot import mqtt5_client_builder  # type: ignore[import-untyped]

        self._mqtt5 = mqtt5
        self._filters: set[str] = set()
        self._received = received
        self._connected, self._stopped = threading.Event(), threading.Event()
        self._client: Any = mqtt5_client_builder.mtls_from_path(
            str(endpoint.certificate),
            str(endpoint.key),
            endpoint=endpoint.host,
            port=endpoint.port,
            ca_filepath=str(endpoint.ca),
            client_id=thing,
            min_reconnect_delay_ms=200,
            max_reconnect_delay_ms=2_000,
            on_publish_received=self._hand_over,
            on_lifecycle_connection_success=self._begin,
            on_lifecycle_disconnection=lambda _: self._connected.clear(),
            on_lifecycle_stopped=lambda _: self._stopped.set(),
            extended_validation_and_flow_control_options=mqtt5.ExtendedValidationAndFlowControlOptions.NONE,
        )
        self._client.start()

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connected.is_set()

    def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Send; that it arrives is not said."""
        self._client.publish(self._mqtt5.PublishPacket(topic=topic, payload=payload, qos=self._mqtt5.QoS(qos)))

    def subscribe(self, topic_filter: str) -> None:
        """Have what comes on ``topic_filter`` brought, also after the connection was lost."""
        self._filters.add(topic_filter)
        if self.connected:
            self._ask_for([topic_filter])

    def close(self) -> None:
        """End the connection."""
        self._client.stop()
        if not self._stopped.wait(_STOP_S):
            log.warning("The connection to the broker did not end in time.")

    def _begin(self, _: object) -> None:
        self._connected.set()
        if self._filters:
            self._ask_for(sorted(self._filters))

    def _ask_for(self, filters: list[str]) -> None:
        at_least_once = self._mqtt5.QoS.AT_LEAST_ONCE
        wanted = [self._mqtt5.Subscription(topic_filter=one, qos=at_least_once) for one in filters]
        self._client.subscribe(self._mqtt5.SubscribePacket(subscriptions=wanted))

    def _hand_over(self, data: Any) -> None:
        packet = data.publish_packet
        self._received(packet.topic, bytes(packet.payload or b""))
