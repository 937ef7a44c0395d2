"""The bus of a Greengrass core device: the only module that knows awsiot.

It survives everything that the nucleus does: when the nucleus goes away it connects again, with growing pauses, and
subscribes to everything anew. One of the nuclei drops subscriptions without a word; so a subscription on which nothing
came for a while is made again.
"""

import concurrent.futures
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup, SocketDomain, SocketOptions  # type: ignore[import-untyped]
from awsiot.eventstreamrpc import Connection, LifecycleHandler, MessageAmendment  # type: ignore[import-untyped]
from awsiot.greengrasscoreipc import model  # type: ignore[import-untyped]
from awsiot.greengrasscoreipc.client import GreengrassCoreIPCClient  # type: ignore[import-untyped]
from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2  # type: ignore[import-untyped]

from components.bus import Handler
from components.core.errors import MessageError, UnavailableError
from components.core.messages import MAX_MESSAGE_BYTES

_log = logging.getLogger(__name__)

SOCKET_VARIABLE = "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"
TOKEN_VARIABLE = "SVCUID"  # noqa: S105  # the variable's name

_ANSWER_S = 5.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
# A connection that ends sooner than this counts as a failure: the next pause grows.
_STEADY_S = 5.0
_MAX_WAITING = 1_000

_Answer = concurrent.futures.Future[Any]


@dataclass(eq=False)
class _Subscription:
    """What somebody wants to hear; ``stream`` numbers the newest stream of it that answered, 0 is none."""

    name: str
    subscribe: Callable[[GreengrassCoreIPCClientV2, dict[str, Any]], tuple[_Answer, Any]]
    handlers: list[Callable[[Any], None]] = field(default_factory=list)
    stream: int = 0
    operation: Any = None
    heard_at: float = 0.0
    refused: bool = False
    ready: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False)
class _Link:
    """One connection to the nucleus."""

    client: GreengrassCoreIPCClientV2
    lost: threading.Event


class _Lifecycle(LifecycleHandler):  # type: ignore[misc]  # awsiot has no types
    def __init__(self, lost: threading.Event, wake: threading.Event) -> None:
        self._lost, self._wake = lost, wake

    def on_disconnect(self, reason: Exception | None) -> None:
        """Called once, on the network thread, after a connection that had been made."""
        self._lost.set()
        self._wake.set()


class GreengrassBus:
    """``Bus`` over the nucleus's IPC; handlers run one after the other on one thread of their own.

    ``refresh_s`` is how long a subscription may be quiet before it is made again; ``poll_s`` is how often the
    configuration is read for changes of which no notice came.
    """

    def __init__(self, socket_path: str, token: str, *, refresh_s: float = 15.0, poll_s: float = 30.0) -> None:
        self._socket_path, self._token = socket_path, token
        self._refresh_s, self._poll_s = refresh_s, poll_s
        group = EventLoopGroup(num_threads=1)
        self._bootstrap = ClientBootstrap(group, DefaultHostResolver(group))
        self._link: _Link | None = None
        self._problem = "it has not answered yet"
        self._lock = threading.Lock()
        self._subscriptions: dict[str, _Subscription] = {}
        self._streams = 0
        self._seen: dict[str, Any] | None = None
        self._listeners: list[Callable[[dict[str, Any]], None]] = []
        self._polled_at = time.monotonic()
        self._closing, self._wake, self._linked = threading.Event(), threading.Event(), threading.Event()
        self._deliveries: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._deliver, name="bus-handlers", daemon=True),
            threading.Thread(target=self._keep, name="bus-keeper", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "GreengrassBus":
        """The bus of the nucleus that started this process; raises UnavailableError where none did."""
        missing = [name for name in (SOCKET_VARIABLE, TOKEN_VARIABLE) if not environment.get(name)]
        if missing:
            raise UnavailableError(
                f"This program was not started by a Greengrass nucleus ({' and '.join(missing)} not set): deploy it as "
                "a component, or run it on a laptop with python -m components.nucleus."
            )
        return cls(environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE])

    @property
    def problem(self) -> str:
        """Why the bus is away now, in words; "" while it is there and every subscription stands."""
        if self._link is None:
            return f"the nucleus is away: {self._problem}"
        refused = [s.name for s in list(self._subscriptions.values()) if s.refused]
        return f"the nucleus refuses to subscribe to {', '.join(refused)}" if refused else ""

    def wait_until_connected(self, timeout_s: float = 10.0) -> bool:
        """Wait until the nucleus answered; False where it did not in time."""
        return self._linked.wait(timeout_s)

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand ``payload`` to the nucleus; returns when it took it.

        Raises UnavailableError while the nucleus is away or where it refuses, MessageError above 7,000 bytes.
        """
        _check_size(topic, payload)
        message = model.PublishMessage(binary_message=model.BinaryMessage(message=payload))
        request = model.PublishToTopicRequest(topic=topic, publish_message=message)
        self._ask(f"publish on {topic}", GreengrassCoreIPCClient.new_publish_to_topic, request)

    def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Hand ``payload`` to the nucleus for AWS IoT Core; that it took it does not say that it arrived.

        Raises UnavailableError while the nucleus or, with one of the nuclei, the network is away, MessageError above
        7,000 bytes.
        """
        _check_size(topic, payload)
        request = model.PublishToIoTCoreRequest(topic_name=topic, qos=str(qos), payload=payload)
        self._ask(f"publish to IoT Core on {topic}", GreengrassCoreIPCClient.new_publish_to_iot_core, request)

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Call ``handler(payload)`` for every message on ``topic``, on the bus's own thread, where it may publish.

        While the nucleus is away this returns at once and the subscription is made when it comes back; otherwise it
        waits until the nucleus answered.
        """

        def start(client: GreengrassCoreIPCClientV2, callbacks: dict[str, Any]) -> tuple[_Answer, Any]:
            answer, operation = client.subscribe_to_topic_async(topic=topic, **callbacks)
            return answer, operation

        self._add(topic, start, lambda event: handler(_payload(event)))

    def configuration(self) -> dict[str, Any]:
        """The component's own configuration, without its permissions.

        Waits a while for the nucleus; raises UnavailableError where it stays away.
        """
        self.wait_until_connected()
        request = model.GetConfigurationRequest(key_path=[])
        answer = self._ask("read the configuration", GreengrassCoreIPCClient.new_get_configuration, request)
        settings = {key: value for key, value in (answer.value or {}).items() if key != "accessControl"}
        with self._lock:
            self._seen = settings
        return dict(settings)

    def on_configuration_change(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Call ``callback(configuration)``, on the bus's own thread, whenever it is not what was read last.

        One nucleus restarts a component instead, and a notice can be lost: so it is also read every ``poll_s``.
        """

        def start(client: GreengrassCoreIPCClientV2, callbacks: dict[str, Any]) -> tuple[_Answer, Any]:
            answer, operation = client.subscribe_to_configuration_update_async(key_path=[], **callbacks)
            return answer, operation

        self._listeners.append(callback)
        if len(self._listeners) == 1:
            self._add("its configuration", start, lambda _: self._compare())

    def update_state(self, state: str) -> None:
        """Tell the nucleus RUNNING or ERRORED; raises UnavailableError while it is away."""
        request = model.UpdateStateRequest(state=state)
        self._ask("report the state", GreengrassCoreIPCClient.new_update_state, request)

    def close(self) -> None:
        """End the connection and the bus's threads; nothing is delivered afterwards."""
        self._closing.set()
        self._wake.set()
        self._deliveries.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_ANSWER_S)

    def _ask(self, what: str, operation: Callable[[GreengrassCoreIPCClient], Any], request: Any) -> Any:
        link = self._link
        if link is None:
            raise UnavailableError(f"Could not {what}: the nucleus is away ({self._problem}).")
        try:
            return _request(operation(link.client.client), request)
        except concurrent.futures.TimeoutError as error:
            # A nucleus that does not answer is as good as gone: begin anew.
            link.client.client.close()
            raise UnavailableError(f"Could not {what}: the nucleus did not answer in {_ANSWER_S:g} s.") from error
        except Exception as error:  # awsiot raises what it likes
            raise UnavailableError(f"Could not {what}: {_describe(error)}.") from error

    # -- the handlers' thread ----------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        while (deliver := self._deliveries.get()) is not None and not self._closing.is_set():
            try:
                deliver()
            except Exception:  # noqa: BLE001  # a handler's fault must not end the bus
                _log.exception("A handler of the bus failed; the message is lost.")

    def _hear(self, subscription: _Subscription, stream: int, event: Any) -> None:
        """On the network thread: pass one event on, unless its stream was replaced."""
        if stream < subscription.stream:
            return
        subscription.stream, subscription.heard_at = stream, time.monotonic()
        if self._deliveries.qsize() >= _MAX_WAITING:
            _log.warning("The bus's handlers are too slow: a message on %s is lost.", subscription.name)
            return
        for handler in subscription.handlers:
            self._deliveries.put(lambda handler=handler: handler(event))  # type: ignore[misc]  # bound now

    def _compare(self) -> None:
        with self._lock:
            before = self._seen
        try:
            settings = self.configuration()
        except UnavailableError as error:
            _log.info("%s", error)
            return
        if before is not None and settings != before:
            for listener in self._listeners:
                listener(dict(settings))

    # -- the keeper's thread -----------------------------------------------------------------------------------------

    def _keep(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._closing.is_set():
            began = time.monotonic()
            link = self._connect()
            if link is not None:
                self._tend(link)
                self._drop(link)
            steady = link is not None and time.monotonic() - began >= _STEADY_S
            pause = _FIRST_PAUSE_S if steady else min(pause * 2, _LONGEST_PAUSE_S)
            self._closing.wait(pause)

    def _connect(self) -> _Link | None:
        options = SocketOptions()
        options.domain = SocketDomain.Local
        connection = Connection(
            host_name=self._socket_path,
            port=0,
            bootstrap=self._bootstrap,
            socket_options=options,
            connect_message_amender=MessageAmendment.create_static_authtoken_amender(self._token),
        )
        lost = threading.Event()
        try:
            connection.connect(_Lifecycle(lost, self._wake)).result(_ANSWER_S)
        except Exception as error:  # noqa: BLE001  # awsiot raises what it likes
            connection.close()
            self._say_away(_describe(error))
            return None
        # No executor: awsiot would start a pool of threads, and deliver out of order.
        return _Link(GreengrassCoreIPCClientV2(GreengrassCoreIPCClient(connection), executor=None), lost)

    def _tend(self, link: _Link) -> None:
        _log.info("Connected to the nucleus.")
        self._link, self._problem = link, ""
        self._linked.set()
        while not (self._closing.is_set() or link.lost.is_set()):
            self._wake.clear()
            for subscription in list(self._subscriptions.values()):
                if not link.lost.is_set() and self._is_due(subscription):
                    self._subscribe(link, subscription)
            self._poll()
            self._wake.wait(min(1.0, self._refresh_s / 2))

    def _drop(self, link: _Link) -> None:
        self._link = None
        self._linked.clear()
        for subscription in list(self._subscriptions.values()):
            subscription.operation = None
        if not self._closing.is_set():
            self._say_away("the connection ended")
        link.client.client.close()

    def _say_away(self, problem: str) -> None:
        if problem != self._problem:
            _log.warning("The nucleus is away (%s); connecting again until it is back.", problem)
        self._problem = problem

    def _is_due(self, subscription: _Subscription) -> bool:
        quiet_s = time.monotonic() - subscription.heard_at
        if subscription.operation is None:
            return not subscription.refused or quiet_s >= _LONGEST_PAUSE_S
        return quiet_s >= self._refresh_s

    def _poll(self) -> None:
        if self._listeners and time.monotonic() - self._polled_at >= self._poll_s:
            self._polled_at = time.monotonic()
            self._deliveries.put(self._compare)

    def _add(self, name: str, start: Callable[..., tuple[_Answer, Any]], handler: Callable[[Any], None]) -> None:
        with self._lock:
            subscription = self._subscriptions.setdefault(name, _Subscription(name, start))
            subscription.handlers.append(handler)
        self._wake.set()
        if self._link is not None and threading.current_thread() not in self._threads:
            subscription.ready.wait(_ANSWER_S)

    def _subscribe(self, link: _Link, subscription: _Subscription) -> None:
        """Make a stream for ``subscription`` and then close the one that it replaces, so that nothing is missed."""
        self._streams += 1
        stream, before = self._streams, subscription.operation
        subscription.heard_at = time.monotonic()
        callbacks = {
            "on_stream_event": lambda event: self._hear(subscription, stream, event),
            "on_stream_error": lambda error: True,
            "on_stream_closed": lambda: self._stream_closed(subscription, stream),
        }
        try:
            answer, operation = subscription.subscribe(link.client, callbacks)
            answer.add_done_callback(lambda done: self._answered(subscription, stream, done))
            answer.result(_ANSWER_S)
        except Exception as error:  # noqa: BLE001  # awsiot raises what it likes
            if not subscription.refused:
                _log.warning("Could not subscribe to %s: %s; trying again.", subscription.name, _describe(error))
            subscription.refused = not link.lost.is_set()
            subscription.ready.set()
            return
        subscription.operation, subscription.refused = operation, False
        subscription.ready.set()
        if before is not None:
            before.close()

    def _answered(self, subscription: _Subscription, stream: int, done: _Answer) -> None:
        if done.exception() is None:
            subscription.stream = max(subscription.stream, stream)

    def _stream_closed(self, subscription: _Subscription, stream: int) -> None:
        if stream == subscription.stream:
            subscription.operation = None
            self._wake.set()


def _request(operation: Any, request: Any) -> Any:
    answer: _Answer = operation.get_response()

    def written(done: _Answer) -> None:
        error = done.exception()
        if error is not None and not answer.done():
            answer.set_exception(error)

    try:
        operation.activate(request).add_done_callback(written)
        return answer.result(_ANSWER_S)
    finally:
        # One nucleus leaves the stream of an answered request open; unclosed, each would cost 5 KB for ever.
        operation.close()


def _check_size(topic: str, payload: bytes) -> None:
    # One nucleus answers a larger one by closing the connection, with everything that stands on it.
    if len(payload) > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"A message of {len(payload)} bytes on {topic} is too large; at most {MAX_MESSAGE_BYTES} may travel."
        )


def _payload(event: Any) -> bytes:
    if event.binary_message is not None:
        return bytes(event.binary_message.message or b"")
    return json.dumps(event.json_message.message if event.json_message is not None else None).encode()


def _describe(error: BaseException) -> str:
    text = getattr(error, "message", None) or str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
