"""A folder as a place to publish to: a disk, a USB stick, or what a web server serves."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from cloud_sync.sources import read_small
from cloud_sync.sources.folder import FolderSource
from components.core.errors import UnavailableError
from components.files import make_durable, write_whole
from index_builder.publish.taken import TakenError


class FolderPlace:
    """Writes aside and renames; one publisher at a time holds the folder's lock while it replaces a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fresh: set[Path] = set()

    def __enter__(self) -> "FolderPlace":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def read(self, path: str, max_bytes: int) -> bytes:
        """The file; raises NotThereError, or FormatError where it is larger."""
        return read_small(FolderSource(self._folder), path, max_bytes)

    def sizes(self, folder: str) -> dict[str, int]:
        """Every file under ``folder``, by its path."""
        return {path: file.st_size for path, file in self._files(folder).items()}

    def written(self) -> dict[str, float]:
        """Every file, by its path, with when it was written: seconds since 1970."""
        return {path: file.st_mtime for path, file in self._files("").items()}

    def put(self, path: str, data: bytes) -> None:
        """Write a file whose name tells its content."""
        with self._converting():
            write_whole(self._folder / path, data)
        self._fresh.add(self._folder / path)

    def swap(self, path: str, old: bytes | None, new: bytes) -> None:
        """Replace ``old`` by ``new`` once all that was put has reached the disk."""
        file = self._folder / path
        with self._converting(), self._locked():
            make_durable(self._fresh, self._folder)
            self._fresh.clear()
            there = file.read_bytes() if file.exists() else None
            if there != old:
                raise TakenError(file)
            write_whole(file, new, durable=True)

    def _files(self, folder: str) -> dict[str, os.stat_result]:
        with self._converting():
            every = os.walk(self._folder / folder, onerror=_refuse_unless_missing)
            files = [Path(parent, name) for parent, _, names in every for name in names if name[0] != "."]
            return {path.relative_to(self._folder).as_posix(): path.stat() for path in files if path.is_file()}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """A lock that ends with the process."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _converting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"{self._folder} cannot be used ({error.strerror}): choose a folder that you may write to, on a disk "
                "with room."
            ) from error


def _refuse_unless_missing(error: OSError) -> None:
    """What may not be looked into must not pass for empty."""
    if not isinstance(error, FileNotFoundError):
        raise UnavailableError(
            f"{error.filename} cannot be read ({error.strerror}): look at its permissions."
        ) from error
