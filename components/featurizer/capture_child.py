"""The process in which a camera's driver runs, so that a hang or a crash of it can be ended and replaced.

Speaks with ``camera_process.py`` (the parent's side) over one connection: gets the source's name, then for every
request answers with the newest frame that it has not given yet, as soon as there is one; the picture lies in the
shared memory.
"""

import contextlib
import json
import os
import sys
import threading
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from components.core.errors import LookalikeError
from components.featurizer.frame import Frame
from components.featurizer.slot import Slot
from components.featurizer.sources import parse_source


@dataclass
class Newest:
    """The newest frame: whoever comes for it takes it, a newer one replaces it."""

    _changed: threading.Condition = field(default_factory=threading.Condition)
    _frame: Frame | None = None

    def put(self, frame: Frame) -> None:
        """Replace what is there."""
        with self._changed:
            self._frame = frame
            self._changed.notify()

    def take(self, timeout_s: float) -> Frame | None:
        """The newest frame, not given before; waits ``timeout_s`` for one, then gives None."""
        with self._changed:
            if self._frame is None:
                self._changed.wait(timeout_s)
            frame, self._frame = self._frame, None
            return frame


def main(connection_fd: int, memory_fd: int) -> None:
    """Serve frames until the parent is gone or the source fails; the failure's sentence is the last answer."""
    connection, sending = Connection(connection_fd), threading.Lock()
    newest = Newest()
    source_url = connection.recv_bytes().decode()
    threading.Thread(target=_answer, args=(connection, sending, Slot(memory_fd), newest), daemon=True).start()
    try:
        for frame in parse_source(source_url).frames(threading.Event()):
            newest.put(frame)
        problem = "The source has ended."
    except LookalikeError as error:
        problem = str(error)
    with sending, contextlib.suppress(OSError):
        connection.send_bytes(json.dumps({"problem": problem}).encode())
    # A driver may hang in its own clean-up; the parent has been told, and the kernel closes the camera.
    os._exit(1)


def _answer(connection: Connection, sending: threading.Lock, slot: Slot, newest: Newest) -> None:
    try:
        while True:
            connection.recv_bytes()
            frame = _wait(connection, newest)
            height, width = slot.write(frame.image)
            with sending:
                connection.send_bytes(_told(frame, height, width))
    except (EOFError, OSError):
        os._exit(0)  # the parent is gone


def _wait(connection: Connection, newest: Newest) -> Frame:
    while (frame := newest.take(timeout_s=1.0)) is None:
        # The parent asks for one frame at a time: what comes while it waits can only be its end.
        if connection.poll(0):
            raise EOFError
    return frame


def _told(frame: Frame, height: int, width: int) -> bytes:
    told = {
        "height": height,
        "width": width,
        "seq": frame.seq,
        "captured_ns": frame.captured_ns,
        "captured_at": frame.captured_at,
        "label": frame.label,
    }
    return json.dumps(told).encode()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
