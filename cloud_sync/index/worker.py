"""Has a process of its own work on the index, and ends it when it hangs."""

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping

from cloud_sync.index.orders import Orders, Outcome, Step, decode_line, encode_orders
from components.child import start_module, terminate

HANGS_S: Mapping[str, float] = {"checking": 180.0, "fetching": 180.0}
"""After so long without a word from it, a process hangs; where it only computes, later."""
_COMPUTES_S = 3_600.0
_LOOK_EVERY_S = 0.25
_GRACE_S = 1.0
_PART_BYTES = 65_536


def work(orders: Orders, on_step: Callable[[Step], None], ended: Callable[[], bool]) -> Outcome:
    """Do what ``orders`` say, in a child process, until ``ended``. What went wrong is in the outcome."""
    try:
        # Threads of a linear algebra that nobody asks for cost memory.
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        child = start_module("cloud_sync.index.pass_child", env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    except OSError as error:
        return Outcome("failed", f"The process that looks for updates cannot be started ({error.strerror}).")
    try:
        return _follow(child, orders, on_step, ended)
    finally:
        terminate(child, _GRACE_S)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _follow(
    child: subprocess.Popen[bytes], orders: Orders, on_step: Callable[[Step], None], ended: Callable[[], bool]
) -> Outcome:
    assert child.stdin is not None and child.stdout is not None  # noqa: S101  # both were asked for
    with contextlib.suppress(BrokenPipeError):  # it has ended already: that its output ends says so
        child.stdin.write(encode_orders(orders))
        child.stdin.close()
    state, heard_s, rest = "checking", time.monotonic(), b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while not ended():
            if not selector.select(_LOOK_EVERY_S):
                if time.monotonic() - heard_s > HANGS_S.get(state, _COMPUTES_S):
                    return Outcome("failed", f"The update hung while {state}: it is begun again, and goes on there.")
                continue
            data = os.read(child.stdout.fileno(), _PART_BYTES)
            if not data:
                return Outcome("failed", f"The update ended by itself while {state} (exit code {child.wait()}).")
            *lines, rest = (rest + data).split(b"\n")
            for said in map(decode_line, lines):
                if isinstance(said, Outcome):
                    return said
                if said is not None:
                    state, heard_s = said.state, time.monotonic()
                    on_step(said)
    return Outcome("failed", "The update was interrupted: it goes on later.")
