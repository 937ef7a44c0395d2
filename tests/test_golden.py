"""The file of golden queries."""

import contextlib
import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import FormatError
from components.core.golden import MAX_GOLDEN_BYTES, MAX_QUERIES, Golden, decode_golden, encode_golden
from components.core.messages import MAX_ID_LENGTH
from tests.generations import unit_vectors

EMBEDDINGS = unit_vectors(3, 16)
GOLDEN = Golden(EMBEDDINGS, ("tea", "茶", 'with "quotes"'))
DATA = encode_golden(GOLDEN)


def with_body(numbers: bytes, ids: bytes, count: int = 1, dim: int = 4) -> bytes:
    digest = hashlib.sha256(numbers + ids).digest()
    return struct.pack("<8sHHIII8x32s", b"LOOKGLD\0", 1, 0, dim, count, len(ids), digest) + numbers + ids


def test_queries_come_back_with_the_precision_of_half_a_float() -> None:
    back = decode_golden(DATA)
    assert back.item_ids == GOLDEN.item_ids
    assert back.embeddings.dtype == np.float32
    np.testing.assert_array_equal(back.embeddings, EMBEDDINGS.astype("<f2").astype(np.float32))
    assert encode_golden(back) == DATA


def test_the_longest_ids_fit_the_cap() -> None:
    longest = Golden(unit_vectors(MAX_QUERIES, 4096), tuple("\x01" * MAX_ID_LENGTH for _ in range(MAX_QUERIES)))
    data = encode_golden(longest)
    assert len(data) <= MAX_GOLDEN_BYTES
    assert decode_golden(data).item_ids == longest.item_ids


def test_a_wrong_first_answer_is_told_and_right_ones_are_not() -> None:
    back = decode_golden(DATA)
    right = {
        tuple(embedding): item_id for embedding, item_id in zip(back.embeddings.tolist(), back.item_ids, strict=True)
    }
    assert back.failures(lambda embedding: right[tuple(embedding.tolist())]) == []
    assert back.failures(lambda embedding: "tea") == [
        "Golden query 1 finds 'tea' first instead of '茶'.",
        "Golden query 2 finds 'tea' first instead of 'with \"quotes\"'.",
    ]
    assert len(back.failures(lambda embedding: None)) == 3


@pytest.mark.parametrize("position", range(0, len(DATA), 13))
def test_one_flipped_bit_is_noticed(position: int) -> None:
    damaged = bytearray(DATA)
    damaged[position] ^= 1
    if not 10 <= position < 12 and not 24 <= position < 32:  # what the header keeps for later means nothing yet
        with pytest.raises(FormatError):
            decode_golden(bytes(damaged))


@pytest.mark.parametrize(("dim", "count"), [(0, 1), (4097, 1), (16, MAX_QUERIES + 1), (2**31, 2**31)])
def test_claims_beyond_the_caps_are_refused_before_anything_is_allocated(dim: int, count: int) -> None:
    claim = struct.pack("<8sHHIII8x32s", b"LOOKGLD\0", 1, 0, dim, count, 2, b"\0" * 32)
    with pytest.raises(FormatError, match="beyond what is allowed"):
        decode_golden(claim)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(wrong: float) -> None:
    with pytest.raises(FormatError, match="not finite"):
        decode_golden(with_body(np.array([1, 0, wrong, 0], "<f2").tobytes(), b'["tea"]'))


@pytest.mark.parametrize(
    "ids", [b"", b"[]", b"{}", b"[1]", b'[""]', b'["a","b"]', b"[" * 2000, b'["\\ud83d"]', b"null"]
)
def test_items_that_do_not_fit_the_queries_are_refused(ids: bytes) -> None:
    with pytest.raises(FormatError):
        decode_golden(with_body(np.array([1, 0, 0, 0], "<f2").tobytes(), ids))


def test_a_future_format_says_that_this_version_is_too_old() -> None:
    with pytest.raises(FormatError, match="format 2; this version reads 1: update it"):
        decode_golden(DATA[:8] + struct.pack("<H", 2) + DATA[10:])


@given(st.binary(max_size=300))
def test_no_content_raises_anything_but_the_declared_error(data: bytes) -> None:
    for whole in (data, DATA[:8] + data, DATA[:32] + data):
        with contextlib.suppress(FormatError):
            decode_golden(whole)
