"""The pipe between the component and its web process: a bus over one socket, both ways.

A frame is u16 topic length | u32 payload length | topic | payload, big-endian. The web process holds this socket and
nothing else that reaches the bus, so that it needs none of the component's credentials.
"""

import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator

from components.bus import Handler
from components.core.errors import MessageError, UnavailableError
from components.core.messages import MAX_MESSAGE_BYTES

_HEAD = struct.Struct(">HI")
_MAX_TOPIC_BYTES = 200
_MAX_WAITING = 256


def pack(topic: str, payload: bytes) -> bytes:
    """One frame."""
    name = topic.encode()
    return _HEAD.pack(len(name), len(payload)) + name + payload


def frames(connection: socket.socket) -> Iterator[tuple[str, bytes]]:
    """(topic, payload) until the other end is gone; raises MessageError when what comes is no frame."""
    with connection.makefile("rb") as stream:
        while len(head := stream.read(_HEAD.size)) == _HEAD.size:
            topic_size, size = _HEAD.unpack(head)
            if topic_size > _MAX_TOPIC_BYTES or size > MAX_MESSAGE_BYTES:
                raise MessageError(f"A frame of {topic_size} + {size} bytes on the web process's pipe is too large.")
            body = stream.read(topic_size + size)
            if len(body) < topic_size + size:
                return
            yield body[:topic_size].decode(), body[topic_size:]


class PipeWriter:
    """Sends frames without ever blocking the caller: what the other end is too slow for is dropped, oldest first."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting: deque[bytes] = deque(maxlen=_MAX_WAITING)
        self._changed = threading.Condition()
        self._closed = False
        threading.Thread(target=self._run, name="pipe-writer", daemon=True).start()

    def send(self, topic: str, payload: bytes) -> None:
        """Queue one frame; raises UnavailableError when the other end is gone."""
        with self._changed:
            if self._closed:
                raise UnavailableError("The other end of the web process's pipe is gone.")
            self._waiting.append(pack(topic, payload))
            self._changed.notify()

    def close(self) -> None:
        """Stop sending."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while (frame := self._next()) is not None:
            try:
                self._connection.sendall(frame)
            except OSError:
                self.close()

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else self._waiting.popleft()


class PipeBus:
    """The bus as the web process sees it: publishes to the component, which judges what may pass."""

    def __init__(self, connection: socket.socket, on_end: Callable[[], None]) -> None:
        self._connection = connection
        self._writer = PipeWriter(connection)
        self._handlers: dict[str, list[Handler]] = defaultdict(list)
        self._on_end = on_end

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand ``payload`` to the component; raises UnavailableError when it is gone."""
        self._writer.send(topic, payload)

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Call ``handler(payload)`` for every message on ``topic``; to be called before ``start``."""
        self._handlers[topic].append(handler)

    def start(self) -> None:
        """Begin to deliver, on a thread; ``on_end`` is called once the component is gone."""
        threading.Thread(target=self._run, name="pipe-reader", daemon=True).start()

    def _run(self) -> None:
        try:
            for topic, payload in frames(self._connection):
                for handler in self._handlers[topic]:
                    handler(payload)
        except OSError:
            pass
        finally:
            self._writer.close()
            self._on_end()
