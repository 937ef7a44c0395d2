"""The frames of the Greengrass IPC protocol (event-stream RPC): bytes in, frames out, no socket anywhere.

A frame: u32 total | u32 headers length | u32 crc32 of the first 8 | headers | payload | u32 crc32 of all before;
big-endian. A header: u8 name length | name | u8 type | value.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from components.core.errors import BadContentError

HeaderValue = bool | int | bytes | str

_PRELUDE = struct.Struct(">III")
_U32 = struct.Struct(">I")
_U16 = struct.Struct(">H")
_I32 = struct.Struct(">i")
_OVERHEAD = _PRELUDE.size + _U32.size
_INTEGER_SIZES = {2: 1, 3: 2, 4: 4, 5: 8, 8: 8}
_UUID, _UUID_SIZE = 9, 16
_BYTES, _STRING = 6, 7


class WireError(BadContentError):
    """What came over the socket is not a frame of this protocol; the connection cannot be used any more."""


class FrameTooLargeError(WireError):
    """A frame is larger than the nucleus takes."""


class MessageType(IntEnum):
    """``:message-type`` of a frame."""

    APPLICATION_MESSAGE = 0
    APPLICATION_ERROR = 1
    PING = 2
    PING_RESPONSE = 3
    CONNECT = 4
    CONNECT_ACK = 5
    PROTOCOL_ERROR = 6
    INTERNAL_ERROR = 7


class Flags(IntFlag):
    """``:message-flags`` of a frame."""

    NONE = 0
    CONNECTION_ACCEPTED = 1
    TERMINATE_STREAM = 2


@dataclass(frozen=True)
class Frame:
    """One message: stream 0 is the connection itself; ``headers`` are those beside the three that every frame has."""

    type: MessageType
    stream_id: int = 0
    payload: bytes = b""
    headers: Mapping[str, HeaderValue] = field(default_factory=dict)
    flags: Flags = Flags.NONE


def encode(frame: Frame) -> bytes:
    """The bytes of ``frame``."""
    headers = b"".join(
        (
            _encode_header(":message-type", int(frame.type)),
            _encode_header(":message-flags", int(frame.flags)),
            _encode_header(":stream-id", frame.stream_id),
            *(_encode_header(name, value) for name, value in frame.headers.items()),
        )
    )
    lengths = struct.pack(">II", _OVERHEAD + len(headers) + len(frame.payload), len(headers))
    body = b"".join((lengths, _U32.pack(zlib.crc32(lengths)), headers, frame.payload))
    return body + _U32.pack(zlib.crc32(body))


def _encode_header(name: str, value: HeaderValue) -> bytes:
    label = name.encode()
    return bytes((len(label),)) + label + _encode_value(value)


def _encode_value(value: HeaderValue) -> bytes:
    if isinstance(value, bool):
        return b"\x00" if value else b"\x01"
    if isinstance(value, int):
        return b"\x04" + _I32.pack(value)
    data = value.encode() if isinstance(value, str) else value
    kind = _STRING if isinstance(value, str) else _BYTES
    return bytes((kind,)) + _U16.pack(len(data)) + data


class Decoder:
    """Gathers received bytes into frames; ``max_frame_bytes`` is the largest frame, with all its parts."""

    def __init__(self, max_frame_bytes: int) -> None:
        self._max = max_frame_bytes
        self._buffer = bytearray()

    def receive(self, data: bytes) -> None:
        """Take ``data`` as it came from the socket."""
        self._buffer += data

    def next_frame(self) -> Frame | None:
        """The next whole frame, or None until more bytes came; raises WireError for anything else."""
        if len(self._buffer) < _PRELUDE.size:
            return None
        total, headers_size, checksum = _PRELUDE.unpack_from(self._buffer)
        self._check_prelude(total, headers_size, checksum)
        if len(self._buffer) < total:
            return None
        raw = bytes(self._buffer[:total])
        del self._buffer[:total]
        if zlib.crc32(raw[:-4]) != _U32.unpack_from(raw, total - 4)[0]:
            raise WireError("The checksum of an IPC frame is wrong; close the connection and connect again.")
        end = _PRELUDE.size + headers_size
        return _to_frame(_decode_headers(raw, _PRELUDE.size, end), raw[end:-4])

    def _check_prelude(self, total: int, headers_size: int, checksum: int) -> None:
        if zlib.crc32(self._buffer[:8]) != checksum:
            raise WireError("The start of an IPC frame has a wrong checksum; the peer does not speak this protocol.")
        if total > self._max:
            raise FrameTooLargeError(f"An IPC frame of {total} bytes is too large; at most {self._max} are taken.")
        if total < _OVERHEAD + headers_size:
            raise WireError(f"An IPC frame of {total} bytes cannot hold {headers_size} bytes of headers.")


def _decode_headers(raw: bytes, at: int, end: int) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    try:
        while at < end:
            size = raw[at]
            name = raw[at + 1 : at + 1 + size].decode()
            value, at = _decode_value(raw, at + 1 + size)
            headers[name] = value
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise WireError(f"The headers of an IPC frame are damaged: {error}.") from error
    if at != end:
        raise WireError("The headers of an IPC frame do not end where they should.")
    return headers


def _decode_value(raw: bytes, at: int) -> tuple[HeaderValue, int]:
    kind, at = raw[at], at + 1
    if kind in (0, 1):
        return kind == 0, at
    if kind in _INTEGER_SIZES:
        size = _INTEGER_SIZES[kind]
        return int.from_bytes(raw[at : at + size], "big", signed=True), at + size
    if kind in (_BYTES, _STRING):
        size = _U16.unpack_from(raw, at)[0]
        data = raw[at + 2 : at + 2 + size]
        return (data.decode() if kind == _STRING else data), at + 2 + size
    if kind == _UUID:
        return raw[at : at + _UUID_SIZE], at + _UUID_SIZE
    raise WireError(f"A header of an IPC frame has the unknown type {kind}.")


def _to_frame(headers: dict[str, HeaderValue], payload: bytes) -> Frame:
    kind, stream_id = headers.pop(":message-type", None), headers.pop(":stream-id", None)
    flags = headers.pop(":message-flags", 0)
    if not (isinstance(kind, int) and isinstance(stream_id, int) and isinstance(flags, int)):
        raise WireError("An IPC frame lacks its message type, its flags or its stream id.")
    try:
        return Frame(MessageType(kind), stream_id, payload, headers, Flags(flags))
    except ValueError as error:
        raise WireError(f"An IPC frame has an unknown message type or flag: {error}.") from error
