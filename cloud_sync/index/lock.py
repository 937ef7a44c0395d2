"""One process at a time changes the index of a device."""

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
    try:
        index_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(index_dir / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UnavailableError(
            f"{index_dir} cannot be written ({error.strerror}): check the setting index_dir and its permissions."
        ) from error
    try:
        _wait_for(descriptor, index_dir, patience_s)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, index_dir: Path, patience_s: float) -> None:
    until_s = time.monotonic() + patience_s
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if time.monotonic() > until_s:
                raise UnavailableError(
                    f"Another process is changing the index in {index_dir}: `python -m cloud_sync status` says how "
                    "far it is; try again when it has ended."
                ) from error
        time.sleep(_LOOK_EVERY_S)
