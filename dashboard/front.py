"""What stands before the app in the server: bodies are read whole and bounded, and a client's leaving is noticed.

A view runs on a thread of a bounded pool. So nothing slow may happen there: a client that sends its body byte by byte
waits here, where it costs no thread, and an event stream whose client has left learns of it here, because writing to a
closed connection raises nothing.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_BODY_DEADLINE_S = 20.0
_UPLOADS_AT_A_TIME = 8
_DRAINED_BYTES = 64 * 1024 * 1024


class Front:
    """An ASGI app around ``app``. A refusal is left to ``app`` as ``scope["lookalike.refusal"]``, the HTTP status."""

    def __init__(self, app: AsgiApp, max_body_bytes: int, on_leave: Callable[[], None]) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._on_leave = on_leave
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        body = await self._body(scope, receive)
        if not scope.get("query_string", b"").isascii():
            # No WSGI environment could be made of it, so no answer with our headers.
            scope["query_string"], scope["lookalike.refusal"] = b"", 400
        gone = threading.Event()
        scope["lookalike.gone"] = gone.is_set
        watcher = asyncio.ensure_future(self._watch(receive, gone))
        try:
            await self._app(scope, _replay(body), send)
        finally:
            watcher.cancel()

    async def _watch(self, receive: Receive, gone: threading.Event) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()
        self._on_leave()

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        if not _has_body(scope):
            return b""
        if self._uploads >= _UPLOADS_AT_A_TIME:
            scope["lookalike.refusal"] = 503
            return b""
        self._uploads += 1
        try:
            return await asyncio.wait_for(self._read(scope, receive), _BODY_DEADLINE_S)
        except asyncio.TimeoutError:
            scope["lookalike.refusal"] = 408
            return b""
        finally:
            self._uploads -= 1

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """The body; one that is too large is read on without being kept, so that its sender hears the answer."""
        kept, total, more = bytearray(), 0, _announced(scope) <= _DRAINED_BYTES
        while more and total <= _DRAINED_BYTES:
            message = await receive()
            part = message.get("body", b"")
            total += len(part)
            if total <= self._max_body_bytes:
                kept += part
            more = message.get("more_body", False)
        if max(total, _announced(scope)) > self._max_body_bytes:
            scope["lookalike.refusal"] = 413
            return b""
        return bytes(kept)


def _header(scope: Scope, name: bytes) -> bytes:
    return next((bytes(value) for key, value in scope["headers"] if key == name), b"")


def _announced(scope: Scope) -> int:
    text = _header(scope, b"content-length")
    return int(text) if text.isdigit() else 0


def _has_body(scope: Scope) -> bool:
    return _announced(scope) > 0 or bool(_header(scope, b"transfer-encoding"))


def _replay(body: bytes) -> Receive:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
