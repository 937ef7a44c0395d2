"""Whether the device's wall clock can be believed; the other clocks of this program never jump."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from cloud_sync.status_event import EARLIEST_WALL_S

JUMP_S = 60.0
"""What is corrected by less is no jump."""
TOLD_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """The two clocks: one to show, one for intervals."""

    wall_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic


class ClockWatch:
    """Notices a clock that was never set, and one that is set while somebody looks."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._ahead_s = clocks.wall_s() - clocks.monotonic_s()
        self._jump, self._until_s = "", 0.0

    def problem(self) -> str:
        """What is wrong with the clock, a jump for ten seconds; "" while it is well. To be asked again and again."""
        wall_s, now_s = self._clocks.wall_s(), self._clocks.monotonic_s()
        jump_s, self._ahead_s = wall_s - now_s - self._ahead_s, wall_s - now_s
        if abs(jump_s) > JUMP_S:
            self._jump, self._until_s = f"The device's clock jumped by {_in_words(jump_s)}.", now_s + TOLD_S
        if wall_s < EARLIEST_WALL_S:
            return "The device's clock was never set: connect the device to a time server, or set its clock."
        return self._jump if now_s < self._until_s else ""


def _in_words(seconds: float) -> str:
    return f"{seconds / 86_400:+.0f} d" if abs(seconds) >= 86_400 else f"{seconds:+.0f} s"
