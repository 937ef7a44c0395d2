"""Child processes that never outlive the process that started them."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_SOURCE_TREE = Path(__file__).resolve().parents[1]
_PR_SET_PDEATHSIG = 1
# Loaded here, not in the child: between fork and exec only what is already in memory is safe to use.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(signal_number: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Have the kernel end this process when its parent ends, however that ends; exit at once if it already has.

    For the child: first thing, or between fork and exec. ``parent`` is the process id that the caller expects. The
    kernel watches the parent's *thread* that made the child, so that thread must live as long as the child shall.
    Does nothing outside Linux.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    # The parent may have ended before the call: a child of init (or of another reaper) will never get the signal.
    if os.getppid() != parent if parent is not None else os.getppid() == 1:
        os._exit(1)


def preparation() -> Callable[[], None]:
    """A ``preexec_fn`` for processes that this one starts: they die with it."""
    parent = os.getpid()
    return lambda: die_with_parent(signal.SIGKILL, parent)


def start_child(
    args: Sequence[str], *, env: Mapping[str, str] | None = None, **popen_kwargs: Any
) -> subprocess.Popen[bytes]:
    """Start ``args`` as a child that is killed when this process ends, even by SIGKILL.

    The calling thread must live as long as the child shall. ``popen_kwargs`` go to subprocess.Popen unchanged. Raises
    OSError where the program cannot be started.
    """
    return subprocess.Popen(list(args), env=env, preexec_fn=preparation(), **popen_kwargs)  # noqa: PLW1509  # prctl only


def start_module(
    module: str, *args: str, env: Mapping[str, str] = os.environ, **popen_kwargs: Any
) -> subprocess.Popen[bytes]:
    """Start ``python -m module`` as such a child, out of the same source tree as this process, wherever it works."""
    paths = [str(_SOURCE_TREE), *filter(None, [env.get("PYTHONPATH")])]
    env = {**env, "PYTHONPATH": os.pathsep.join(paths)}
    return start_child([sys.executable, "-m", module, *args], env=env, **popen_kwargs)


def terminate(process: subprocess.Popen[bytes], grace_s: float = 3.0) -> int:
    """Ask ``process`` to end (SIGTERM), kill it after ``grace_s`` seconds, reap it; gives its exit code."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(grace_s)
        process.kill()
    return process.wait()
