"""What the process of every component does the same: log, stop at a signal, get its settings, say how it is."""

import _thread
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from components.bus import Bus
from components.core import messages
from components.core.errors import MessageError, UnavailableError
from components.core.messages import Status
from components.kept_configuration import KeptConfiguration
from components.pauses import GrowingPause
from components.problems import Problems, current_problems, in_words
from components.process_bus import ProcessBus

log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 5.0
CHECK_INTERVAL_S = 0.5
DOWN_WITHIN_S = 2.5

# What failed is told for so long after it was begun anew; what ran for so long begins with the first pause again.
_STEADY_S = 10.0
_PAUSES_S = (0.5, 30.0)
_WAITS = "a new configuration waits until the work under the old one has ended"

C = TypeVar("C")


class ComponentBus(Bus, Protocol):
    """The bus of a component that a nucleus started, and the settings that this nucleus has for it."""

    @property
    def problem(self) -> str:
        """What is wrong with the bus or a subscription now, in words; "" when all is well."""

    def configuration(self) -> Mapping[str, object]:
        """The settings as the deployment wrote them; raises UnavailableError while the nucleus is away."""

    def on_configuration_change(self, callback: Callable[[dict[str, object]], None]) -> None:
        """Call ``callback(settings)`` when they are others than were read last, noticed or found by reading."""

    def close(self) -> None:
        """Deliver nothing any more."""


Work = Callable[[Bus, C, threading.Event], None]
"""``work(bus, configuration, stop)``: what a component does until ``stop``; may be called again after it ended."""


def run_component(
    name: str,
    settings: type[C],
    open_bus: Callable[[], ComponentBus],
    work: Work[C],
    work_dir: Path | None = None,
) -> int:
    """Run ``work(bus, configuration, stop)`` in a component's process until SIGTERM; gives the exit code.

    See ``keep_working``. Only without any bus (``open_bus`` raises UnavailableError) the code is 1, with one sentence
    in the log. ``work_dir`` is the working directory, where a nucleus starts a component, unless it is given.
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
        keep_working(name, settings, bus, work, stop, work_dir or Path.cwd())
    return 0


def keep_working(
    name: str, settings: type[C], bus: ComponentBus, work: Work[C], stop: threading.Event, work_dir: Path
) -> None:
    """Call ``work`` until ``stop``, each time with the newest good configuration.

    A change of the configuration ends the work and begins it anew, in this process. A wrong configuration ends
    nothing: the last good one goes on to count, also after a restart, or else the component waits for a good one. Work
    that fails of an unforeseen error is begun anew after a growing pause. Whatever is wrong, refused subscriptions
    among it, is said in the status.
    """
    problems, rounds = Problems(), Rounds()
    process_bus = ProcessBus(name, bus, problems)
    kept = KeptConfiguration(settings, work_dir, problems)

    def look() -> None:
        problems.note("change", _WAITS if rounds.overdue() else "")
        kept.save()

    def end() -> None:
        stop.wait()
        rounds.finish()

    watch = partial(process_bus.watch, stop, look, CHECK_INTERVAL_S, STATUS_INTERVAL_S)
    with problems.collecting(), in_background(watch, end):
        if _first_configuration(kept, bus, problems, stop):
            bus.on_configuration_change(lambda mapping: rounds.end() if kept.offer(mapping) else None)
            _work_on(process_bus, work, kept, rounds, problems)


def _first_configuration(
    kept: KeptConfiguration[C], bus: ComponentBus, problems: Problems, stop: threading.Event
) -> bool:
    """Ask for the configuration until there is one that counts; False where ``stop`` came first."""
    pause = GrowingPause(0.5, STATUS_INTERVAL_S)
    while not stop.is_set():
        try:
            kept.offer(bus.configuration())
            problems.note("nucleus", "")
        except UnavailableError as error:
            problems.note("nucleus", str(error))
        if kept.current is not None:
            return True
        stop.wait(pause.next_s())
    return False


def _work_on(bus: ProcessBus, work: Work[C], kept: KeptConfiguration[C], rounds: "Rounds", problems: Problems) -> None:
    pause = GrowingPause(*_PAUSES_S)
    while not rounds.finished.is_set():
        stop, began = rounds.begin(), time.monotonic()
        configuration = kept.current  # read after the round began: a later change ends it
        assert configuration is not None  # noqa: S101  # only a good one takes another's place
        try:
            work(bus, configuration, stop)
            failure = "" if stop.is_set() else "the work ended by itself"
        except Exception as error:  # no component exits: it is told, and the work begun anew
            log.exception("The work failed of what nobody foresaw.")
            failure = f"the work failed ({in_words(error)})"
        bus.forget()
        if failure and not stop.is_set():
            pause_s = _next_pause(pause, time.monotonic() - began)
            log.warning("It is begun anew in %g s.", pause_s)
            problems.note("work", f"{failure} and is begun anew", lasts_s=pause_s + _STEADY_S)
            stop.wait(pause_s)
        stop.set()  # what a failed work left in the background


class Rounds:
    """One piece of work after the other, each with an event of its own that ends it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._ended_at: float | None = None
        self.finished = threading.Event()
        """Set once no other round follows."""

    def begin(self) -> threading.Event:
        """The event that ends the round that begins now."""
        with self._lock:
            self._stop, self._ended_at = threading.Event(), None
            if self.finished.is_set():
                self._stop.set()
            return self._stop

    def end(self) -> None:
        """Have the round end that is under way; another follows."""
        with self._lock:
            self._ended_at = self._ended_at or self._clock()
            self._stop.set()

    def finish(self) -> None:
        """Have the round end that is under way, the last one."""
        self.finished.set()
        self.end()

    def overdue(self) -> bool:
        """Whether the round under way was told to end, and has not for too long."""
        ended_at = self._ended_at
        return ended_at is not None and self._clock() - ended_at > 2 * DOWN_WITHIN_S


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
    """Run each of ``works`` on a thread of its own; all must come to their end when the block does.

    One that fails of an unforeseen error is logged, told as a reason in the component's status, and started again
    after a growing pause.
    """
    ended, problems = threading.Event(), current_problems()
    threads = [
        threading.Thread(target=_keep_running, args=(work, f"background {number}", ended, problems), daemon=True)
        for number, work in enumerate(works)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
    deadline = time.monotonic() + DOWN_WITHIN_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _keep_running(work: Callable[[], None], concern: str, ended: threading.Event, problems: Problems) -> None:
    pause = GrowingPause(*_PAUSES_S)
    while not ended.is_set():
        began = time.monotonic()
        try:
            return work()
        except Exception as error:  # no component exits: it is told, and the part started again
            pause_s = _next_pause(pause, time.monotonic() - began)
            log.exception("A part of the component failed; it is started again in %g s.", pause_s)
            problem = f"a part of the component failed ({in_words(error)}) and is started again"
            problems.note(concern, problem, lasts_s=pause_s + _STEADY_S)
        ended.wait(pause_s)
    return None


def _next_pause(pause: GrowingPause, ran_s: float) -> float:
    if ran_s >= _STEADY_S:
        pause.reset()
    return pause.next_s()


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
