"""One process at a time changes the index of a device; one that fetches makes way for a person."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.core.errors import UnavailableError

_NAME = "update.lock"
_LOOK_EVERY_S = 0.1


@contextmanager
def locked(index_dir: Path, patience_s: float = 5.0) -> Iterator[None]:
    """Hold the index of ``index_dir`` for the block; raises UnavailableError where another process does for too long.

    The kernel lets go of it when the process ends, however that ends.
    """
    with contextlib.ExitStack() as stack:
        try:
            index_dir.mkdir(parents=True, exist_ok=True)
            descriptor = stack.enter_context(_opened(index_dir / _NAME, os.O_RDWR | os.O_CREAT))
            if not _takes(descriptor):
                _wait_for(descriptor, index_dir, patience_s)
        except OSError as error:
            raise UnavailableError(
                f"{index_dir} cannot be written ({error.strerror}): check the setting index_dir and its permissions."
            ) from error
        yield


def is_awaited(index_dir: Path) -> bool:
    """Whether another process waits for the lock."""
    try:
        with _opened(index_dir, os.O_RDONLY) as descriptor:
            return not _takes(descriptor)
    except OSError:
        return False


def _wait_for(descriptor: int, index_dir: Path, patience_s: float) -> None:
    until_s = time.monotonic() + patience_s
    # A shared lock of the folder itself says that somebody waits.
    with _opened(index_dir, os.O_RDONLY) as waiting:
        fcntl.flock(waiting, fcntl.LOCK_SH)
        while not _takes(descriptor):
            if time.monotonic() > until_s:
                raise UnavailableError(
                    f"Another process is changing the index in {index_dir}: `python -m cloud_sync status` says how "
                    "far it is; try again when it has ended."
                )
            time.sleep(_LOOK_EVERY_S)


def _takes(descriptor: int) -> bool:
    """Lock it for this process alone; False where another one has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
