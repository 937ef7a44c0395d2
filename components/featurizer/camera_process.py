"""The parent's side of a camera in a process of its own (``capture_child.py``)."""

import json
import multiprocessing
import os
import subprocess
import threading
import time
from contextlib import suppress
from typing import Any

from components.child import start_module
from components.core.errors import UnavailableError
from components.featurizer.frame import Frame
from components.featurizer.slot import Slot, open_memory

_POLL_S = 0.1


class CameraProcess:
    """A running child that brings the frames of one source; killed, whatever it does, when closed."""

    def __init__(self, source_url: str) -> None:
        memory_fd = open_memory()
        try:
            self._slot = Slot(memory_fd)
            self._connection, theirs = multiprocessing.Pipe()
            with theirs:
                self._process = _start(theirs.fileno(), memory_fd)
            # Not an argument: every user of the device can read those, and a network camera's has its password in it.
            with suppress(OSError):
                self._connection.send_bytes(source_url.encode())
        finally:
            os.close(memory_fd)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def newest(self, stop: threading.Event, within_s: float) -> Frame | None:
        """The newest frame not given before, or None when ``stop`` is set.

        Raises UnavailableError when none comes ``within_s`` seconds, when the source fails, or when the child ends.
        """
        if stop.is_set():
            return None
        with suppress(OSError):  # of a child that has ended, there may still be its last word to read
            self._connection.send_bytes(b"newest")
        deadline = time.monotonic() + within_s
        while not self._connection.poll(_POLL_S):
            if stop.is_set():
                return None
            if time.monotonic() > deadline:
                raise UnavailableError(f"The camera has given no frame for {within_s:g} s: check its cable and power.")
        return self._frame(self._answer())

    def close(self) -> None:
        """Kill the child and give the memory back; a driver that hangs in the kernel is left to the kernel."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        self._connection.close()
        self._slot.close()

    def _answer(self) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError) as error:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1.0)
            raise UnavailableError(
                f"The camera's process ended by itself (exit code {self._process.returncode}); it is started again."
            ) from error
        return answer

    def _frame(self, told: dict[str, Any]) -> Frame:
        if "problem" in told:
            raise UnavailableError(str(told["problem"]))
        image = self._slot.read(told["height"], told["width"])
        return Frame(image, told["seq"], told["captured_ns"], told["captured_at"], told["label"])


def _start(connection_fd: int, memory_fd: int) -> subprocess.Popen[bytes]:
    return start_module(
        "components.featurizer.capture_child",
        str(connection_fd),
        str(memory_fd),
        pass_fds=(connection_fd, memory_fd),
        stdin=subprocess.DEVNULL,
        # A signal to our process group is for us to answer; the child ends when we close it, or with us.
        start_new_session=True,
    )
