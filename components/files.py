"""Writing files so that a reader, or a crash, meets the old content or the new one, never a part."""

import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path

_ASIDE = re.compile(r"\..+\.\d+-\d+", re.DOTALL)


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write ``data`` aside, then rename; with ``durable`` it has reached the disk before the rename. Raises OSError."""
    folders = _make_folder(path.parent)
    aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")  # as _ASIDE says
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
        for folder in folders:
            _sync(folder)


def left_aside(folder: Path) -> list[Path]:
    """What writers that were killed left aside in ``folder``; to be asked while nobody writes there."""
    return [path for path in folder.glob(".*") if _ASIDE.fullmatch(path.name)]


def make_durable(paths: Iterable[Path], within: Path) -> None:
    """Wait until files that were written below ``within`` have reached the disk, with their names. Raises OSError."""
    folders = set()
    for path in paths:
        _sync(path)
        folders |= {folder for folder in path.parents if folder.is_relative_to(within)}
    for folder in folders:  # a folder that is new may be lost like a file, with all that is in it
        _sync(folder)


def _make_folder(folder: Path) -> list[Path]:
    """Make it where it is missing; all folders in which a name is new once a file is in there."""
    changed = [folder]
    while not changed[-1].exists():
        changed.append(changed[-1].parent)
    folder.mkdir(parents=True, exist_ok=True)
    return changed


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
