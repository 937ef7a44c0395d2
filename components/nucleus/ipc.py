"""The nucleus's Unix socket: connections that prove who they are, requests, answers and events."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from components.nucleus.errors import DropConnectionError, RpcError
from components.nucleus.limits import Limits
from components.nucleus.wire import Decoder, Flags, Frame, FrameTooLargeError, MessageType, WireError, encode

log = logging.getLogger(__name__)

_SERVICE = "aws.greengrass#"
_VERSION = "0.1.0"
# A client that does not read for so long that this much waits for it is cut off; it must not fill the memory.
_MAX_UNREAD_BYTES = 4_000_000
_REFUSAL_S = 0.2


class Permissions(Protocol):
    """What a client may do."""

    def allows(self, service: str, operation: str, resource: str) -> bool:
        """Whether ``operation`` of ``service`` may be done on ``resource``."""


class Stream:
    """One open request of a client; events of a subscription go out on it."""

    def __init__(self, connection: "Connection", stream_id: int) -> None:
        self._connection = connection
        self._id = stream_id
        self.on_close: Callable[[], None] | None = None

    @property
    def component(self) -> str:
        """Whose stream this is."""
        return self._connection.component

    @property
    def permissions(self) -> Permissions:
        """What its component may do."""
        return self._connection.permissions

    def send(self, model: str, body: bytes, *, last: bool = False) -> None:
        """Send the shape ``model`` (without its namespace), already in JSON; ``last`` answers the request for good."""
        headers = {":content-type": "application/json", "service-model-type": _SERVICE + model}
        self._connection.send(Frame(MessageType.APPLICATION_MESSAGE, self._id, body, headers), last=last)

    def refuse(self, error: RpcError) -> None:
        """Answer with ``error``; the stream ends."""
        body = json.dumps({"_message": error.message, "message": error.message, "_errorCode": error.kind}).encode()
        headers = {":content-type": "application/json", "service-model-type": _SERVICE + error.kind}
        frame = Frame(MessageType.APPLICATION_ERROR, self._id, body, headers, Flags.TERMINATE_STREAM)
        self._connection.send(frame)

    def closed(self) -> None:
        """The client closed the stream, or its connection ended."""
        if self.on_close is not None:
            self.on_close()


Operation = Callable[[Stream, dict[str, Any]], None]
Authenticate = Callable[[str], tuple[str, Permissions] | None]


class Connection(asyncio.Protocol):
    """One client's connection, from its connect message on."""

    component: str
    permissions: Permissions

    def __init__(
        self,
        limits: Limits,
        authenticate: Authenticate,
        operations: Mapping[str, Operation],
        open_transports: set[asyncio.Transport],
    ) -> None:
        self._limits = limits
        self._authenticate = authenticate
        self._operations = operations
        self._decoder = Decoder(limits.max_frame_bytes)
        self._open = open_transports
        self._streams: dict[int, Stream] = {}
        self._known = self._refused = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a stream server makes no other
        self._transport = transport
        self._open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what was open on this connection."""
        self._open.discard(self._transport)
        for stream in self._streams.values():
            stream.closed()
        self._streams.clear()

    def data_received(self, data: bytes) -> None:
        """Answer every whole frame; anything that is no frame closes the connection, as the real nuclei do."""
        self._decoder.receive(data)
        try:
            while (
                not (self._refused or self._transport.is_closing())
                and (frame := self._decoder.next_frame()) is not None
            ):
                self._handle(frame)
        except (WireError, DropConnectionError) as error:
            log.warning("Closing the connection of %s: %s", getattr(self, "component", "an unknown client"), error)
            self._transport.close()

    def send(self, frame: Frame, *, last: bool = False) -> None:
        """Write one frame; raises FrameTooLargeError where the nucleus could not."""
        if last and self._limits.ends_answered_streams:
            frame = replace(frame, flags=Flags.TERMINATE_STREAM)
        data = encode(frame)
        if len(data) > self._limits.max_frame_bytes:
            raise FrameTooLargeError(f"An IPC frame of {len(data)} bytes is too large to send.")
        if self._transport.get_write_buffer_size() > _MAX_UNREAD_BYTES:
            log.warning("Closing the connection of %s: it does not read what it subscribed to.", self.component)
            self._transport.abort()
        elif not self._transport.is_closing():
            self._transport.write(data)

    def _handle(self, frame: Frame) -> None:
        if not self._known:
            self._connect(frame)
        elif frame.type is MessageType.PING:
            self.send(Frame(MessageType.PING_RESPONSE, 0, frame.payload))
        elif frame.stream_id == 0:
            raise WireError(f"A {frame.type.name} message is not expected on the connection itself.")
        elif frame.flags & Flags.TERMINATE_STREAM:
            self._close_stream(frame.stream_id)
        else:
            self._request(frame)

    def _connect(self, frame: Frame) -> None:
        found = None
        if frame.type is MessageType.CONNECT and frame.headers.get(":version") == _VERSION:
            token = _json_object(frame.payload).get("authToken")
            found = self._authenticate(token) if isinstance(token, str) else None
        if found is None:
            self._refuse()
            return
        self.component, self.permissions = found
        self._known = True
        self.send(Frame(MessageType.CONNECT_ACK, flags=Flags.CONNECTION_ACCEPTED))

    def _refuse(self) -> None:
        self._refused = True
        log.warning("A client without a valid token was refused.")
        self.send(Frame(MessageType.CONNECT_ACK))
        # At once, the end of the connection would overtake the refusal, and the client could not tell why.
        self._transport.pause_reading()
        asyncio.get_running_loop().call_later(_REFUSAL_S, self._transport.close)

    def _request(self, frame: Frame) -> None:
        name = str(frame.headers.get("operation", "")).removeprefix(_SERVICE)
        stream = self._streams[frame.stream_id] = Stream(self, frame.stream_id)
        try:
            operation = self._operations.get(name)
            if operation is None:
                raise RpcError("ServiceError", f"The operation {name or '(none)'} is not known to this nucleus.")
            operation(stream, _json_object(frame.payload))
        except RpcError as error:
            self._streams.pop(frame.stream_id, None)
            stream.refuse(error)
            return
        if stream.on_close is None:
            del self._streams[frame.stream_id]

    def _close_stream(self, stream_id: int) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            stream.closed()


def _json_object(payload: bytes) -> dict[str, Any]:
    try:
        value = json.loads(payload or b"{}")
    except (ValueError, RecursionError) as error:
        raise RpcError("ServiceError", "The request is not JSON.") from error
    if not isinstance(value, dict):
        raise RpcError("ServiceError", "The request is not a JSON object.")
    return value


class Listener:
    """The open socket of a nucleus and the connections that clients made to it."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Transport] = set()

    async def listen(
        self, path: Path, limits: Limits, authenticate: Authenticate, operations: Mapping[str, Operation]
    ) -> None:
        """Serve the socket at ``path``, for this user only; raises OSError where it cannot be made."""
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: Connection(limits, authenticate, operations, self._open), path=str(path)
        )
        path.chmod(0o600)

    async def close(self) -> None:
        """End the socket and every connection."""
        if self._server is not None:
            self._server.close()
        while self._open:
            for transport in self._open:
                transport.abort()
            await asyncio.sleep(0)
