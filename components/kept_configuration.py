"""The configuration that counts: the newest good one, kept over a restart of the process."""

import dataclasses
import json
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from components.core.configuration import from_mapping
from components.core.errors import ConfigurationError
from components.files import write_whole
from components.pauses import GrowingPause
from components.problems import Problems

log = logging.getLogger(__name__)

C = TypeVar("C")


class KeptConfiguration(Generic[C]):
    """Takes good configurations, refuses wrong ones with the reason, and keeps the last good one in ``work_dir``.

    One of the nuclei restarts a component whose configuration changed: one that comes up with a wrong one finds the
    last good one here.
    """

    def __init__(self, settings: type[C], work_dir: Path, problems: Problems) -> None:
        self._settings, self._problems = settings, problems
        # In a folder of its own, which others cannot read: an address may hold a password.
        self._file = work_dir / "configuration" / "last-good.json"
        self._lock = threading.Lock()
        self._saved = True
        self._pause, self._try_at = GrowingPause(1.0, 60.0), 0.0
        self._refused = ""
        self.current: C | None = None
        """The configuration that counts; None until there was a good one."""

    def offer(self, mapping: Mapping[str, object]) -> bool:
        """Take what the deployment says now; True where what counts is another configuration than before."""
        try:
            offered = from_mapping(self._settings, mapping)
        except ConfigurationError as error:
            return self._refuse(str(error).rstrip("."))
        self._problems.note("configuration", "")
        self._refused = ""
        if offered == self.current:
            return False
        if self.current is not None:
            log.info("The configuration changed (%s); it is applied.", ", ".join(_changed(self.current, offered)))
        self.current = offered
        self._saved = False
        self._pause.reset()
        self._try_at = 0.0
        self.save()
        return True

    def save(self) -> None:
        """Write what counts to the disk where that is still to do; harmless to call often."""
        with self._lock:
            if self._saved or time.monotonic() < self._try_at:
                return
            try:
                self._write()
            except OSError as error:
                self._try_at = time.monotonic() + self._pause.next_s()
                problem = f"the last good configuration cannot be kept in {self._file.parent} ({error.strerror})"
                log.warning("%s; trying again.", problem)
                self._problems.note("work folder", problem)
                return
            self._saved = True
            self._problems.note("work folder", "")

    def _write(self) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        values = dataclasses.asdict(self.current)  # type: ignore[call-overload]  # settings are a dataclass
        data = json.dumps(values, indent=1).encode()
        if not self._file.exists() or self._file.read_bytes() != data:  # a start need not wear out the flash
            write_whole(self._file, data, durable=True)

    def _refuse(self, why: str) -> bool:
        before = self.current
        if before is None:
            self.current = self._restored()
        end = "waiting for a good one" if self.current is None else "going on with the last good one"
        reason = f"configuration refused: {why}, {end}"
        if reason != self._refused:
            log.warning("%s", reason)
        self._refused = reason
        self._problems.note("configuration", reason)
        return before is None and self.current is not None

    def _restored(self) -> C | None:
        """What an earlier process kept, as far as this version still knows it; None where that cannot be had."""
        try:
            kept = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("The last good configuration in %s cannot be read: %s.", self._file, error)
            return None
        known = {field.name for field in dataclasses.fields(self._settings)}  # type: ignore[arg-type]  # a dataclass
        try:
            return from_mapping(self._settings, {key: value for key, value in dict(kept).items() if key in known})
        except (ConfigurationError, TypeError, ValueError) as error:
            log.warning("The last good configuration in %s is none for this version: %s", self._file, error)
            return None


def _changed(before: Any, after: Any) -> list[str]:
    """The names of the settings that differ; never their values, which may be addresses with a password."""
    names = [field.name for field in dataclasses.fields(before)]
    return [name for name in names if getattr(before, name) != getattr(after, name)]
