"""From raw embeddings to the vectors that are searched."""

import contextlib
import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import FormatError
from components.core.projection import Projection, decode_projection, encode_projection, fit_pca, identity
from components.core.segments import Vectors
from tests.generations import unit_vectors


def correlated(count: int, dim: int, rank: int, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    scales = np.geomspace(10, 1, rank)
    raw = 3 + (rng.normal(size=(count, rank)) * scales) @ rng.normal(size=(rank, dim))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


RAW = correlated(300, 24, 24)
FITTED = fit_pca(RAW, 8)
DATA = encode_projection(FITTED)


def test_a_fitted_projection_spans_the_directions_of_most_variance() -> None:
    centered = RAW.astype(np.float64) - RAW.mean(axis=0, dtype=np.float64)
    _, _, directions = np.linalg.svd(centered, full_matrices=False)
    assert FITTED.matrix is not None
    np.testing.assert_allclose(np.abs((directions[:8] * FITTED.matrix.T).sum(axis=1)), 1.0, atol=1e-4)


def test_many_embeddings_are_fitted_in_blocks_with_the_same_result() -> None:
    many = correlated(9_000, 24, 24)
    exact = np.cov(many.astype(np.float64), rowvar=False)
    matrix = fit_pca(many, 8).matrix
    assert matrix is not None
    np.testing.assert_allclose(np.diag(matrix.T @ exact @ matrix), np.linalg.eigvalsh(exact)[::-1][:8], rtol=1e-3)


def test_the_same_embeddings_give_the_same_file() -> None:
    assert encode_projection(fit_pca(RAW.copy(), 8)) == DATA


def test_catalog_and_camera_are_centered_by_their_own_means() -> None:
    projection = Projection(np.full(24, 0.1, np.float32), np.full(24, -0.1, np.float32), FITTED.matrix)
    for project, mean in ((projection.catalog, 0.1), (projection.query, -0.1)):
        assert FITTED.matrix is not None
        wanted = (RAW - mean) @ FITTED.matrix
        wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
        np.testing.assert_allclose(project(RAW), wanted, atol=1e-5)


def test_the_identity_changes_nothing() -> None:
    vectors = unit_vectors(5, 24)
    np.testing.assert_allclose(identity(24).catalog(vectors), vectors, atol=1e-3)
    assert identity(24).dim == identity(24).raw_dim == 24


def test_a_picture_that_is_the_mean_still_gives_a_vector_of_unit_length() -> None:
    alike = np.repeat(unit_vectors(1, 24), 20, axis=0)
    vectors = fit_pca(alike, 8).catalog(alike)
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
