"""From raw embeddings to the vectors that are searched."""

import contextlib
import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import FormatError
from components.core.projection import Projection, decode_projection, encode_projection, fit_svd, identity
from components.core.segments import Vectors
from tests.generations import unit_vectors


def correlated(count: int, dim: int, rank: int, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    scales = np.geomspace(10, 1, rank)
    raw = 3 + (rng.normal(size=(count, rank)) * scales) @ rng.normal(size=(rank, dim))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


RAW = correlated(300, 24, 24)
FITTED = fit_svd(RAW, 8)
DATA = encode_projection(FITTED)


def test_a_fitted_projection_spans_the_directions_that_hold_most() -> None:
    _, _, directions = np.linalg.svd(RAW.astype(np.float64), full_matrices=False)
    assert FITTED.matrix is not None
    np.testing.assert_allclose(np.abs((directions[:8] * FITTED.matrix.T).sum(axis=1)), 1.0, atol=1e-4)


def test_many_embeddings_are_fitted_in_blocks_with_the_same_result() -> None:
    many = correlated(9_000, 24, 24)
    exact = many.astype(np.float64).T @ many.astype(np.float64)
    matrix = fit_svd(many, 8).matrix
    assert matrix is not None
    np.testing.assert_allclose(np.diag(matrix.T @ exact @ matrix), np.linalg.eigvalsh(exact)[::-1][:8], rtol=1e-3)


def test_all_directions_keep_every_cosine() -> None:
    whole = fit_svd(RAW, 24)
    np.testing.assert_allclose(whole.query(RAW) @ whole.catalog(RAW).T, RAW @ RAW.T, atol=1e-5)


def test_what_the_catalog_cannot_express_counts_against_a_query() -> None:
    flat = np.zeros((50, 24), np.float32)
    flat[:, :3] = unit_vectors(50, 3)
    projection = fit_svd(flat, 3)
    beside = np.zeros((1, 24), np.float32)
    beside[0, 0], beside[0, 20] = 0.6, 0.8
    assert np.linalg.norm(projection.query(flat[:1])) == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(projection.query(beside)) == pytest.approx(0.6, abs=1e-5)


def test_the_same_embeddings_give_the_same_file() -> None:
    assert encode_projection(fit_svd(RAW.copy(), 8)) == DATA


def test_each_direction_points_where_its_largest_part_is_positive() -> None:
    assert FITTED.matrix is not None
    assert (FITTED.matrix[np.abs(FITTED.matrix).argmax(axis=0), np.arange(8)] > 0).all()


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
    vectors = fit_svd(alike, 8).catalog(alike)
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
