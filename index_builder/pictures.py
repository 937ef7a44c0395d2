"""Fetches a catalog's pictures: from the disk, or from the web through a cache on the disk."""

import hashlib
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from components.core.errors import BadContentError, UnavailableError
from components.files import write_whole
from components.picture_header import sniff

MAX_PICTURE_BYTES = 64 * 2**20
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class Pictures:
    """Reads pictures by path or URL; what came from the web once is read from ``cache_dir`` afterwards.

    A picture of the web must be whole ``whole_within_s`` after its server began to send it.
    """

    def __init__(self, cache_dir: Path, whole_within_s: float = 120.0) -> None:
        self._cache_dir = cache_dir
        self._whole_within_s = whole_within_s
        self._client = httpx.Client(
            timeout=_TIMEOUT,
            follow_redirects=True,
            transport=httpx.HTTPTransport(retries=2),
            headers={"User-Agent": "lookalike-index-builder"},
        )

    def read(self, location: str) -> bytes:
        """The bytes of a picture; raises BadContentError or UnavailableError in one sentence."""
        if location.startswith(("http://", "https://")):
            return self._read_url(location)
        return read_file(Path(location))

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _read_url(self, url: str) -> bytes:
        cached = self._cache_dir / hashlib.sha256(url.encode()).hexdigest()
        if cached.exists():
            return read_file(cached)
        try:
            with self._client.stream("GET", url) as response:
                response.raise_for_status()
                data = b"".join(_bounded(response.iter_bytes(), url, self._whole_within_s))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(f"{url} could not be fetched: {_short(error)}.") from error
        sniff(data)  # the page of an error or of a login must not be kept as if it were the picture
        try:
            write_whole(cached, data)
        except OSError as error:
            raise UnavailableError(f"{cached} cannot be written ({error.strerror}): make room on the disk.") from error
        return data


def _bounded(parts: Iterator[bytes], url: str, within_s: float) -> Iterator[bytes]:
    size, until = 0, time.monotonic() + within_s
    for part in parts:
        size += len(part)
        if time.monotonic() > until:
            raise UnavailableError(
                f"{url} has not come whole in {within_s:g} s: try again, or copy it beside the catalog."
            )
        if size > MAX_PICTURE_BYTES:
            raise BadContentError(
                f"{url} is larger than {MAX_PICTURE_BYTES // 2**20} MB: no picture of a catalog should be."
            )
        yield part


def _short(error: Exception) -> str:
    """The first line: the second one is a link for programmers."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def read_file(path: Path) -> bytes:
    """The bytes of a picture's file; raises BadContentError or UnavailableError in one sentence."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device might never end
            raise BadContentError(f"{path} is no file: correct the catalog.")
        if status.st_size > MAX_PICTURE_BYTES:
            raise BadContentError(
                f"{path} is larger than {MAX_PICTURE_BYTES // 2**20} MB: no picture of a catalog should be."
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BadContentError(f"{path} does not exist: correct the catalog or add the picture.") from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise BadContentError(f"{str(path)!r} is no path of a picture ({error}): correct the catalog.") from error
