"""What the process of every component does the same: log, stop at a signal, say how it is."""

import _thread
import logging
import signal
import sys
import threading
from collections.abc import Callable

from components.bus import Bus
from components.core import messages
from components.core.errors import MessageError, UnavailableError
from components.core.messages import Status

log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 5.0


def stop_at_signal() -> threading.Event:
    """An event that SIGTERM or SIGINT sets: everything must be down three seconds later."""
    stop = threading.Event()

    def set_aside(*_: object) -> None:
        # The main thread may hold the event's lock, in wait() or while it handles the signal before: set() would wait
        # for ever for itself.
        _thread.start_new_thread(stop.set, ())

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, set_aside)
    return stop


def log_to_stderr() -> None:
    """Send this process's log to standard error, where the nucleus keeps it."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")


def report_status(bus: Bus, status: Callable[[], Status], stop: threading.Event, check_interval_s: float = 0.5) -> None:
    """Until ``stop``: publish the status when its state or reason changes, and every five seconds."""
    said: tuple[str, str] | None = None
    since_s = 0.0
    while not stop.is_set():
        now = status()
        since_s += check_interval_s
        if (now.state, now.reason) != said or since_s >= STATUS_INTERVAL_S:
            try:
                bus.publish(messages.STATUS_TOPIC, messages.encode(now))
                said, since_s = (now.state, now.reason), 0.0
            except UnavailableError as error:
                log.info("the status waits for the bus: %s", error)
            except MessageError as error:
                log.warning("the status cannot be said: %s", error)
                said, since_s = (now.state, now.reason), 0.0
        stop.wait(check_interval_s)
