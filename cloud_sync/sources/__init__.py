"""Where generations come from: a bucket of S3 (or of what speaks like it), a folder, or a tar file of that folder."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from cloud_sync.sources.folder import FolderSource
from cloud_sync.sources.opened import Opened, first_bytes
from cloud_sync.sources.tar import TarSource
from components.core.errors import ConfigurationError

__all__ = ["Opened", "Source", "open_source", "read_small"]


class Source(Protocol):
    """A publisher's place. Paths are relative to its root, with ``/`` between the parts."""

    def open(self, path: str, offset: int = 0, etag: str = "") -> AbstractContextManager[Opened]:
        """An object's bytes from ``offset`` on, if it still is the one that had ``etag``; else from its beginning.

        Raises NotThereError, UnavailableError or FormatError, also while the bytes are read.
        """


def read_small(source: Source, path: str, max_bytes: int) -> bytes:
    """A small file; raises NotThereError, UnavailableError, or FormatError where it has more than ``max_bytes``."""
    with source.open(path) as opened:
        return first_bytes(opened, path, max_bytes)


def open_source(address: str, endpoint_url: str = "") -> Source:
    """The source at ``address``: ``s3://bucket/prefix``, a folder, or a tar file; raises ConfigurationError.

    ``endpoint_url`` is of an S3 that is not Amazon's.
    """
    if address.startswith("s3://"):
        # Imported where it is used: it takes a second on a small device, and a folder needs none of it.
        from cloud_sync.sources.s3 import S3Source

        return S3Source(address, endpoint_url)
    if "://" in address or address.startswith("s3:") or not address:
        raise ConfigurationError(
            f"The source of the index is {address!r}; expected s3://bucket/prefix, a folder or a tar file."
        )
    path = Path(address).expanduser()
    return TarSource(path) if path.suffix == ".tar" else FolderSource(path)
