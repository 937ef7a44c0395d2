"""Writing files so that a reader, or a crash, meets the old content or the new one, never a part."""

import os
import threading
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write ``data`` aside, then rename; with ``durable`` it has reached the disk before the rename. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with aside.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:  # also a Ctrl-C leaves nothing half written
        aside.unlink(missing_ok=True)
        raise
    if durable:
        _sync(path.parent)


def make_durable(paths: Iterable[Path]) -> None:
    """Wait until files that were written before have reached the disk, with their names. Raises OSError."""
    folders = set()
    for path in paths:
        _sync(path)
        folders.add(path.parent)
    for folder in folders:
        _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
