"""The parent's side of an inference in a process of its own (``inference_child.py``)."""

import json
import mmap
import multiprocessing
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from components.child import start_module
from components.core.errors import UnavailableError
from components.core.messages import Embedding
from components.featurizer.exchange import Exchange, capacity
from components.featurizer.frame import Image
from components.featurizer.model import Model, describe
from components.featurizer.preprocessing import to_input
from components.featurizer.slot import open_memory

CHILD = ("components.featurizer.inference_child",)
_POLL_S = 0.1
_LONGEST_ANSWER = 65_536


class Task:
    """What every child of one model is given: the model, in memory that all of them share, and the settings."""

    def __init__(self, model: Model, *, cache_dir: Path | None, threads: int, program: Sequence[str] = CHILD) -> None:
        self.program = tuple(program)
        self.digest, self.dim, self.size = model.digest, model.dim, model.preprocessing.size
        self.model_fd = _in_memory(model.xml + model.bin)
        self._told = {
            "description": describe(model).decode(),
            "xml_bytes": len(model.xml),
            "bin_bytes": len(model.bin),
            "size": self.size,
            "dim": self.dim,
            "cache_dir": None if cache_dir is None else str(cache_dir),
            "threads": threads,
        }

    def told(self, device: str) -> bytes:
        """The first message to a child that shall work on ``device``."""
        return json.dumps({**self._told, "device": device}).encode()

    def close(self) -> None:
        """Give the memory back; no child can be started any more."""
        os.close(self.model_fd)


class InferenceProcess:
    """A child that loads a model and embeds with it; killed, whatever it does, when closed.

    The calling thread must live as long as the child shall. Raises OSError where no process can be started.
    """

    def __init__(self, task: Task, wish: str) -> None:
        self.device, self.reason = wish, ""
        self.began_s = time.monotonic()
        memory_fd = open_memory(capacity(task.size, task.dim))
        try:
            self._exchange = Exchange(memory_fd, task.size, task.dim)
            self._connection, theirs = multiprocessing.Pipe()
            with theirs:
                self._process = _start(task, theirs.fileno(), memory_fd)
        finally:
            os.close(memory_fd)
        with suppress(OSError):
            self._connection.send_bytes(task.told(wish))

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def is_ready(self, within_s: float, now_s: float) -> bool:
        """Whether it can embed by now, on ``device`` for ``reason``.

        Raises UnavailableError where it never will, or not ``within_s`` seconds after its start (``now_s`` is the
        monotonic clock).
        """
        if self._connection.poll(0):
            told = self._answer()
            self.device, self.reason = str(told.get("device")), str(told.get("reason"))
            return True
        if now_s - self.began_s > within_s:
            where = "CPU" if self.device == "CPU" else "GPU"
            raise UnavailableError(f"The model was not ready on the {where} within {within_s:g} s.")
        return False

    def has_ended(self) -> bool:
        """Whether the child is gone."""
        return self._process.poll() is not None

    def ended(self) -> str:
        """How the child ended, as a sentence."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        return f"The inference process ended by itself (exit code {self._process.returncode}); it is replaced."

    def embed(self, image: Image, within_s: float, stop: threading.Event) -> Embedding:
        """The embedding of a BGR picture of any size: shape (dim,), float32, unit length.

        Raises ValueError for what is no picture; UnavailableError where there is no valid vector ``within_s`` seconds:
        then the child is of no more use.
        """
        to_input(image, self._exchange.picture)
        self._exchange.vector.fill(np.nan)  # a child that says "done" and did nothing is found out
        with suppress(OSError):  # of a child that has ended, there may still be its last word to read
            self._connection.send_bytes(b"embed")
        self._wait(within_s, stop)
        self._answer()
        return _checked(self._exchange.vector.copy())

    def close(self) -> None:
        """Kill the child; a driver that hangs in the kernel is left to the kernel."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        self._connection.close()

    def _wait(self, within_s: float, stop: threading.Event) -> None:
        deadline_s = time.monotonic() + within_s
        while not self._connection.poll(max(0.0, min(_POLL_S, deadline_s - time.monotonic()))):
            if stop.is_set():
                raise UnavailableError("The inference is being stopped.")
            if time.monotonic() >= deadline_s:
                raise UnavailableError(
                    f"The inference on {self.device} gave no answer within {within_s:g} s; its process is replaced."
                )

    def _answer(self) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = dict(json.loads(self._connection.recv_bytes(_LONGEST_ANSWER)))
        except (EOFError, OSError, ValueError, TypeError) as error:
            raise UnavailableError(self.ended()) from error
        if "problem" in answer:
            raise UnavailableError(str(answer["problem"]))
        return answer


def _checked(vector: Embedding) -> Embedding:
    if not abs(float(vector @ vector) - 1.0) < 1e-3:  # NaN fails this as well
        raise UnavailableError("The inference gave a vector that is not finite or not of unit length.")
    return vector


def _in_memory(data: bytes) -> int:
    fd = open_memory(len(data))
    with mmap.mmap(fd, len(data)) as memory:
        memory[:] = data
    return fd


def _start(task: Task, connection_fd: int, memory_fd: int) -> subprocess.Popen[bytes]:
    fds = (connection_fd, memory_fd, task.model_fd)
    return start_module(
        *task.program,
        *map(str, fds),
        pass_fds=fds,
        stdin=subprocess.DEVNULL,
        # A signal to our process group is for us to answer; the child ends when we close it, or with us.
        start_new_session=True,
    )
