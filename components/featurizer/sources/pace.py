"""Keeps the pace of a source that could go faster than a camera."""

import threading
import time
from collections.abc import Iterator


def paced(stop: threading.Event, fps: float) -> Iterator[None]:
    """Yield ``fps`` times a second until ``stop``; a slow taker loses time and never gets a burst afterwards."""
    due = time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        yield
        due = max(due + 1 / fps, time.monotonic())
