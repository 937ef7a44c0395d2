"""``python -m cloud_sync.index.pass_child``: one piece of work on the index in a process of its own.

It reads its orders from standard input, and writes how far it is, and at last what became of it, as lines of JSON. In
its own process, because what hangs in a library or in a network's stack can only be ended with its process.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from cloud_sync.index.garbage import collect
from cloud_sync.index.lock import is_awaited, locked
from cloud_sync.index.orders import COLLECT, SCRUB, UPDATE, Orders, Outcome, Step, decode_orders, encode_line
from cloud_sync.index.recovery import known_state
from cloud_sync.index.scrub import scrub
from cloud_sync.index.update_pass import update
from components.core.errors import LookalikeError
from components.lifecycle import log_to_stderr

_TELL_EVERY_S = 1.0
_LOOK_EVERY_S = 0.25
_CAN_WAIT = ("checking", "planning", "fetching")
"""Steps of unknown length: who wants to go back, or to import from a stick, does not wait for a slow network."""


class Teller:
    """Writes steps to ``out``: each new state, and the progress of one once a second."""

    def __init__(self, out: BinaryIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._told_s = 0.0
        self._telling = threading.Lock()
        self.state = ""
        """The step that was told last."""

    def step(self, state: str, progress: int) -> None:
        """The work is so far."""
        now_s = self._clock()
        if state != self.state or now_s - self._told_s >= _TELL_EVERY_S:
            self.state, self._told_s = state, now_s
            self.tell(Step(state, progress))

    def tell(self, said: Step | Outcome) -> None:
        """Write one line."""
        with self._telling:
            self._out.write(encode_line(said))
            self._out.flush()


def perform(orders: Orders, say: Callable[[str, int], None]) -> Outcome:
    """Do what ``orders`` say; everything that goes wrong is in the outcome."""
    try:
        return WORKS[orders.work](orders, say)
    except LookalikeError as error:
        return Outcome("failed", str(error))


def _collect(orders: Orders, say: Callable[[str, int], None]) -> Outcome:
    index_dir = Path(orders.index_dir)
    with locked(index_dir):
        collect(index_dir, known_state(index_dir))
    return Outcome("idle")


WORKS = {UPDATE: update, COLLECT: _collect, SCRUB: scrub}


def _make_way(index_dir: Path, teller: Teller) -> None:
    """End this process when another one waits for the index: what has come is kept, at whatever moment that is."""
    while not (teller.state in _CAN_WAIT and is_awaited(index_dir)):
        time.sleep(_LOOK_EVERY_S)
    teller.tell(Outcome("failed", "The index is being changed by somebody else: the update goes on later."))
    os._exit(0)


def main() -> int:
    """Exit code 0: what went wrong is told on standard output."""
    log_to_stderr()
    logging.getLogger("botocore").setLevel(logging.WARNING)  # it says at every pass where the credentials were
    os.nice(10)
    teller, orders = Teller(sys.stdout.buffer), decode_orders(sys.stdin.buffer.read())
    threading.Thread(target=_make_way, args=(Path(orders.index_dir), teller), daemon=True).start()
    teller.tell(perform(orders, teller.step))
    return 0


if __name__ == "__main__":
    sys.exit(main())
