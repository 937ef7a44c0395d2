"""An object while it is read."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cloud_sync.pace import Deadline, Pace
from components.core.errors import FormatError, UnavailableError

PART_BYTES = 64 * 1024
AGAIN = "try again; a device does so by itself"
"""What to do where it may go well the next time: said to both."""


@dataclass(frozen=True)
class Opened:
    """The bytes of an object from ``offset`` on; they may break off with UnavailableError."""

    size: int
    """Of the whole object."""
    offset: int
    """Where ``parts`` begin: what was asked for, or 0."""
    etag: str
    """Names this state of the object; "" where the place has no such name."""
    parts: Iterator[bytes] = field(repr=False)


def first_bytes(opened: Opened, path: str, max_bytes: int) -> bytes:
    """All bytes of a small file, none of them read beyond ``max_bytes``; raises FormatError or UnavailableError."""
    if opened.size > max_bytes:
        raise FormatError(f"{path} has {opened.size} bytes, more than the {max_bytes} that are allowed.")
    data, deadline = bytearray(), Deadline(Pace(), path)
    for part in opened.parts:
        data += part
        deadline.took(len(part))
        if len(data) > opened.size:
            break
    if len(data) != opened.size:
        raise UnavailableError(f"{path} came with {len(data)} bytes of {opened.size}: {AGAIN}.")
    return bytes(data)
