"""When a device asks for a newer index: so that a thousand devices do not ask at once."""

import math
import random
from collections.abc import Callable

LONGEST_PAUSE_S = 3_600.0
"""After many failures; with an interval that is longer, the interval."""


class Schedule:
    """Waits between polls, spread at random (full jitter), and growing while the source does not answer.

    The first poll is spread over one whole interval: after a power cut a shop's devices start in the same second.
    Those after a success wait half to one and a half intervals, so that devices that fell into step lose it again.
    After the nth failure in a row the wait is anything from 0 to ``interval_s * 2**n``, but a second at least.
    ``uniform`` draws a number between two others.
    """

    def __init__(self, interval_s: float, uniform: Callable[[float, float], float] | None = None) -> None:
        # Seeded by the system, not by the clock: many devices boot without one, with the same time.
        self._uniform = uniform or random.SystemRandom().uniform
        self._interval_s = interval_s
        self._longest_s = max(interval_s, LONGEST_PAUSE_S)
        self._failures = 0

    def first_s(self, at_most_s: float = math.inf) -> float:
        """How long to wait after the start; ``at_most_s`` where somebody waits for it, spread over this time then."""
        return self._uniform(0.0, min(self._interval_s, at_most_s))

    def after_success_s(self) -> float:
        """How long to wait after the source answered, whatever it answered."""
        self._failures = 0
        return self._uniform(0.5 * self._interval_s, 1.5 * self._interval_s)

    def after_failure_s(self) -> float:
        """How long to wait after it could not be reached, or said that it is overloaded."""
        # More would not grow the pause any more, but the number without end.
        self._failures = min(self._failures + 1, 32)
        return max(1.0, self._uniform(0.0, min(self._longest_s, self._interval_s * 2.0**self._failures)))
