"""The camera's newest preview picture, out of RAM."""

import time
from pathlib import Path

from components.ram import preview_path

_MAX_BYTES = 2 * 1024 * 1024


class Preview:
    """Reads the preview of ``camera``; one that is older than ``max_age_s`` does not exist."""

    def __init__(self, ram_dir: Path, camera: str, max_age_s: float) -> None:
        self._path = preview_path(ram_dir, camera)
        self._max_age_s = max_age_s

    def read(self) -> bytes | None:
        """The JPEG, or None where there is none that is fresh."""
        age_ms = self.age_ms()
        if age_ms is None or age_ms > self._max_age_s * 1000:
            return None
        try:
            with self._path.open("rb") as file:
                data = file.read(_MAX_BYTES)
        except OSError:
            return None
        return data if data.startswith(b"\xff\xd8") else None

    def age_ms(self) -> int | None:
        """How old the preview is, or None where there is none. A file from the future is as wrong as an old one."""
        try:
            written_s = self._path.stat().st_mtime
        except OSError:
            return None
        return round(abs(time.time() - written_s) * 1000)
