"""A thousand devices in one process that ask a real HTTP server for a newer index: how many of them come at once.

Each device polls as cloud_sync does, by ``cloud_sync.schedule``; in a second run, at a fixed interval. All start in the
same moment, as after a power cut; then a version is published; then the server answers 503 for three intervals.
"""

import asyncio
import http.server
import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any, Protocol

from cloud_sync.schedule import Schedule

DEVICES = 1_000
INTERVAL_S = 6.0
"""Short, so that the benchmark is; the ratios do not depend on it."""
PUBLISHED, OUTAGE, BACK, END = 3, 6, 9, 15
"""When what happens, in intervals after the start."""
_WINDOW = 0.05
"""Peaks are counted over so much of an interval."""
_OBJECTS = 4
_PATIENCE_S = 30.0


class Waits(Protocol):
    """How long a device waits."""

    def first_s(self) -> float:
        """After the start."""

    def after_success_s(self) -> float:
        """After an answer."""

    def after_failure_s(self) -> float:
        """After none."""


class FixedInterval:
    """What a device does that nobody thought about."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s

    def first_s(self) -> float:
        """At once."""
        return 0.0

    def after_success_s(self) -> float:
        """The interval."""
        return self._interval_s

    after_failure_s = after_success_s


class _Server(http.server.ThreadingHTTPServer):
    """Answers with the newest version, or 503; notes when it was asked."""

    request_queue_size = 4_096
    daemon_threads = True

    def __init__(self, version: Any, is_out: Any) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.version, self.is_out = version, is_out
        self.asked_s: list[float] = []


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Any path."""
        self.server.asked_s.append(time.monotonic())
        body = str(self.server.version.value).encode()
        self.send_response(503 if self.server.is_out.value else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _serve(end: Connection, version: Any, is_out: Any) -> None:
    server = _Server(version, is_out)
    end.send(server.server_port)
    server.timeout = 0.1
    while not end.poll():
        server.handle_request()
    end.send(server.asked_s)


class _Fleet:
    """All devices; ``found_s`` is when each of them had the published version."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.is_over = False
        self.found_s: list[float] = []

    async def device(self, waits: Waits) -> None:
        """One of them, until it is canceled."""
        has = 1
        await asyncio.sleep(waits.first_s())
        # A wait that ended in the same moment may swallow a cancellation.
        while not self.is_over:
            newest = await self._get("timestamp.json")
            is_fetched = newest is not None
            if newest is not None and newest > has:
                answers = [await self._get(f"objects/{number}") for number in range(_OBJECTS)]
                is_fetched = None not in answers
                if is_fetched:
                    has = newest
                    self.found_s.append(time.monotonic())
            await asyncio.sleep(waits.after_success_s() if is_fetched else waits.after_failure_s())

    async def _get(self, path: str) -> int | None:
        try:
            answer = await asyncio.wait_for(self._answer(path), _PATIENCE_S)
        except (OSError, asyncio.TimeoutError):
            return None
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(body) if b" 200 " in head.split(b"\r\n")[0] else None

    async def _answer(self, path: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(f"GET /{path} HTTP/1.0\r\n\r\n".encode())
            return await reader.read()
        finally:
            writer.close()


async def _live(port: int, waits: list[Waits], interval_s: float, version: Any, is_out: Any) -> tuple[float, _Fleet]:
    fleet, began_s = _Fleet(port), time.monotonic()
    devices = [asyncio.create_task(fleet.device(one)) for one in waits]
    for moment, switch, value in ((PUBLISHED, version, 2), (OUTAGE, is_out, 1), (BACK, is_out, 0), (END, is_out, 0)):
        await asyncio.sleep(began_s + moment * interval_s - time.monotonic())
        switch.value = value
    fleet.is_over = True
    for device in devices:
        device.cancel()
    await asyncio.gather(*devices, return_exceptions=True)
    return began_s, fleet


def run(waits: list[Waits], interval_s: float) -> tuple[list[float], list[float]]:
    """When the server was asked, and when each device had the new version, in intervals after the start."""
    context = multiprocessing.get_context("spawn")
    version, is_out = context.Value("i", 1), context.Value("i", 0)
    here, there = context.Pipe()
    server = context.Process(target=_serve, args=(there, version, is_out), daemon=True)
    server.start()
    there.close()
    try:
        began_s, fleet = asyncio.run(_live(here.recv(), waits, interval_s, version, is_out))
        here.send("end")
        asked_s = here.recv()
    finally:
        server.join(5)
        server.kill()
    return (
        [(one - began_s) / interval_s for one in asked_s],
        [(one - began_s) / interval_s for one in fleet.found_s],
    )


def peak_to_mean(asked: list[float], begin: float, end: float) -> dict[str, float]:
    """Of the requests from ``begin`` to ``end``, in intervals: the busiest twentieth against the mean of all."""
    inside = sorted(one for one in asked if begin <= one < end)
    first, most = 0, 0
    for last, at in enumerate(inside):
        while inside[first] <= at - _WINDOW:
            first += 1
        most = max(most, last - first + 1)
    mean = len(inside) / (end - begin) * _WINDOW
    return {
        "requests": len(inside),
        "peak": most,
        "mean": round(mean, 1),
        "peak/mean": round(most / max(mean, 1e-9), 1),
    }


def rows_of(asked: list[float], found: list[float], devices: int) -> dict[str, dict[str, float]]:
    """The figures of one run, by phase."""
    ends = {
        "start": (0, PUBLISHED),
        "new version": (PUBLISHED, OUTAGE),
        "outage": (OUTAGE, BACK),
        "after it": (BACK, END),
    }
    rows = {phase: peak_to_mean(asked, *span) for phase, span in ends.items()}
    rows["new version"]["all have it"] = round(max(found) - PUBLISHED, 2) if len(found) == devices else float("nan")
    return rows


def measure(devices: int = DEVICES, interval_s: float = INTERVAL_S) -> dict[str, dict[str, float]]:
    """Both runs, by policy and phase; ``all have it`` is in intervals after the version was published."""
    runs: dict[str, list[Waits]] = {
        "fixed interval": [FixedInterval(interval_s) for _ in range(devices)],
        "cloud_sync": [Schedule(interval_s) for _ in range(devices)],
    }
    return {
        f"{name}, {phase}": row
        for name, waits in runs.items()
        for phase, row in rows_of(*run(waits, interval_s), devices).items()
    }
