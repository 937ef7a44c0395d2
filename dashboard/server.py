"""The HTTP server: granian, embedded, with the Flask app on a pool of threads."""

import asyncio
import errno
import logging
from collections.abc import Callable
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from components.core.errors import UnavailableError
from components.ports import port_fault
from dashboard.app import MAX_BODY_BYTES, Parts
from dashboard.events import MAX_STREAMS
from dashboard.front import Front

log = logging.getLogger(__name__)

_THREADS_BESIDE_STREAMS = 24
_STOP_S = 1


def require_free(host: str, port: int) -> None:
    """Raise UnavailableError where another program has the port: the server itself would share it or crash."""
    error = port_fault(host, port)
    if error is not None:
        why = "another program uses it" if error.errno == errno.EADDRINUSE else str(error.strerror).lower()
        raise UnavailableError(
            f"The dashboard cannot listen on port {port} of {host}: {why}; free it or set another 'port'."
        ) from error


def serve(app: Flask, host: str, port: int, on_listening: Callable[[], None]) -> None:
    """Serve until the process ends; raises UnavailableError where the port is taken."""
    host = "127.0.0.1" if host == "localhost" else host
    require_free(host, port)
    asyncio.run(_serve(app, host, port, on_listening))


async def _serve(app: Flask, host: str, port: int, on_listening: Callable[[], None]) -> None:
    parts: Parts = app.extensions["lookalike"]
    # Two sets of type names for one protocol: a2wsgi's and everybody else's.
    wsgi = cast(Any, WSGIMiddleware)(app.wsgi_app, workers=MAX_STREAMS + _THREADS_BESIDE_STREAMS)
    server = Server(
        Front(wsgi, MAX_BODY_BYTES, parts.live.wake),
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=64 * 1024),
        websockets=False,
        backlog=512,
        backpressure=1024,
        log_level=LogLevels.error,
    )
    server.workers_kill_timeout = _STOP_S
    on_listening()
    await server.serve()
