"""When updates may come: hours of the day, local time."""

import re
import time
from dataclasses import dataclass

from cloud_sync.status_event import EARLIEST_WALL_S
from components.core.errors import ConfigurationError

_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class Window:
    """From one minute of the day to another one, perhaps of the next day; the same twice is always."""

    first: int
    end: int

    @classmethod
    def of(cls, text: str) -> "Window":
        """The window that ``text`` means, like 22:00-06:00; "" is always. Raises ConfigurationError."""
        found = _WINDOW.fullmatch(text or "00:00-00:00")
        if found is None:
            raise ConfigurationError(f"Setting 'download_window' is {text!r}; expected hours like 22:00-06:00.")
        first, end = (60 * int(found[n]) + int(found[n + 1]) for n in (1, 3))
        return cls(first, end)

    def is_open(self, wall_s: float) -> bool:
        """Whether updates may come at ``wall_s``, seconds since 1970; always on a device whose clock was never set."""
        if self.first == self.end or wall_s < EARLIEST_WALL_S:
            return True
        local = time.localtime(wall_s)
        minute = 60 * local.tm_hour + local.tm_min
        if self.first < self.end:
            return self.first <= minute < self.end
        return minute >= self.first or minute < self.end
