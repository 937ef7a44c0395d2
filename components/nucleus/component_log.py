"""One bounded log file per component."""

import contextlib
from pathlib import Path

MAX_LOG_BYTES = 5_000_000


class ComponentLog:
    """Appends lines to ``path``; a full file becomes ``path.1`` and a new one begins, so two files are the most."""

    def __init__(self, path: Path, max_bytes: int = MAX_LOG_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._max = path, max_bytes
        self._file = path.open("ab")

    def write(self, line: bytes) -> None:
        """Append one line, and have it on the file system at once; on a full disk it is lost."""
        with contextlib.suppress(OSError):
            self._write(line)

    def _write(self, line: bytes) -> None:
        if self._file.tell() + len(line) > self._max:
            self._file.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._file = self._path.open("ab")
        self._file.write(line if line.endswith(b"\n") else line + b"\n")
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()
