"""Fetches objects into the store; what broke off goes on from there, also in another process."""

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cloud_sync.index.generation_objects import Wanted
from cloud_sync.pace import Deadline, Pace
from cloud_sync.sources import Opened, Source
from components.core.errors import FormatError, NotThereError, UnavailableError
from components.files import make_durable, write_whole
from components.store import Store

log = logging.getLogger(__name__)

FOLDER = "partial"
_TRIES = 3
_PROGRESS_BYTES = 64 * 1024
"""Less than that is no progress: a server that drips must not hold the device for days."""
_MAX_ETAG = 200


class Fetcher:
    """Brings objects from ``source``; they are on the disk for good after ``make_durable``."""

    def __init__(
        self,
        store: Store,
        source: Source,
        pace: Pace,
        *,
        on_bytes: Callable[[int], None] = lambda size: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._source, self._pace = store, source, pace
        self._on_bytes, self._pause = on_bytes, pause
        self._folder = store.index_dir / FOLDER
        self._fresh: set[Path] = set()

    def fetch(self, wanted: Wanted) -> None:
        """Bring the object; raises UnavailableError, then what has come is kept for the next time."""
        part = self._folder / wanted.sha256
        try:
            with _written(part):
                self._folder.mkdir(parents=True, exist_ok=True)
                resumed = self._complete(part, wanted)
                if _digest(part) != wanted.sha256:
                    _remove(part)
                    if not resumed or (self._complete(part, wanted), _digest(part))[1] != wanted.sha256:
                        _remove(part)
                        raise UnavailableError(
                            f"{wanted.path} came with another content than its name says: ask for it."
                        )
                self._keep(part, wanted)
        except FormatError as error:  # of the medium: what a generation itself is comes out when it is tried
            raise UnavailableError(str(error)) from error

    def rest(self, wanted: Wanted) -> int:
        """How much of the object has not come yet."""
        return max(0, wanted.size - _size(self._folder / wanted.sha256))

    def make_durable(self) -> None:
        """Wait until all that was fetched has reached the disk; raises UnavailableError."""
        try:
            make_durable(self._fresh, self._store.index_dir)
        except OSError as error:
            raise UnavailableError(f"{self._store.index_dir} cannot be written ({error.strerror}).") from error
        self._fresh.clear()

    def _keep(self, part: Path, wanted: Wanted) -> None:
        path = self._store.object_path(wanted.sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        part.replace(path)
        _etag_of(part).unlink(missing_ok=True)
        self._fresh.add(path)

    def _complete(self, part: Path, wanted: Wanted) -> bool:
        """Go on with ``part`` until it has its size; whether some of it was there before."""
        before, tries = _size(part), 0
        while True:
            had = _size(part)
            try:
                self._go_on(part, wanted)
                return before > 0
            except NotThereError:
                raise
            except UnavailableError as error:
                tries = 0 if _size(part) - had >= _PROGRESS_BYTES else tries + 1
                if tries >= _TRIES:
                    raise
                log.info("%s", error)
                self._pause(2.0**tries)

    def _go_on(self, part: Path, wanted: Wanted) -> None:
        etag = _read_etag(part)
        offset = _size(part) if etag else 0
        if offset > wanted.size:
            _remove(part)
            offset, etag = 0, ""
        if wanted.exact and offset == wanted.size and offset:
            return
        deadline = Deadline(self._pace, wanted.path)
        with self._source.open(wanted.path, offset, etag) as opened:
            _require_fitting(opened, wanted)
            with _written(part):
                if opened.offset != offset or not etag:
                    _remove(part)
                if opened.etag and opened.offset == 0:
                    write_whole(_etag_of(part), opened.etag[:_MAX_ETAG].encode())
                # Unbuffered: what has come is there, whatever happens to this process.
                file = part.open("ab", buffering=0)
            with file:
                for data in opened.parts:
                    with _written(part):
                        file.write(data)
                    self._on_bytes(len(data))
                    self._pace.took(len(data))
                    deadline.took(len(data))
        if _size(part) != opened.size:
            raise UnavailableError(f"{wanted.path} came with {_size(part)} bytes of {opened.size}: it goes on later.")


@contextlib.contextmanager
def _written(part: Path) -> Iterator[None]:
    """The disk's errors, told as such: to the place that ``part`` comes from they would look like its own."""
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            f"{part} cannot be written ({error.strerror}): check the permissions and the room on the disk."
        ) from error


def _require_fitting(opened: Opened, wanted: Wanted) -> None:
    if opened.size > wanted.size or (wanted.exact and opened.size != wanted.size):
        most = "" if wanted.exact else "at most "
        raise UnavailableError(
            f"{wanted.path} has {opened.size} bytes at the place that it comes from, expected {most}{wanted.size}: "
            "publish it again."
        )


def _etag_of(part: Path) -> Path:
    return part.with_suffix(".etag")


def _read_etag(part: Path) -> str:
    try:
        return _etag_of(part).read_bytes()[:_MAX_ETAG].decode()
    except (OSError, UnicodeDecodeError):
        return ""


def _remove(part: Path) -> None:
    for path in (_etag_of(part), part):
        path.unlink(missing_ok=True)


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def _digest(part: Path) -> str:
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while data := file.read(2**20):
            digest.update(data)
    return digest.hexdigest()
