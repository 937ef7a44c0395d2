"""How fast bytes may come, and how long they may take."""

import time
from collections.abc import Callable

from components.core.errors import UnavailableError

SLOWEST_BYTES_S = 4_000
"""What comes slower than that is given up, and goes on where it broke off when it is tried again."""
PATIENCE_S = 60.0


class Pace:
    """Holds whoever fetches to ``limit_bytes_s``; 0 is as fast as it comes."""

    def __init__(
        self,
        limit_bytes_s: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limit_bytes_s, self._clock, self._sleep = limit_bytes_s, clock, sleep
        self._free_at_s = clock()

    def now_s(self) -> float:
        """A clock that never jumps."""
        return self._clock()

    @property
    def slowest_bytes_s(self) -> float:
        """What comes slower than that is given up."""
        return min(SLOWEST_BYTES_S, self._limit_bytes_s / 2) if self._limit_bytes_s else SLOWEST_BYTES_S

    def took(self, size: int) -> None:
        """``size`` bytes have come: wait until more may."""
        if not self._limit_bytes_s:
            return
        now_s = self._clock()
        # What was not used is not saved up: a pause is no licence for a burst.
        self._free_at_s = max(now_s, self._free_at_s) + size / self._limit_bytes_s
        self._sleep(self._free_at_s - now_s)


class Deadline:
    """Raises UnavailableError where ``what`` comes too slowly for longer than a minute, however long it may take."""

    def __init__(self, pace: Pace, what: str) -> None:
        self._pace, self._what = pace, what
        self._until_s, self._came = pace.now_s() + PATIENCE_S, 0

    def took(self, size: int) -> None:
        """``size`` bytes have come."""
        self._came += size
        if self._pace.now_s() < self._until_s:
            return
        if self._came < PATIENCE_S * self._pace.slowest_bytes_s:
            raise UnavailableError(f"{self._what} brought {self._came} bytes in {PATIENCE_S:.0f} s: it goes on later.")
        self._until_s, self._came = self._pace.now_s() + PATIENCE_S, 0
