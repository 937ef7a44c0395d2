"""The file of one segment's vectors."""

import contextlib
import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import FormatError
from components.core.segments import Segment, decode_segment, encode_segment
from tests.generations import unit_vectors

VECTORS = unit_vectors(7, 16)
DATA = encode_segment(Segment(40, VECTORS))


def with_body(body: bytes, count: int, dim: int) -> bytes:
    return struct.pack("<8sHHIQQ32s", b"LOOKSEG\0", 1, 1, dim, count, 0, hashlib.sha256(body).digest()) + body


def test_vectors_come_back_as_they_were() -> None:
    segment = decode_segment(DATA)
    assert segment.first_ordinal == 40
    assert segment.vectors.dtype == np.float32
    np.testing.assert_array_equal(segment.vectors, VECTORS)


def test_the_file_is_a_header_of_64_bytes_and_two_bytes_per_number() -> None:
    assert len(DATA) == 64 + 2 * 7 * 16
    assert encode_segment(Segment(40, VECTORS.copy())) == DATA


def test_a_segment_may_be_empty() -> None:
    assert decode_segment(encode_segment(Segment(3, np.empty((0, 16), np.float32)))).vectors.shape == (0, 16)


@pytest.mark.parametrize("position", range(64, len(DATA), 37))
def test_one_flipped_bit_in_the_vectors_is_noticed(position: int) -> None:
    damaged = bytearray(DATA)
    damaged[position] ^= 1
    with pytest.raises(FormatError, match="hash of its header"):
        decode_segment(bytes(damaged))


def test_a_future_format_says_that_this_version_is_too_old() -> None:
    with pytest.raises(FormatError, match="format 2/1; this version reads 1/1: update it"):
        decode_segment(DATA[:8] + struct.pack("<H", 2) + DATA[10:])


@pytest.mark.parametrize("data", [b"", DATA[:63], DATA[:64], DATA[:-1], DATA + b"\0", b"X" + DATA[1:]])
def test_a_file_of_the_wrong_length_or_kind_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="build the generation again"):
        decode_segment(data)


@pytest.mark.parametrize(("dim", "count"), [(0, 1), (4097, 1), (16, 5_000_001), (2**31, 2**62)])
def test_claims_beyond_the_caps_are_refused_before_anything_is_allocated(dim: int, count: int) -> None:
    with pytest.raises(FormatError, match="beyond what is allowed"):
        decode_segment(with_body(b"", count, dim))


@pytest.mark.parametrize("number", [np.nan, np.inf, 0.0, 2.0])
def test_vectors_that_are_not_finite_and_of_unit_length_are_refused(number: float) -> None:
    body = VECTORS.astype("<f2").copy()
    body[3] = number
    with pytest.raises(FormatError, match="unit length"):
        decode_segment(with_body(body.tobytes(), 7, 16))


@given(position=st.integers(0, len(DATA) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_no_damage_raises_anything_but_the_declared_error(position: int, byte: int, cut: bool) -> None:
    damaged = bytearray(DATA)
    damaged[position] = byte
    with contextlib.suppress(FormatError):
        decode_segment(bytes(damaged[: position if cut else None]))
