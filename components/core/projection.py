"""From raw embeddings to the vectors that are searched: center, multiply, scale to unit length.

Catalog pictures and camera frames have different means (a domain each), so each is centered by its own.
"""

import hashlib
import struct
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from components.core.errors import FormatError
from components.core.segments import MAX_DIM, Vectors

MAGIC = b"LOOKPRJ\0"
FORMAT = 1
_NOTHING = 1e-6
_HEADER = struct.Struct("<8sHHII12x32s")


@dataclass(frozen=True)
class Projection:
    """A linear map of raw embeddings (raw_dim) to search vectors (dim)."""

    catalog_mean: Vectors = field(repr=False, compare=False)
    """Shape (raw_dim,)."""
    query_mean: Vectors = field(repr=False, compare=False)
    """Shape (raw_dim,)."""
    matrix: Vectors | None = field(repr=False, compare=False)
    """Shape (raw_dim, dim); None is the identity."""

    @property
    def raw_dim(self) -> int:
        """Length of the embeddings that go in."""
        return int(self.catalog_mean.size)

    @property
    def dim(self) -> int:
        """Length of the vectors that come out."""
        return self.raw_dim if self.matrix is None else int(self.matrix.shape[1])

    def catalog(self, embeddings: Vectors, *, by_camera: bool = False) -> Vectors:
        """Search vectors of an index: (n, raw_dim) -> (n, dim), float32, unit length.

        ``by_camera`` says that they come from photos of a camera, not from studio pictures.
        """
        vectors = self._multiply(embeddings - (self.query_mean if by_camera else self.catalog_mean))
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        # A picture that is its domain's mean has no direction: any one will do, but a vector of zeros is none.
        vectors = np.where(norms > _NOTHING, vectors, np.eye(1, vectors.shape[1], dtype=np.float32))
        return np.asarray(vectors / np.where(norms > _NOTHING, norms, 1.0), dtype=np.float32)

    def query(self, embeddings: Vectors, mean: Vectors | None = None) -> Vectors:
        """Search vectors of camera frames: (n, raw_dim) -> (n, dim), float32, of at most unit length.

        ``mean``, shape (raw_dim,) or one for each, is the camera's own; else the generation's guess of it. The frames
        are scaled before they are projected, and what is longer then is shortened to unit length: of a picture of
        something else the matrix leaves less, so that it scores low.
        """
        centered = embeddings - (self.query_mean if mean is None else mean)
        norms = np.linalg.norm(centered, axis=1, keepdims=True)
        vectors = self._multiply(centered / np.maximum(norms, _NOTHING))
        longer = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1.0)
        return np.asarray(vectors / longer, dtype=np.float32)

    def _multiply(self, centered: Vectors) -> Vectors:
        return centered if self.matrix is None else centered @ self.matrix


def identity(raw_dim: int) -> Projection:
    """The projection that changes nothing, for a handful of items."""
    zero = np.zeros(raw_dim, np.float32)
    return Projection(zero, zero, None)


def encode_projection(projection: Projection) -> bytes:
    """The file of ``projection``: 64 bytes of header, both means, the matrix; float32, little-endian."""
    matrix = projection.matrix
    parts = [projection.catalog_mean, projection.query_mean] + ([] if matrix is None else [matrix])
    body = b"".join(np.ascontiguousarray(part, dtype="<f4").tobytes() for part in parts)
    columns = 0 if matrix is None else projection.dim
    digest = hashlib.sha256(body).digest()
    return _HEADER.pack(MAGIC, FORMAT, 0, projection.raw_dim, columns, digest) + body


def decode_projection(data: bytes) -> Projection:
    """The projection in the bytes of a file; raises FormatError that says what is wrong with it."""
    again = "fetch or build the generation again."
    if len(data) < _HEADER.size or data[:8] != MAGIC:
        raise FormatError(f"A projection file does not start with its magic bytes: {again}")
    _, version, _, raw_dim, columns, digest = _HEADER.unpack_from(data)
    if version != FORMAT:
        raise FormatError(f"A projection has format {version}; this version reads {FORMAT}: update it.")
    if not 0 < raw_dim <= MAX_DIM or columns > raw_dim or len(data) != _HEADER.size + 4 * raw_dim * (2 + columns):
        raise FormatError(
            f"A projection of {len(data)} bytes does not hold the {raw_dim} x {columns} it claims: {again}"
        )
    body = memoryview(data)[_HEADER.size :]
    if hashlib.sha256(body).digest() != digest:
        raise FormatError(f"A projection's numbers do not have the hash of its header: {again}")
    numbers: npt.NDArray[np.float32] = np.frombuffer(body, dtype="<f4").astype(np.float32)
    if not bool(np.isfinite(numbers).all()):
        raise FormatError(f"A projection holds numbers that are not finite: {again}")
    matrix = numbers[2 * raw_dim :].reshape(raw_dim, columns) if columns else None
    return Projection(numbers[:raw_dim], numbers[raw_dim : 2 * raw_dim], matrix)
