"""A real HTTP server that looks like S3 from outside, and lies.

``honest`` answers a GET as S3 does: Range, If-Match, ETag. Each of ``LIES`` answers in another way; ``HOLES`` do not
answer at all. The server counts what it sends.
"""

import contextlib
import gzip
import hashlib
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

BUCKET = "lookalike-lies"
_PIECE = 64 * 1024
_DRIP_S = 0.1


class Hidden(Exception):
    """The client has gone away, or the server stops."""


@dataclass
class Request:
    """One GET, and the connection on which it is answered."""

    connection: socket.socket
    path: str
    headers: Mapping[str, str]
    data: bytes
    """What lies at the path."""
    server: "LyingServer"

    @property
    def etag(self) -> str:
        return '"' + hashlib.md5(self.data).hexdigest() + '"'

    @property
    def offset(self) -> int:
        """Where the answer shall begin."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else 0

    def send(self, data: bytes) -> None:
        """As much as the client takes."""
        view = memoryview(data)
        while view:
            if self.server.stopped.is_set():
                raise Hidden
            sent = self.connection.send(view[:_PIECE])
            self.server.sent += sent
            view = view[sent:]

    def head(self, status: str, **headers: object) -> None:
        """The status line and headers; an underscore in a name is a hyphen."""
        lines = [
            f"HTTP/1.1 {status}",
            "Connection: close",
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        ]
        self.connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def part(self, offset: int, data: bytes | None = None, *, said: int | None = None, etag: str = "") -> None:
        """The bytes from ``offset`` on, as an answer to a request for a range."""
        whole = self.data if data is None else data
        said = offset if said is None else said
        self.head(
            "206 Partial Content",
            Content_Length=len(whole) - offset,
            Content_Range=f"bytes {said}-{said + len(whole) - offset - 1}/{len(whole)}",
            ETag=etag or self.etag,
        )
        self.send(whole[offset:])

    def whole(self, data: bytes | None = None, **headers: object) -> None:
        """All bytes."""
        data = self.data if data is None else data
        self.head("200 OK", **{"Content_Length": len(data), "ETag": self.etag, **headers})
        self.send(data)

    def error(self, status: str, body: bytes, **headers: object) -> None:
        """An error as S3 tells it."""
        self.head(status, Content_Length=len(body), Content_Type="application/xml", **headers)
        self.send(body)


Answer = Callable[[Request], None]


def honest(request: Request) -> None:
    """What S3 answers."""
    if request.path not in request.server.files:
        request.error("404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>")
    elif request.headers.get("if-match", request.etag) != request.etag:
        request.error("412 Precondition Failed", b"<Error><Code>PreconditionFailed</Code></Error>")
    elif "range" not in request.headers:
        request.whole()
    elif request.offset >= len(request.data):
        request.error("416 Range Not Satisfiable", b"<Error><Code>InvalidRange</Code></Error>")
    else:
        request.part(request.offset)


def _wrong_range(request: Request) -> None:
    request.part(max(0, request.offset - 7))


def _other_bytes(request: Request) -> None:
    request.part(request.offset, request.data[::-1]) if "range" in request.headers else request.whole(
        request.data[::-1]
    )


def _no_range(request: Request) -> None:
    request.head("206 Partial Content", Content_Length=len(request.data) - request.offset, ETag=request.etag)
    request.send(request.data[request.offset :])


def _truncated(request: Request) -> None:
    request.head("200 OK", Content_Length=len(request.data), ETag=request.etag)
    request.send(request.data[: len(request.data) // 2])


def _too_long(request: Request) -> None:
    request.head("200 OK", Content_Length=len(request.data), ETag=request.etag)
    request.send(request.data + b"more" * 1_000)


def _gzip(request: Request) -> None:
    request.whole(gzip.compress(request.data), Content_Encoding="gzip")


def _slow(request: Request) -> None:
    request.head("200 OK", Content_Length=len(request.data), ETag=request.etag)
    _drip(request, request.data)


def _endless(request: Request) -> None:
    request.head("200 OK", Transfer_Encoding="chunked", ETag=request.etag)
    while True:
        request.send(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        time.sleep(0.001)


def _endless_headers(request: Request) -> None:
    request.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        request.send(b"X-More: " + b"x" * 1_000 + b"\r\n")
        time.sleep(0.001)


def _endless_error(request: Request) -> None:
    request.head("500 Internal Server Error", Content_Length=10**12)
    while True:
        request.send(bytes(1_000))
        time.sleep(0.001)


def _endless_continue(request: Request) -> None:
    while True:
        request.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.001)


def _reset(request: Request) -> None:
    request.head("200 OK", Content_Length=len(request.data), ETag=request.etag)
    request.send(request.data[:100])
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _garbage(request: Request) -> None:
    request.send(random.Random(len(request.data)).randbytes(5_000))


def _garbage_headers(request: Request) -> None:
    body = b"Content-Length: -5\r\nContent-Length: \xff\xfe\r\n: nothing\r\nETag\r\n\0\0: \0\r\n\r\n"
    request.send(b"HTTP/1.1 200 OK\r\n" + body + request.data)


def _changed(request: Request) -> None:
    """Another object of the same size, with an ETag of its own, whatever was asked for."""
    other = bytes(255 - byte for byte in request.data)
    request.whole(other, ETag='"' + hashlib.md5(other).hexdigest() + '"')


LIES: dict[str, Answer] = {
    "wrong range": _wrong_range,
    "other bytes": _other_bytes,
    "no Content-Range": _no_range,
    "200 for 206": lambda request: request.whole(),
    "length too small": lambda request: request.whole(request.data[:-10]),
    "length too large": lambda request: request.whole(request.data + b"0123456789"),
    "more than its length": _too_long,
    "truncated": _truncated,
    "gzip": _gzip,
    "slow": _slow,
    "endless": _endless,
    "endless headers": _endless_headers,
    "endless error": _endless_error,
    "another ETag": lambda request: request.whole(ETag='"' + "0" * 32 + '"'),
    "no ETag": lambda request: request.whole(ETag=""),
    "changed meanwhile": _changed,
    "403": lambda request: request.error("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>"),
    "404": lambda request: request.error("404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>"),
    "500": lambda request: request.error("500 Internal Server Error", b"<Error><Code>InternalError</Code></Error>"),
    "503": lambda request: request.error("503 Slow Down", b"<Error><Code>SlowDown</Code></Error>", Retry_After=10**9),
    "redirect": lambda request: request.error("302 Found", b"", Location=request.path),
    "another region": lambda request: request.error("301 Moved", b"", x_amz_bucket_region="../../etc"),
    "empty": lambda request: None,
    "reset": _reset,
    "garbage": _garbage,
    "garbage in the headers": _garbage_headers,
}
"""Name -> how a request is answered."""


def _silent(request: Request) -> None:
    request.server.stopped.wait()


def _silent_in_headers(request: Request) -> None:
    request.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    request.server.stopped.wait()


def _silent_in_body(request: Request) -> None:
    request.head("200 OK", Content_Length=len(request.data), ETag=request.etag)
    request.send(request.data[: len(request.data) // 2])
    request.server.stopped.wait()


HOLES: dict[str, Answer] = {
    "never answers": _silent,
    "stops in the headers": _silent_in_headers,
    "stops in the body": _silent_in_body,
    "never accepts": _silent,
    "drips": _slow,
    "drips headers": lambda request: _drip(request, b"HTTP/1.1 200 OK\r\nX-More: " + b"x" * 10_000),
    "says Continue for ever": _endless_continue,
}
"""Name -> how a request is never answered; who never accepts is ``never_accepting``."""


def _drip(request: Request, data: bytes) -> None:
    for at in range(round(request.server.drips_s / _DRIP_S)):
        request.send(data[at : at + 1])
        if request.server.stopped.wait(_DRIP_S):
            raise Hidden


@dataclass
class LyingServer:
    """Serves ``files`` (path -> bytes) of one bucket; each request takes the next of ``answers``, then honest ones."""

    files: Mapping[str, bytes]
    answers: Iterator[Answer] = field(default_factory=lambda: iter(()))
    drips_s: float = 16.0
    """So long it drips before it breaks off."""
    sent: int = 0
    """Bytes of bodies that went out."""
    asked: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def will(self, answers: Iterable[Answer]) -> None:
        """Answer the next requests so."""
        self.answers = iter(answers)

    @property
    def address(self) -> str:
        """For ``endpoint_url``."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> "LyingServer":
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(0.5)
        # So that what was counted as sent is not more than a little of what has come.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)
        with connection, contextlib.suppress(Hidden, OSError):
            path, headers = _read_request(connection)
            self.asked.append(path)
            request = Request(connection, path, headers, self.files.get(path, b""), self)
            next(self.answers, honest)(request)


@contextlib.contextmanager
def never_accepting() -> Iterator[str]:
    """The address of a server whose queue is full for ever: the kernel does not even complete the handshake."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _read_request(connection: socket.socket) -> tuple[str, dict[str, str]]:
    """The path in the bucket and the headers, in lower case."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (part := connection.recv(65_536)):
            raise Hidden
        data += part
    first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    path = first.split(" ")[1].partition("?")[0]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return path.removeprefix(f"/{BUCKET}/"), headers


def cut_at(lengths: Iterable[int]) -> Iterator[Answer]:
    """Honest answers that break off after so many bytes each, now by an end of the stream, now by a reset."""
    for number, length in enumerate(lengths):
        yield lambda request, length=length, number=number: _cut(request, length, number % 2 == 1)  # type: ignore[misc]


def _cut(request: Request, length: int, by_reset: bool) -> None:
    whole = request.data
    offset = request.offset
    if "range" in request.headers:
        request.head(
            "206 Partial Content",
            Content_Length=len(whole) - offset,
            Content_Range=f"bytes {offset}-{len(whole) - 1}/{len(whole)}",
            ETag=request.etag,
        )
    else:
        request.head("200 OK", Content_Length=len(whole), ETag=request.etag)
    request.send(whole[offset : offset + length])
    if by_reset:
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
