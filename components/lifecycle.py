"""What the process of every component does the same: log, stop at a signal, get its settings, say how it is."""

import _thread
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from components.bus import Bus
from components.core import messages
from components.core.configuration import from_mapping
from components.core.errors import ConfigurationError, MessageError, UnavailableError
from components.core.messages import Status
from components.pauses import GrowingPause

log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 5.0
DOWN_WITHIN_S = 2.5

C = TypeVar("C")


class ComponentBus(Bus, Protocol):
    """The bus of a component that a nucleus started, and the settings that this nucleus has for it."""

    def configuration(self) -> Mapping[str, object]:
        """The settings as the deployment wrote them; raises UnavailableError while the nucleus is away."""

    def close(self) -> None:
        """Deliver nothing any more."""


def run_component(
    name: str,
    settings: type[C],
    open_bus: Callable[[], ComponentBus],
    work: Callable[[ComponentBus, C, threading.Event], None],
) -> int:
    """Run ``work(bus, configuration, stop)`` in a component's process until SIGTERM; gives the exit code.

    A configuration that is wrong ends nothing: the component is degraded, with the reason, until it is good. Only
    without any bus (``open_bus`` raises UnavailableError) the code is 1, with one sentence in the log.
    """
    log_to_stderr()
    stop = stop_at_signal()
    threading.Thread(target=_leave_all_the_same, args=(stop,), name="last-resort", daemon=True).start()
    try:
        bus = open_bus()
    except UnavailableError as error:
        logging.getLogger(name).error("%s", error)
        return 1
    with contextlib.closing(bus):
        configuration = read_configuration(name, settings, bus, stop)
        if configuration is not None:
            work(bus, configuration, stop)
    return 0


def read_configuration(name: str, settings: type[C], bus: ComponentBus, stop: threading.Event) -> C | None:
    """The settings of the component ``name``, asked for until they are there and good; None where ``stop`` came first.

    While they are wrong, the component is said to be degraded, with the reason.
    """
    pause, said = GrowingPause(0.5, STATUS_INTERVAL_S), ""
    while not stop.is_set():
        try:
            return from_mapping(settings, bus.configuration())
        except (ConfigurationError, UnavailableError) as error:
            reason = str(error)
        if reason != said:
            log.warning("The configuration is asked for again until it is good: %s", reason)
            said = reason
        say_status(bus, Status.of(name, reason))
        stop.wait(pause.next_s())
    return None


def log_to_stderr() -> None:
    """Send this process's log to standard error, where the nucleus keeps it."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")


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


@contextlib.contextmanager
def in_background(*works: Callable[[], None]) -> Iterator[None]:
    """Run each of ``works`` on a thread of its own; all must come to their end when the block does."""
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(DOWN_WITHIN_S)


def report_status(
    bus: Bus,
    status: Callable[[], Status],
    stop: threading.Event,
    check_interval_s: float = 0.5,
    interval_s: float = STATUS_INTERVAL_S,
) -> None:
    """Until ``stop``: publish the status when its state or reason changes, and every ``interval_s``."""
    said: tuple[str, str] | None = None
    since_s = 0.0
    while not stop.is_set():
        now = status()
        since_s += check_interval_s
        if ((now.state, now.reason) != said or since_s >= interval_s) and say_status(bus, now):
            said, since_s = (now.state, now.reason), 0.0
        stop.wait(check_interval_s)


def say_status(bus: Bus, status: Status) -> bool:
    """Publish ``status``; False where the bus is away, so that it is worth trying again."""
    try:
        bus.publish(messages.STATUS_TOPIC, messages.encode(status))
    except UnavailableError as error:
        log.info("the status waits for the bus: %s", error)
        return False
    except MessageError as error:
        log.warning("the status cannot be said: %s", error)
    return True


def _leave_all_the_same(stop: threading.Event) -> None:
    """End the process a moment after ``stop``, whatever a compiler, a driver or the bus still waits for."""
    stop.wait()
    threading.Event().wait(DOWN_WITHIN_S)
    log.warning("Not everything came to its end in %g s; leaving all the same.", DOWN_WITHIN_S)
    logging.shutdown()
    os._exit(0)
