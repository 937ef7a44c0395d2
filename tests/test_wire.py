"""components/nucleus/wire.py: frames and bytes."""

import contextlib
import struct
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.nucleus.wire import Decoder, Flags, Frame, FrameTooLargeError, MessageType, WireError, encode

# As the vendor's client sends it: worked out by hand from the protocol, not with this codec.
CONNECT = bytes.fromhex(
    "0000006e 00000048"
    "0d 3a6d6573736167652d74797065 04 00000004"
    "0e 3a6d6573736167652d666c616773 04 00000000"
    "0a 3a73747265616d2d6964 04 00000000"
    "08 3a76657273696f6e 07 0005 302e312e30"
    "7b2261757468546f6b656e223a22736563726574227d"
)

HEADERS = st.dictionaries(
    st.text("abcdefgh-", min_size=1, max_size=20),
    st.booleans() | st.integers(-(2**31), 2**31 - 1) | st.text("aé漢 ", max_size=30) | st.binary(max_size=30),
    max_size=6,
)
FRAMES = st.builds(
    Frame,
    st.sampled_from(MessageType),
    st.integers(0, 2**31 - 1),
    st.binary(max_size=100),
    HEADERS,
    st.sampled_from(Flags),
)


def decoded(data: bytes, limit: int = 10_000) -> list[Frame]:
    decoder = Decoder(limit)
    decoder.receive(data)
    return list(iter(decoder.next_frame, None))


def raw_frame(headers: bytes, payload: bytes = b"") -> bytes:
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def test_connect_message_is_what_the_protocol_says() -> None:
    frame = Frame(MessageType.CONNECT, 0, b'{"authToken":"secret"}', {":version": "0.1.0"})
    data = encode(frame)
    expected = CONNECT[:8] + struct.pack(">I", zlib.crc32(CONNECT[:8])) + CONNECT[8:]
    assert data == expected + struct.pack(">I", zlib.crc32(expected))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(FRAMES)
def test_every_frame_comes_back_as_it_was(frame: Frame) -> None:
    assert decoded(encode(frame)) == [frame]


def test_frames_may_come_in_any_pieces() -> None:
    frames = [Frame(MessageType.APPLICATION_MESSAGE, n, b"x" * n, {"operation": "o"}) for n in range(1, 4)]
    decoder, found = Decoder(10_000), []
    for byte in b"".join(map(encode, frames)):
        decoder.receive(bytes([byte]))
        found += list(iter(decoder.next_frame, None))
    assert found == frames


def test_frame_at_the_limit_is_taken_and_one_above_is_refused_before_it_is_there() -> None:
    data = encode(Frame(MessageType.PING, 0, b"x" * 500))
    assert len(decoded(data, len(data))) == 1
    with pytest.raises(FrameTooLargeError, match=f"of {len(data)} bytes"):
        decoded(data[:12], len(data) - 1)


@pytest.mark.parametrize("at", [0, 5, 9, 20, -5, -1])
def test_damaged_frame_is_refused(at: int) -> None:
    data = bytearray(encode(Frame(MessageType.PING, 0, b"payload")))
    data[at] ^= 1
    with pytest.raises(WireError):
        decoded(bytes(data), 2**32)


def test_all_kinds_of_header_values_are_read() -> None:
    common = encode(Frame(MessageType.PING, 3))[12:-4]
    others = b"\x01a\x02\xff" + b"\x01b\x03\x00\x02" + b"\x01c\x05" + b"\x00" * 7 + b"\x09" + b"\x01d\x09" + b"u" * 16
    (frame,) = decoded(raw_frame(common + others))
    assert frame.headers == {"a": -1, "b": 2, "c": 9, "d": b"u" * 16}


@pytest.mark.parametrize(
    "headers",
    [b"\x01a\x63", b"\x01a\x07\x00\x09abc", b"\x01a\x04\x00", b"\x09a", b"\x01\xff\x00", b"\x01a\x07\x00\x01\xff"],
)
def test_headers_that_are_none_are_refused(headers: bytes) -> None:
    common = encode(Frame(MessageType.PING))[12:-4]
    with pytest.raises(WireError):
        decoded(raw_frame(common + headers))


def test_frame_without_its_type_is_refused() -> None:
    with pytest.raises(WireError, match="lacks"):
        decoded(raw_frame(b""))


def test_unknown_message_type_is_refused() -> None:
    data = encode(Frame(MessageType.PING))[12:-4].replace(
        b":message-type\x04\x00\x00\x00\x02", b":message-type\x04\x00\x00\x00\x63"
    )
    with pytest.raises(WireError, match="unknown message type"):
        decoded(raw_frame(data))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=200))
def test_garbage_is_refused_and_never_anything_else(data: bytes) -> None:
    checked = struct.pack(">II", 16 + len(data), len(data))
    body = checked + struct.pack(">I", zlib.crc32(checked)) + data
    for garbage in (data, body + struct.pack(">I", zlib.crc32(body))):
        with contextlib.suppress(WireError):
            decoded(garbage)
