"""One connection to the nucleus, over the vendor's client."""

import concurrent.futures
import json
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup, SocketDomain, SocketOptions  # type: ignore[import-untyped]
from awsiot.eventstreamrpc import Connection, LifecycleHandler, MessageAmendment, StreamResponseHandler  # type: ignore[import-untyped]
from awsiot.greengrasscoreipc import model  # type: ignore[import-untyped]
from awsiot.greengrasscoreipc.client import GreengrassCoreIPCClient  # type: ignore[import-untyped]

from components.core.errors import UnavailableError

ANSWER_S = 5.0
# A connection that ends leaves some questions unanswered for ever.
_GLANCE_S = 0.1

_Answer = concurrent.futures.Future[Any]


class Listener(Protocol):
    """Who is told what happens to a subscription; on the network's thread, so it must return at once."""

    def answered(self) -> None:
        """The nucleus has taken the subscription; what it sends comes after this."""

    def heard(self, payload: bytes) -> None:
        """A message came."""

    def closed(self) -> None:
        """The subscription is over, whoever ended it."""


class RefusedError(UnavailableError):
    """The nucleus answered, and the answer is no."""


Close = Callable[[], None]
Subscribe = Callable[["Link", Listener], Close]
"""Makes a subscription on a link and gives what ends it; raises RefusedError, or UnavailableError: the link is over."""


class Connector:
    """Connects to the nucleus at ``socket_path`` that knows this component by ``token``."""

    def __init__(self, socket_path: str, token: str) -> None:
        self._socket_path, self._token = socket_path, token
        group = EventLoopGroup(num_threads=1)
        self._bootstrap = ClientBootstrap(group, DefaultHostResolver(group))

    def connect(self, on_lost: Callable[[], None]) -> "Link":
        """A new connection; ``on_lost`` is called when it ends. Raises UnavailableError that says why there is none."""
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
            connection.connect(_Lifecycle(lost, on_lost)).result(ANSWER_S)
        except Exception as error:  # awsiot raises what it likes
            connection.close()
            raise UnavailableError(_describe(error)) from error
        return Link(connection, lost)


class Link:
    """A connection that was made; whatever is asked of it raises UnavailableError where it cannot be had."""

    def __init__(self, connection: Connection, lost: threading.Event) -> None:
        self._client = GreengrassCoreIPCClient(connection)
        self.lost = lost
        """Set once the connection has ended, or was given up."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand ``payload`` to the nucleus for the components of this device."""
        message = model.PublishMessage(binary_message=model.BinaryMessage(message=payload))
        request = model.PublishToTopicRequest(topic=topic, publish_message=message)
        self._ask(f"publish on {topic}", self._client.new_publish_to_topic, request)

    def publish_to_iot_core(self, topic: str, payload: bytes, qos: int) -> None:
        """Hand ``payload`` to the nucleus for AWS IoT Core."""
        request = model.PublishToIoTCoreRequest(topic_name=topic, qos=str(qos), payload=payload)
        self._ask(f"publish to IoT Core on {topic}", self._client.new_publish_to_iot_core, request)

    def configuration(self) -> dict[str, Any]:
        """The component's own configuration, its permissions among it."""
        request = model.GetConfigurationRequest(key_path=[])
        answer = self._ask("read the configuration", self._client.new_get_configuration, request)
        return dict(answer.value or {})

    def subscribe(self, topic: str, listener: Listener) -> Close:
        """Have ``listener`` hear the messages on ``topic``; gives what ends that."""
        return self._open(listener, self._client.new_subscribe_to_topic, model.SubscribeToTopicRequest(topic=topic))

    def subscribe_to_iot_core(self, topic: str, listener: Listener) -> Close:
        """Have ``listener`` hear the messages of AWS IoT Core on ``topic``; gives what ends that."""
        request = model.SubscribeToIoTCoreRequest(topic_name=topic, qos=model.QOS.AT_LEAST_ONCE)
        return self._open(listener, self._client.new_subscribe_to_iot_core, request, waits_for_network=True)

    def subscribe_to_configuration(self, listener: Listener) -> Close:
        """Have ``listener`` hear of changes of the component's own configuration, without what changed."""
        request = model.SubscribeToConfigurationUpdateRequest(key_path=[])
        return self._open(listener, self._client.new_subscribe_to_configuration_update, request)

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _wait_for(self, answer: _Answer) -> None:
        deadline = time.monotonic() + ANSWER_S
        while not answer.done():
            if self.lost.is_set():
                raise UnavailableError("the connection ended")
            if time.monotonic() >= deadline:
                raise UnavailableError(f"the nucleus did not answer in {ANSWER_S:g} s")
            concurrent.futures.wait((answer,), _GLANCE_S)
        answer.result()

    def _give_up(self) -> None:
        """A nucleus that does not answer is as good as gone: begin anew, and do not call it a refusal."""
        self.lost.set()
        self.close()

    def _ask(self, what: str, start: Callable[[], Any], request: Any) -> Any:
        try:
            return _request(start(), request)
        except concurrent.futures.TimeoutError as error:
            self._give_up()
            raise UnavailableError(f"Could not {what}: the nucleus did not answer in {ANSWER_S:g} s.") from error
        except Exception as error:  # awsiot raises what it likes
            raise UnavailableError(f"Could not {what}: {_describe(error)}.") from error

    def _open(
        self,
        listener: Listener,
        start: Callable[[StreamResponseHandler], Any],
        request: Any,
        *,
        waits_for_network: bool = False,
    ) -> Close:
        def answered(answer: _Answer) -> None:
            if answer.exception() is None:
                listener.answered()

        try:
            operation = start(_Events(listener))
            # Before it is asked: afterwards this might be called on our own thread, behind the first messages.
            operation.get_response().add_done_callback(answered)
            self._wait_for(_activate(operation, request))
        except model.GreengrassCoreIPCError as error:
            raise RefusedError(_describe(error)) from error
        except UnavailableError as error:
            if waits_for_network and not self.lost.is_set():  # the nucleus may be well, and the cloud out of reach
                operation.close()
                raise RefusedError(str(error)) from error
            self._give_up()
            raise
        except Exception as error:  # awsiot raises what it likes
            self._give_up()
            raise UnavailableError(_describe(error)) from error
        close: Close = operation.close
        return close


class _Lifecycle(LifecycleHandler):  # type: ignore[misc]  # awsiot has no types
    def __init__(self, lost: threading.Event, on_lost: Callable[[], None]) -> None:
        self._lost, self._on_lost = lost, on_lost

    def on_disconnect(self, reason: Exception | None) -> None:
        """Called once, on the network thread, after a connection that had been made."""
        self._lost.set()
        self._on_lost()


class _Events(StreamResponseHandler):  # type: ignore[misc]  # awsiot has no types
    """Passes what comes on a stream on to its listener; an error on it closes it."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def on_stream_event(self, event: Any) -> None:
        self._listener.heard(_payload(event))

    def on_stream_closed(self) -> None:
        self._listener.closed()


def _request(operation: Any, request: Any) -> Any:
    try:
        return _activate(operation, request).result(ANSWER_S)
    finally:
        # One nucleus leaves the stream of an answered request open; unclosed, each would cost 5 KB for ever.
        operation.close()


def _activate(operation: Any, request: Any) -> _Answer:
    """Send the request; gives what the nucleus answers, or why it could not even be asked."""
    answer: _Answer = operation.get_response()

    def written(done: _Answer) -> None:
        error = done.exception()
        if error is not None and not answer.done():
            answer.set_exception(error)

    operation.activate(request).add_done_callback(written)
    return answer


def _payload(event: Any) -> bytes:
    """What a message carries; nothing for an event that is none."""
    if getattr(event, "binary_message", None) is not None:
        return bytes(event.binary_message.message or b"")
    if isinstance(event, model.IoTCoreMessage):
        return bytes(event.message.payload or b"") if event.message is not None else b""
    message = getattr(event, "json_message", None)
    return json.dumps(None if message is None else message.message).encode()


def _describe(error: BaseException) -> str:
    text = getattr(error, "message", None) or str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
