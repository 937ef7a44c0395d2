"""Keeps one web process running and carries messages between it and the bus."""

import logging
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from functools import partial

from components.bus import Bus
from components.child import start_module, terminate
from components.core.errors import LookalikeError, MessageError
from components.core.messages import (
    PICTURE_TOPIC,
    RESULT_TOPIC,
    STATUS_TOPIC,
    TAUGHT_TOPIC,
    TEACH_TOPIC,
    PictureQuery,
    Status,
    decode,
)
from components.core.teach_messages import Teach
from components.lifecycle import say_status
from components.pauses import GrowingPause
from dashboard.environment import scrubbed
from dashboard.pipe import PipeWriter, frames

log = logging.getLogger(__name__)

COMPONENT = "dashboard"
_LONG_ENOUGH_S = 60.0


def check_outgoing(topic: str, payload: bytes) -> None:
    """Raise MessageError for anything but what the web process may say: pictures, wishes to teach, its own status."""
    if topic == PICTURE_TOPIC:
        decode(PictureQuery, payload)
    elif topic == TEACH_TOPIC:
        decode(Teach, payload)
    elif topic == STATUS_TOPIC:
        said = decode(Status, payload)
        if said.component != COMPONENT:
            raise MessageError(f"The web process may not speak for the component {said.component!r}.")
    else:
        raise MessageError(f"The web process may not publish on {topic!r}.")


class Supervisor:
    """Runs the web process, again with growing pauses whenever it dies or hangs, until ``stop`` is called.

    A web process hangs that has said nothing for ``silent_s``: it says how it is every five seconds.
    """

    def __init__(self, bus: Bus, configuration_json: str, clock: Callable[[], float], silent_s: int = 60) -> None:
        self._bus = bus
        self._configuration_json = configuration_json
        self._clock = clock
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._heard = threading.Event()
        self._silent_s = silent_s
        self._writer: PipeWriter | None = None
        for topic in (RESULT_TOPIC, STATUS_TOPIC, TAUGHT_TOPIC):
            bus.subscribe(topic, partial(self._forward, topic))

    def stop(self) -> None:
        """Have ``run`` end its child and return; to be called from another thread."""
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Run until stopped. The calling thread is the one whose end ends the child."""
        growing = GrowingPause(first_s=0.2, longest_s=30.0)
        while not self._stopping.is_set():
            began = self._clock()
            reason = self._run_once()
            if self._stopping.is_set():
                return
            if self._clock() - began > _LONG_ENOUGH_S:
                growing.reset()
            pause_s = growing.next_s()
            log.warning("%s It is started again in %.1f s.", reason, pause_s)
            say_status(self._bus, Status.of(COMPONENT, reason))
            self._stopping.wait(pause_s)

    def _run_once(self) -> str:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                try:
                    child = self._start(theirs)
                except OSError as error:
                    return f"The web process could not be started: {error}."
            self._wake.clear()
            self._writer = PipeWriter(ours)
            threading.Thread(target=self._carry, args=(ours,), name="pipe-reader", daemon=True).start()
            silent = self._wait_for_its_end()
            self._writer.close()
            code = terminate(child, grace_s=2.0)
            ours.shutdown(socket.SHUT_RDWR)
        return f"The web process said nothing for {silent} s." if silent else f"The web process ended with code {code}."

    def _wait_for_its_end(self) -> int:
        """0, or the seconds for which the web process has said nothing: then it hangs."""
        silent = 0  # counted, not measured: of a time in which this process stood still itself, nothing is known
        while not self._stopping.is_set() and silent < self._silent_s:
            self._heard.clear()
            if self._wake.wait(1.0):
                return 0
            silent = 0 if self._heard.is_set() else silent + 1
        return silent if not self._stopping.is_set() else 0

    def _start(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        return start_module(
            "dashboard.web",
            str(theirs.fileno()),
            self._configuration_json,
            env=scrubbed(os.environ),
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
        )

    def _carry(self, ours: socket.socket) -> None:
        """From the web process to the bus, until it is gone or speaks out of turn."""
        try:
            for topic, payload in frames(ours):
                self._heard.set()
                check_outgoing(topic, payload)
                self._publish(topic, payload)
        except MessageError as error:
            log.error("%s It is ended.", error)
        except OSError as error:
            log.warning("The pipe to the web process broke: %s.", error)
        finally:
            self._wake.set()

    def _forward(self, topic: str, payload: bytes) -> None:
        writer = self._writer
        if writer is not None:
            try:
                writer.send(topic, payload)
            except LookalikeError:
                log.debug("A message on %s came while the web process was away.", topic)

    def _publish(self, topic: str, payload: bytes) -> None:
        try:
            self._bus.publish(topic, payload)
        except LookalikeError as error:
            log.warning("A message on %s was lost: %s", topic, error)
