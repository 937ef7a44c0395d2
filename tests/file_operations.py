"""What a process does to files, operation by operation: written down, or ended by a kill at one of them.

``file_operations.c`` is loaded into the process under test, which runs as it is.
"""

import atexit
import contextlib
import functools
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")
_ROOT = Path(__file__).parents[1]
_RECORD = struct.Struct("6Q")
CREATE, WRITE, TRUNCATE, SYNC, RENAME, LINK, SYMLINK, UNLINK, MKDIR, MARK = "cwtsrlyum@"


def why_not() -> str:
    """Why no process can be watched here; "" where it can."""
    if sys.platform != "linux":
        return "processes are watched on Linux alone"
    return "" if shutil.which("cc") else "there is no C compiler (cc) to build the watcher with"


@dataclass(frozen=True)
class Operation:
    """One thing that was done to a file or a folder."""

    kind: str
    inode: int
    offset: int
    """Of a write; the new length of what is truncated."""
    path: str
    second: str
    data: bytes = field(repr=False)

    @property
    def mark(self) -> str:
        """The name of a mark."""
        return Path(self.path).name[1:]


def mark(folder: Path, name: str) -> None:
    """In the process under test: say in the record how far it is."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(folder / f"@{name}")  # noqa: PTH108  # the call that the watcher sees


@functools.cache
def _library() -> Path:
    folder = tempfile.mkdtemp(prefix="lookalike-watcher-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = Path(folder) / "file_operations.so"
    subprocess.run(["cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", _SOURCE, "-o", library, "-ldl"], check=True)
    return library


def environment(folder: Path, *, log: Path | None = None, kill_at: int = 0) -> dict[str, str]:
    """For a process whose operations below ``folder`` are written into ``log``, and which dies at the one named."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    added = {"LD_PRELOAD": str(_library()), "FILE_OPERATIONS_IN": str(folder.resolve())}
    added |= {"PYTHONPATH": os.pathsep.join(paths), "FILE_OPERATIONS_KILL_AT": str(kill_at)}
    return {**os.environ, **added, **({"FILE_OPERATIONS_LOG": str(log)} if log else {})}


def record(folder: Path, arguments: Sequence[str], *, timeout_s: float = 120.0) -> list[Operation]:
    """Run ``python arguments``, which must succeed; everything that it did below ``folder``."""
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log"
        log.touch()
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment(folder, log=log),
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{arguments} failed: {done.stderr.decode()[-2000:]}")
        return list(_operations(log.read_bytes()))


def counted(log: Path) -> int:
    """How many operations of a record are such that a process can be killed at them."""
    return sum(operation.kind not in (MKDIR, MARK) for operation in _operations(log.read_bytes()))


def _operations(log: bytes) -> list[Operation]:
    found, position = [], 0
    while position < len(log):
        kind, inode, offset, *lengths = _RECORD.unpack_from(log, position)
        position += _RECORD.size
        parts = []
        for length in lengths:
            parts.append(log[position : position + length])
            position += length
        if chr(kind) == "?":
            raise RuntimeError(f"{parts[0].decode()} was changed in a way that the record does not know")
        found.append(Operation(chr(kind), inode, offset, parts[0].decode(), parts[1].decode(), parts[2]))
    return found
