"""What the nucleus does for its clients: local topics, IoT Core, configuration, states."""

import base64
import binascii
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.nucleus.access import MQTT, PUBSUB, topic_matches
from components.nucleus.broker import Broker
from components.nucleus.errors import DropConnectionError, RpcError, invalid, unauthorized
from components.nucleus.ipc import Operation, Stream
from components.nucleus.limits import Limits, json_is_lost
from components.nucleus.settings_store import SettingsStore
from components.nucleus.wire import FrameTooLargeError

log = logging.getLogger(__name__)

_MAX_SPOOLED = 1_000


@dataclass(eq=False)
class _Subscription:
    stream: Stream
    topic: str
    own_too: bool = True


class LocalTopics:
    """Publish and subscribe between the components of this device."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._subscriptions: list[_Subscription] = []

    def publish(self, stream: Stream, request: dict[str, Any]) -> None:
        """PublishToTopic."""
        topic = _text(request, "topic")
        _demand(stream, PUBSUB, "aws.greengrass#PublishToTopic", topic)
        message = request.get("publishMessage")
        kind, content = _content(message if isinstance(message, dict) else {})
        found = [s for s in self._subscriptions if self._wants(s, topic, stream.component)]
        if kind == "binaryMessage":
            self._check_binary(content)
        elif json_is_lost(self._limits, content):
            self._lose(topic, found)
            found = []
        self._deliver(topic, found, {kind: {"message": content, "context": {"topic": topic}}})
        stream.send("PublishToTopicResponse", b"{}", last=True)

    def subscribe(self, stream: Stream, request: dict[str, Any]) -> None:
        """SubscribeToTopic."""
        topic = _text(request, "topic")
        _demand(stream, PUBSUB, "aws.greengrass#SubscribeToTopic", topic)
        mode = request.get("receiveMode")
        wildcard = "+" in topic or "#" in topic
        own_too = mode == "RECEIVE_ALL_MESSAGES" or (mode is None and not wildcard)
        subscription = _Subscription(stream, topic, own_too)
        self._subscriptions.append(subscription)
        stream.on_close = lambda: self._forget(subscription)
        stream.send("SubscribeToTopicResponse", json.dumps({"topicName": topic}).encode())

    def _wants(self, subscription: _Subscription, topic: str, publisher: str) -> bool:
        mine = subscription.stream.component == publisher
        return topic_matches(subscription.topic, topic) and (subscription.own_too or not mine)

    def _check_binary(self, content: Any) -> None:
        if not isinstance(content, str):
            raise invalid("binaryMessage needs a message in base64.")
        largest = self._limits.max_binary_bytes
        size = len(content) * 3 // 4 - content.count("=", -2)
        if largest is not None and size > largest:
            raise DropConnectionError(f"a binary message of {size} bytes is too large; at most {largest} are taken.")

    def _lose(self, topic: str, found: list[_Subscription]) -> None:
        log.warning("A JSON message on %s is too large: lost, with %d subscriptions, silently.", topic, len(found))
        for subscription in found:
            self._forget(subscription)

    def _deliver(self, topic: str, found: list[_Subscription], event: dict[str, Any]) -> None:
        if not found:
            return
        body = json.dumps(event, separators=(",", ":")).encode()
        for subscription in found:
            try:
                subscription.stream.send("SubscriptionResponseMessage", body)
            except FrameTooLargeError:
                self._lose(topic, [subscription])

    def _forget(self, subscription: _Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)


class IotCore:
    """The way to AWS IoT Core: messages go to ``log`` (JSON lines), and to the ``broker`` that plays it.

    Without a broker they go to the device's own subscribers.
    """

    def __init__(self, limits: Limits, online: bool, log: Path | None) -> None:
        self._limits = limits
        self._log = log
        self._plugged_in = online
        self.broker: Broker | None = None
        self._subscriptions: list[_Subscription] = []
        self._unanswered: list[_Subscription] = []
        self._spool: list[dict[str, Any]] = []

    def publish(self, stream: Stream, request: dict[str, Any]) -> None:
        """PublishToIoTCore."""
        topic = _text(request, "topicName")
        _demand(stream, MQTT, "aws.greengrass#PublishToIoTCore", topic)
        message = {"topic": topic, "payload": _base64(request.get("payload", "")), "qos": str(request.get("qos", "0"))}
        if self._is_online:
            self._pass_on(message)
        elif self._limits.spools_when_offline:
            self._spool = [*self._spool, message][-_MAX_SPOOLED:]
        else:
            raise RpcError("ServiceError", "Failed to publish the message: not connected to IoT Core.")
        stream.send("PublishToIoTCoreResponse", b"{}", last=True)

    def subscribe(self, stream: Stream, request: dict[str, Any]) -> None:
        """SubscribeToIoTCore; offline, one nucleus refuses it, the other answers once there is a network."""
        topic = _text(request, "topicName")
        _demand(stream, MQTT, "aws.greengrass#SubscribeToIoTCore", topic)
        if not (self._is_online or self._limits.spools_when_offline):
            raise RpcError("ServiceError", "Failed to subscribe: not connected to IoT Core.")
        subscription = _Subscription(stream, topic)
        self._subscriptions.append(subscription)
        stream.on_close = lambda: self._subscriptions.remove(subscription)
        if self.broker is not None:
            self.broker.subscribe(topic)
        self._unanswered.append(subscription)
        self.send_spooled()

    def go_online(self, online: bool) -> None:
        """Plug the network in or out; what was spooled goes out."""
        self._plugged_in = online
        self.send_spooled()

    def send_spooled(self) -> None:
        """Send and answer what waited, where that is possible now."""
        if self._is_online:
            for subscription in [one for one in self._unanswered if one in self._subscriptions]:
                subscription.stream.send("SubscribeToIoTCoreResponse", b"{}")
            self._unanswered.clear()
            spool, self._spool = self._spool, []
            for message in spool:
                self._pass_on(message)

    def deliver(self, topic: str, payload: bytes) -> None:
        """A message came from the broker."""
        if self._plugged_in:
            self._deliver(topic, base64.b64encode(payload).decode("ascii"))

    @property
    def _is_online(self) -> bool:
        return self._plugged_in and (self.broker is None or self.broker.connected)

    def _pass_on(self, message: Mapping[str, Any]) -> None:
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"at": time.time(), **message}) + "\n")
        if self.broker is None:
            self._deliver(message["topic"], message["payload"])
        else:
            self.broker.publish(message["topic"], base64.b64decode(message["payload"]), int(message["qos"]))

    def _deliver(self, topic: str, payload: str) -> None:
        event = {"message": {"topicName": topic, "payload": payload}}
        for subscription in [s for s in self._subscriptions if topic_matches(s.topic, topic)]:
            subscription.stream.send("IoTCoreMessage", json.dumps(event).encode())


class Configurations:
    """A component's own configuration: read, change, watch."""

    def __init__(self, store: SettingsStore) -> None:
        self._store = store
        self._watchers: list[tuple[Stream, str, tuple[str, ...]]] = []
        store.watch(self._changed)

    def get(self, stream: Stream, request: dict[str, Any]) -> None:
        """GetConfiguration: a map as it is, anything else under the name of its leaf."""
        component, path = _component(stream, request), _key_path(request)
        try:
            value = self._store.read(component, path)
        except KeyError as error:
            raise RpcError("ResourceNotFoundError", "Key not found.") from error
        value = value if isinstance(value, dict) else {path[-1]: value}
        body = json.dumps({"componentName": component, "value": value}).encode()
        stream.send("GetConfigurationResponse", body, last=True)

    def update(self, stream: Stream, request: dict[str, Any]) -> None:
        """UpdateConfiguration, of the caller alone."""
        changes = request.get("valueToMerge")
        if not isinstance(changes, dict):
            raise invalid("valueToMerge must be a map.")
        try:
            self._store.merge(stream.component, _key_path(request), changes)
        except KeyError as error:
            raise RpcError("ResourceNotFoundError", "This client has no configuration.") from error
        except ValueError as error:
            raise invalid(f"keyPath {error}.") from error
        stream.send("UpdateConfigurationResponse", b"{}", last=True)

    def subscribe(self, stream: Stream, request: dict[str, Any]) -> None:
        """SubscribeToConfigurationUpdate."""
        watcher = (stream, _component(stream, request), _key_path(request))
        self._watchers.append(watcher)
        stream.on_close = lambda: self._watchers.remove(watcher)
        stream.send("SubscribeToConfigurationUpdateResponse", b"{}")

    def _changed(self, component: str, path: tuple[str, ...]) -> None:
        event = {"configurationUpdateEvent": {"componentName": component, "keyPath": list(path)}}
        for stream, wanted, under in list(self._watchers):
            if wanted == component and path[: len(under)] == under[: len(path)]:
                stream.send("ConfigurationUpdateEvents", json.dumps(event).encode())


class States:
    """What components say of themselves."""

    def __init__(self, report: Callable[[str, str], None]) -> None:
        self._report = report

    def update(self, stream: Stream, request: dict[str, Any]) -> None:
        """UpdateState."""
        state = _text(request, "state")
        if state not in ("RUNNING", "ERRORED"):
            raise invalid("state must be RUNNING or ERRORED.")
        self._report(stream.component, state)
        stream.send("UpdateStateResponse", b"{}", last=True)


def operations(
    topics: LocalTopics, iot_core: IotCore, configurations: Configurations, states: States
) -> dict[str, Operation]:
    """What this nucleus can do, by the name of the operation."""
    return {
        "PublishToTopic": topics.publish,
        "SubscribeToTopic": topics.subscribe,
        "PublishToIoTCore": iot_core.publish,
        "SubscribeToIoTCore": iot_core.subscribe,
        "GetConfiguration": configurations.get,
        "UpdateConfiguration": configurations.update,
        "SubscribeToConfigurationUpdate": configurations.subscribe,
        "UpdateState": states.update,
    }


def _demand(stream: Stream, service: str, operation: str, resource: str) -> None:
    if not stream.permissions.allows(service, operation, resource):
        raise unauthorized(operation, resource)


def _text(request: Mapping[str, Any], key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str) or not value:
        raise invalid(f"{key} must be a text.")
    return value


def _content(message: Mapping[str, Any]) -> tuple[str, Any]:
    kinds = [kind for kind in ("binaryMessage", "jsonMessage") if isinstance(message.get(kind), dict)]
    if len(kinds) != 1:
        raise invalid("publishMessage must hold one of binaryMessage and jsonMessage.")
    return kinds[0], message[kinds[0]].get("message")


def _base64(value: object) -> str:
    try:
        base64.b64decode(str(value), validate=True)
    except binascii.Error as error:
        raise invalid("payload must be base64.") from error
    return str(value)


def _component(stream: Stream, request: Mapping[str, Any]) -> str:
    return _text(request, "componentName") if request.get("componentName") else stream.component


def _key_path(request: Mapping[str, Any]) -> tuple[str, ...]:
    path = request.get("keyPath") or []
    if not isinstance(path, list) or not all(isinstance(key, str) for key in path):
        raise RpcError("ServiceError", "keyPath must be a list of texts.")
    return tuple(path)
