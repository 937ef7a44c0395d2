"""Server-sent events: every result and status to every open kiosk, as soon as it comes."""

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any

from dashboard.catalogs import Catalogs
from dashboard.health import Health
from dashboard.live import Live, Versions
from dashboard.views import entry_view

MAX_STREAMS = 64
HEARTBEAT_S = 5.0


class Events:
    """Opens event streams, at most ``max_streams`` at a time, so that streams never starve other requests."""

    def __init__(
        self,
        live: Live,
        catalogs: Catalogs,
        health: Health,
        hello: dict[str, Any],
        max_streams: int,
        heartbeat_s: float,
    ) -> None:
        self._live = live
        self._catalogs = catalogs
        self._health = health
        self._hello = {**hello, "process": secrets.token_hex(4)}
        self._places = threading.BoundedSemaphore(max_streams)
        self._heartbeat_s = heartbeat_s

    def open(self, gone: Callable[[], bool]) -> Iterator[bytes] | None:
        """A stream that lasts until ``gone()``; None where all places are taken."""
        return Stream(self._events(gone), self._places) if self._places.acquire(blocking=False) else None

    def _events(self, gone: Callable[[], bool]) -> Iterator[bytes]:
        seen = Versions(0, self._live.versions().status)
        yield b"retry: 1000\n\n" + _event("hello", self._hello) + _event("status", self._health.view())
        while not gone():
            now = self._live.wait(seen, self._heartbeat_s, gone)
            if gone():
                return
            if now.result != seen.result and (result := self.newest_result()) is not None:
                yield _event("result", result)
            if now == seen:
                yield _event("heartbeat", self._health.view())
            elif now.status != seen.status:
                yield _event("status", self._health.view())
            seen = now

    def newest_result(self) -> dict[str, Any] | None:
        """The newest result with the time that it may still be shown, or None where that has passed."""
        entry = self._live.newest()
        now_ns = self._live.clock()
        left_ms = 0.0 if entry is None else self._hello["max_age_ms"] - entry.age_ns(now_ns) / 1e6
        if entry is None or left_ms <= 0:
            return None
        return {**entry_view(entry, self._catalogs, now_ns), "fresh_for_ms": round(left_ms)}


class Stream:
    """The events of one client; closing it gives its place back, also when it never began."""

    def __init__(self, events: Iterator[bytes], places: threading.Semaphore) -> None:
        self._events = events
        self._places: threading.Semaphore | None = places

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> bytes:
        return next(self._events)

    def close(self) -> None:
        """Give the place back, once."""
        places, self._places = self._places, None
        if places is not None:
            places.release()


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
