"""The places that a channel is published to, and what a publisher needs of them.

<channel>/metadata/   root, targets, snapshot and timestamp of The Update Framework
<channel>/targets/    <sha256>.<seq>.json, the manifests
objects/aa/<sha256>   written once, shared by all channels
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from components.core.errors import ConfigurationError
from index_builder.publish.folder_place import FolderPlace
from index_builder.publish.tar_place import tar_place


class Place(Protocol):
    """Where a channel is published; paths are relative. Nobody ever meets half a file. Raises UnavailableError."""

    def read(self, path: str, max_bytes: int) -> bytes:
        """The file; raises NotThereError, or FormatError where it is larger."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Every file under ``folder``, by its path."""

    def put(self, path: str, data: bytes) -> None:
        """Write a file whose name tells its content; it is there for good after the next ``swap``."""

    def swap(self, path: str, old: bytes | None, new: bytes) -> None:
        """Replace ``old`` (None: no file) by ``new``; raises TakenError where something else is there by now."""


def object_path(digest: str) -> str:
    """Where an object lies in every place."""
    return f"objects/{digest[:2]}/{digest}"


@contextmanager
def open_place(address: str, endpoint_url: str = "") -> Iterator[Place]:
    """The place at ``address``: ``s3://bucket/prefix``, a folder, or a tar file that is written at the end.

    ``endpoint_url`` is of an S3 that is not Amazon's. Raises ConfigurationError for another kind of address.
    """
    opened: Callable[[], AbstractContextManager[Place]]
    if address.startswith("s3://"):
        from index_builder.publish.s3_place import s3_place  # it takes a second: a folder needs none of it

        opened = lambda: s3_place(address, endpoint_url)  # noqa: E731
    elif "://" in address or address.startswith("s3:") or not address:
        raise ConfigurationError(f"{address!r} is no place to publish to: give s3://bucket/prefix, a folder or a .tar.")
    elif address.endswith(".tar"):
        opened = lambda: tar_place(Path(address).expanduser())  # noqa: E731
    else:
        opened = lambda: FolderPlace(Path(address).expanduser())  # noqa: E731
    with opened() as place:
        yield place
