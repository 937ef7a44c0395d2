"""A segment: one immutable file of projected vectors.

64 bytes of header (magic, format, dtype, dim, count, first ordinal, sha256 of the body), then ``count * dim`` numbers,
fp16, little-endian. The reader checks sizes before it allocates, then the hash, then the vectors.
"""

import hashlib
import struct
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from components.core.errors import FormatError

MAGIC = b"LOOKSEG\0"
FORMAT = 1
DTYPE_FP16 = 1
MAX_DIM = 4_096
MAX_COUNT = 5_000_000

_HEADER = struct.Struct("<8sHHIQQ32s")
_AGAIN = "fetch or build the generation again."

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Segment:
    """Vectors of shape (count, dim), float32, unit length; the first one has ``first_ordinal``."""

    first_ordinal: int
    vectors: Vectors = field(repr=False, compare=False)


def encode_segment(segment: Segment) -> bytes:
    """The file of ``segment``: the same vectors give the same bytes."""
    body = np.ascontiguousarray(segment.vectors, dtype="<f2").tobytes()
    count, dim = segment.vectors.shape
    digest = hashlib.sha256(body).digest()
    return _HEADER.pack(MAGIC, FORMAT, DTYPE_FP16, dim, count, segment.first_ordinal, digest) + body


def decode_segment(data: bytes) -> Segment:
    """The segment in the bytes of a file; raises FormatError that says what is wrong with it."""
    if len(data) < _HEADER.size:
        raise FormatError(f"A segment of {len(data)} bytes is shorter than its header: {_AGAIN}")
    magic, version, dtype, dim, count, first_ordinal, digest = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise FormatError(f"A segment does not start with its magic bytes: {_AGAIN}")
    if version != FORMAT or dtype != DTYPE_FP16:
        raise FormatError(
            f"A segment has format {version}/{dtype}; this version reads {FORMAT}/{DTYPE_FP16}: update it."
        )
    if not (0 < dim <= MAX_DIM and count <= MAX_COUNT):
        raise FormatError(f"A segment claims {count} vectors of {dim} numbers, beyond what is allowed: {_AGAIN}")
    if len(data) != _HEADER.size + 2 * count * dim:
        raise FormatError(
            f"A segment of {len(data)} bytes does not hold the {count} x {dim} numbers it claims: {_AGAIN}"
        )
    body = memoryview(data)[_HEADER.size :]
    if hashlib.sha256(body).digest() != digest:
        raise FormatError(f"A segment's vectors do not have the hash of its header: {_AGAIN}")
    return Segment(first_ordinal, _checked(body, count, dim))


def _checked(body: memoryview, count: int, dim: int) -> Vectors:
    vectors = np.frombuffer(body, dtype="<f2").astype(np.float32).reshape(count, dim)
    norms = np.linalg.norm(vectors, axis=1)
    if not bool(np.all(np.abs(norms - 1.0) < 0.01)):  # also false for NaN and infinity
        raise FormatError(f"A segment holds vectors that are not finite and of unit length: {_AGAIN}")
    return vectors
