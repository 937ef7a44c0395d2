"""A publisher's place on a disk: a USB stick, or a share of the network."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud_sync.sources.opened import PART_BYTES, Opened
from components.core.errors import NotThereError, UnavailableError


class FolderSource:
    """Reads the tree that ``publish`` made in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def open(self, path: str, offset: int = 0, etag: str = "") -> Iterator[Opened]:
        """A file's bytes from ``offset`` on, if it still is the one that had ``etag``."""
        try:
            with (self._folder / path).open("rb") as file:
                stat = os.fstat(file.fileno())
                now = f"{stat.st_size}-{stat.st_mtime_ns}"
                offset = offset if etag == now and offset <= stat.st_size else 0
                file.seek(offset)
                yield Opened(stat.st_size, offset, now, iter(lambda: file.read(PART_BYTES), b""))
        except FileNotFoundError as error:
            raise NotThereError(
                f"{self._folder / path} is not there: is the stick plugged in, and is it the folder that was published?"
            ) from error
        except NotADirectoryError as error:
            raise UnavailableError(
                f"{self._folder} is no folder, and no file that ends in .tar: look at the address."
            ) from error
        except OSError as error:
            raise UnavailableError(
                f"{self._folder / path} cannot be read ({error.strerror}): look at the medium and its permissions."
            ) from error
