"""What is wrong with the featurizer now, by what it concerns."""

import threading


class Health:
    """Problems that come and go: written where they are noticed, read by the status."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._problems: dict[str, str] = {}

    def note(self, concern: str, problem: str) -> None:
        """Say what is wrong with ``concern``; "" when it is well again."""
        with self._lock:
            if problem:
                self._problems[concern] = problem
            else:
                self._problems.pop(concern, None)

    @property
    def concerns(self) -> str:
        """What is not well, such as ``camera model``; "" when all is."""
        with self._lock:
            return " ".join(sorted(self._problems))

    @property
    def reason(self) -> str:
        """All problems in one line; "" when all is well."""
        with self._lock:
            return " ".join(self._problems[concern] for concern in sorted(self._problems))
