"""When a component that ended is started again, and when it is given up for a while."""

import signal

from components.pauses import GrowingPause

ERROR_WINDOW_S = 3600.0
MAX_FAILURES = 3
FIRST_PAUSE_S = 0.3
LONGEST_PAUSE_S = 10.0
STEADY_S = 20.0
# Somebody ended it on purpose: both come from outside, never from a fault of the component's own.
_ENDED_BY_HAND = (-signal.SIGKILL, -signal.SIGTERM)


class Restarts:
    """The history of one component's exits; times are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._failures: list[float] = []
        self._pause = GrowingPause(FIRST_PAUSE_S, LONGEST_PAUSE_S)

    def next_pause_s(self, exit_code: int, ran_s: float, now: float) -> float | None:
        """How long to wait before the next start, or None: three failures in the window, the component is broken."""
        if ran_s >= STEADY_S:
            self._pause.reset()
        if exit_code not in _ENDED_BY_HAND:
            self._failures = [*(at for at in self._failures if now - at < ERROR_WINDOW_S), now]
            if len(self._failures) >= MAX_FAILURES:
                return None
        return self._pause.next_s()

    def forget(self) -> None:
        """Begin anew: the component was deployed again, or the hour is over."""
        self._failures = []
        self._pause.reset()
