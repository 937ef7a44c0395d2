"""Cuts a stream of JPEG pictures, one behind the other, into pictures."""

import struct

from components.picture_header import jpeg_segments

MAX_JPEG_BYTES = 8 * 1024 * 1024
_START = b"\xff\xd8\xff"
_END = b"\xff\xd9"
_START_OF_SCAN = 0xDA


class JpegSplitter:
    """Takes bytes as they come and gives whole pictures; garbage between them is skipped, memory is bounded."""

    def __init__(self, max_jpeg_bytes: int = MAX_JPEG_BYTES) -> None:
        self._max_jpeg_bytes = max_jpeg_bytes
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The pictures that ``data`` completes, oldest first."""
        self._buffer += data
        pictures = []
        while (picture := self._take()) is not None:
            pictures.append(picture)
        return pictures

    def _take(self) -> bytes | None:
        """The next whole picture; None when more bytes are needed."""
        while True:
            self._drop(self._next_start(0))
            scan = self._scan()
            if scan is None:
                self._drop(1)
                continue
            end = self._buffer.find(_END, scan)
            # A start inside the coded picture: its writer began anew in the middle of it.
            again = self._buffer.find(_START, scan, end if end >= 0 else None)
            if again >= 0:
                self._drop(again)
            elif end >= 0:
                picture = self._buffer[: end + 2]
                self._drop(end + 2)
                return picture
            elif len(self._buffer) <= self._max_jpeg_bytes:
                return None
            else:
                self._drop(self._next_start(1))

    def _drop(self, count: int) -> None:
        self._buffer = self._buffer[count:]

    def _next_start(self, at: int) -> int:
        """Where the next picture may start: what is before it, and no part of a start, is of no use."""
        start = self._buffer.find(_START, at)
        return start if start >= 0 else max(at, len(self._buffer) - len(_START) + 1)

    def _scan(self) -> int | None:
        """Offset from which an end is really one; the buffer's length when that is not in yet; None for no JPEG."""
        marker = None
        try:
            for marker, at in jpeg_segments(self._buffer):  # noqa: B007  # the last one counts
                scan = at
        except (struct.error, IndexError):
            return len(self._buffer)
        return scan if marker == _START_OF_SCAN else None
