"""Which generations end the searcher: counted over its restarts, so that none ends it for ever.

Not over the device's: power that goes twice in a row says nothing of a generation.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from components.core.fields import count
from components.files import write_whole

log = logging.getLogger(__name__)

TRIES = 2
"""A nucleus gives a component up that ends three times: the third start must go well."""
SETTLES_S = 10.0
_MAX_BYTES = 4_096
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Starts:
    """Counts in ``file`` how often a generation was begun with and not lived with; without one, forgets at the end."""

    def __init__(
        self, file: Path | None = None, clock: Callable[[], float] = time.monotonic, boot: str | None = None
    ) -> None:
        self._file, self._clock = file, clock
        self._boot = _boot() if boot is None else boot
        self._begun = self._read()
        self._since_s: dict[int, float] = {}

    def given_up(self, seq: int) -> bool:
        """Whether the searcher ended again and again soon after it had begun with generation ``seq``."""
        return seq not in self._since_s and self._begun.get(seq, 0) >= TRIES

    def begin(self, seq: int) -> None:
        """What follows may end this process; to be called before it."""
        if seq not in self._since_s:
            self._begun[seq] = self._begun.get(seq, 0) + 1
            self._write()
        self._since_s[seq] = self._clock()

    def look(self, usable: Iterable[int], *, ends: bool = False) -> None:
        """Forget what went well for a while, or until the process ``ends`` orderly, and what is not ``usable``."""
        now_s, kept = self._clock(), set(usable)
        lived = {seq for seq, since_s in self._since_s.items() if ends or now_s - since_s >= SETTLES_S}
        left = {seq: times for seq, times in self._begun.items() if seq in kept and seq not in lived}
        self._since_s = {seq: since_s for seq, since_s in self._since_s.items() if seq not in lived}
        if left != self._begun:
            self._begun = left
            self._write()

    def _read(self) -> dict[int, int]:
        try:
            if self._file is not None:
                with self._file.open("rb") as file:
                    document = json.loads(file.read(_MAX_BYTES))
                    if document["boot"] == self._boot:
                        return {int(seq): count(times) for seq, times in document["begun"].items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.warning("How often a generation was begun with is not known any more: %s.", error)
        return {}

    def _write(self) -> None:
        if self._file is None:
            return
        try:
            document = {"boot": self._boot, "begun": self._begun}
            write_whole(self._file, json.dumps(document).encode(), durable=True)
        except OSError as error:
            log.warning("How often a generation was begun with cannot be noted: %s.", error.strerror)


def _boot() -> str:
    """The name of this run of the device; "" where the system gives none: then all runs are one."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
