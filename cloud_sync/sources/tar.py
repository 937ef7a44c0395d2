"""A publisher's place in one tar file, uncompressed."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from cloud_sync.sources.opened import PART_BYTES, Opened
from components.core.errors import FormatError, NotThereError, UnavailableError

MAX_MEMBERS = 500_000
_Extent = tuple[int, int]


class TarSource:
    """Reads the files of a tar where they lie in it; nothing is unpacked, so no name in it can lead anywhere."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._extents: dict[str, _Extent] = {}
        self._etag = ""

    @contextmanager
    def open(self, path: str, offset: int = 0, etag: str = "") -> Iterator[Opened]:
        """A file's bytes from ``offset`` on, if the tar still is the one that had ``etag``."""
        try:
            begin, size = self._extent(path)
            offset = offset if etag == self._etag and offset <= size else 0
            with self._path.open("rb") as file:
                file.seek(begin + offset)
                yield Opened(size, offset, self._etag, _parts(file, size - offset))
        except FileNotFoundError as error:
            raise NotThereError(f"{self._path} is not there: is the stick plugged in?") from error
        except OSError as error:
            raise UnavailableError(f"{self._path} cannot be read ({error.strerror}): look at the medium.") from error

    def _extent(self, path: str) -> _Extent:
        stat = self._path.stat()
        etag = f"{stat.st_size}-{stat.st_mtime_ns}"
        if etag != self._etag:
            self._extents, self._etag = _extents(self._path, stat.st_size), etag
        if path not in self._extents:
            raise NotThereError(f"{self._path} does not hold {path}: it is not what was published, or a part of it.")
        return self._extents[path]


def _extents(path: Path, size: int) -> dict[str, _Extent]:
    """Where in the tar each of its files lies; raises FormatError."""
    found: dict[str, _Extent] = {}
    try:
        with path.open("rb") as file, tarfile.open(fileobj=cast(IO[bytes], _Whole(file, size)), mode="r:") as tar:
            while (member := tar.next()) is not None:
                if len(found) >= MAX_MEMBERS or member.offset_data + member.size > size:
                    raise tarfile.ReadError(f"{member.name[:80]!r} cannot be a part of it")
                if member.isreg() and not member.issparse():
                    found[member.name.removeprefix("./")] = (member.offset_data, member.size)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise FormatError(f"{path} is no whole tar file ({error}): copy it again.") from error
    return found


class _Whole:
    """A file whose ``read`` never makes room for more than is there, whatever a header claims."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        there = max(0, self._size - self._file.tell())
        return self._file.read(there if size < 0 else min(size, there))


def _parts(file: IO[bytes], left: int) -> Iterator[bytes]:
    while left > 0 and (part := file.read(min(PART_BYTES, left))):
        left -= len(part)
        yield part
