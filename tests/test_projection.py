"""From raw embeddings to the vectors that are searched."""

import contextlib
import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import FormatError
from components.core.projection import Projection, decode_projection, encode_projection, identity
from components.core.segments import Vectors
from tests.generations import unit_vectors


def correlated(count: int, dim: int, rank: int, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    scales = np.geomspace(10, 1, rank)
    raw = 3 + (rng.normal(size=(count, rank)) * scales) @ rng.normal(size=(rank, dim))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


RAW = correlated(300, 24, 24)
ZERO = np.zeros(24, np.float32)
FITTED = Projection(ZERO, ZERO, np.linalg.svd(RAW, full_matrices=False)[2][:8].T.copy())
DATA = encode_projection(FITTED)


def test_what_the_catalog_cannot_express_counts_against_a_query() -> None:
    projection = Projection(ZERO, ZERO, np.eye(24, 3, dtype=np.float32))
    within, beside = np.eye(1, 24, dtype=np.float32), np.zeros((1, 24), np.float32)
    beside[0, 0], beside[0, 20] = 0.6, 0.8
    assert np.linalg.norm(projection.query(within)) == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(projection.query(beside)) == pytest.approx(0.6, abs=1e-5)


def test_catalog_and_camera_are_centered_by_their_own_means() -> None:
    projection = Projection(np.full(24, 0.1, np.float32), np.full(24, -0.1, np.float32), FITTED.matrix)
    assert FITTED.matrix is not None
    for by_camera, mean in ((False, 0.1), (True, -0.1)):
        wanted = (RAW - mean) @ FITTED.matrix
        wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
        np.testing.assert_allclose(projection.catalog(RAW, by_camera=by_camera), wanted, atol=1e-5)
    centered = RAW + 0.1
    wanted = centered / np.linalg.norm(centered, axis=1, keepdims=True) @ FITTED.matrix
    np.testing.assert_allclose(projection.query(RAW), wanted, atol=1e-5)


def test_the_identity_changes_nothing() -> None:
    vectors = unit_vectors(5, 24)
    np.testing.assert_allclose(identity(24).catalog(vectors), vectors, atol=1e-3)
    assert identity(24).dim == identity(24).raw_dim == 24


def test_a_picture_that_is_the_mean_still_gives_a_vector_of_unit_length() -> None:
    alike = np.repeat(unit_vectors(1, 24), 20, axis=0)
    vectors = Projection(alike[0], ZERO, FITTED.matrix).catalog(alike)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("projection", [FITTED, identity(24)])
def test_a_projection_comes_back_as_it_was(projection: Projection) -> None:
    found = decode_projection(encode_projection(projection))
    np.testing.assert_array_equal(found.query(RAW), projection.query(RAW))
    np.testing.assert_array_equal(found.catalog(RAW), projection.catalog(RAW))


@pytest.mark.parametrize("position", range(64, len(DATA), 101))
def test_one_flipped_bit_in_the_numbers_is_noticed(position: int) -> None:
    damaged = bytearray(DATA)
    damaged[position] ^= 1
    with pytest.raises(FormatError, match="hash of its header"):
        decode_projection(bytes(damaged))


def test_a_future_format_says_that_this_version_is_too_old() -> None:
    with pytest.raises(FormatError, match="format 9; this version reads 1: update it"):
        decode_projection(DATA[:8] + struct.pack("<H", 9) + DATA[10:])


def test_numbers_that_are_not_finite_are_refused() -> None:
    body = np.full(48, np.nan, "<f4").tobytes()
    header = struct.pack("<8sHHII12x32s", b"LOOKPRJ\0", 1, 0, 24, 0, hashlib.sha256(body).digest())
    with pytest.raises(FormatError, match="not finite"):
        decode_projection(header + body)


@given(position=st.integers(0, len(DATA) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_no_damage_raises_anything_but_the_declared_error(position: int, byte: int, cut: bool) -> None:
    damaged = bytearray(DATA)
    damaged[position] = byte
    with contextlib.suppress(FormatError):
        decode_projection(bytes(damaged[: position if cut else None]))
