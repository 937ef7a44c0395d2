"""What is wrong with a process now, by what it concerns; its status says it."""

import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterator

from components.core.redaction import without_users

_current: contextvars.ContextVar["Problems"] = contextvars.ContextVar("problems")


class Problems:
    """Problems that come and go: noted by whoever notices them, on any thread, and told in one line.

    ``between`` stands between two problems: a space where each of them is a sentence.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, between: str = "; ") -> None:
        self._clock, self._between = clock, between
        self._lock = threading.Lock()
        self._noted: dict[str, tuple[str, float | None]] = {}

    def note(self, concern: str, problem: str, lasts_s: float | None = None) -> None:
        """Say what is wrong with ``concern``: until the next note, or for ``lasts_s`` only; "" when it is well."""
        with self._lock:
            if problem:
                self._noted[concern] = (problem, None if lasts_s is None else self._clock() + lasts_s)
            else:
                self._noted.pop(concern, None)

    @property
    def concerns(self) -> str:
        """What is not well, such as ``camera model``; "" when all is."""
        return " ".join(concern for concern, _ in self._standing())

    @property
    def reason(self) -> str:
        """All problems in one line; "" when all is well."""
        return self._between.join(problem for _, problem in self._standing())

    def _standing(self) -> list[tuple[str, str]]:
        with self._lock:
            now, noted = self._clock(), sorted(self._noted.items())
        return [(concern, problem) for concern, (problem, until) in noted if until is None or now < until]

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Inside the block, this is what ``current_problems`` gives on the calling thread."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def current_problems() -> Problems:
    """Where this thread's process notes its problems; outside of a component, where nobody reads them."""
    return _current.get(Problems())


def in_words(error: BaseException) -> str:
    """An error that nobody foresaw, short, with the place where it was raised and without a password."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_code.co_filename.rpartition("/")[2] if trace is not None else ""
    place = f" at {name}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}: {without_users(str(error))[:150]}{place}"
