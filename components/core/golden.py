"""Golden queries: embeddings with the item that each must find first, by which a device tries a generation.

64 bytes of header (magic, format, raw_dim, count, bytes of ids, sha256 of the body), then ``count * raw_dim`` numbers,
fp16, little-endian, then the item ids as a JSON list.
"""

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from components.core.errors import FormatError
from components.core.fields import text
from components.core.messages import MAX_ID_LENGTH, Embedding
from components.core.segments import MAX_DIM, Vectors

MAGIC = b"LOOKGLD\0"
FORMAT = 1
MAX_QUERIES = 16
MAX_IDS_BYTES = MAX_QUERIES * (6 * MAX_ID_LENGTH + 4)
"""A character of an id is at most six bytes of JSON."""
_HEADER = struct.Struct("<8sHHIII8x32s")
MAX_GOLDEN_BYTES = _HEADER.size + 2 * MAX_QUERIES * MAX_DIM + MAX_IDS_BYTES
_AGAIN = "fetch or build the generation again."


@dataclass(frozen=True)
class Golden:
    """Raw embeddings of shape (n, raw_dim), float32, and the item that the exact search must find first for each."""

    embeddings: Vectors = field(repr=False, compare=False)
    item_ids: tuple[str, ...]

    def failures(self, first_of: Callable[[Embedding], str | None]) -> list[str]:
        """What is wrong with the answers, a sentence for each; ``first_of`` gives the first item of an embedding."""
        found = []
        for number, (embedding, item_id) in enumerate(zip(self.embeddings, self.item_ids, strict=True)):
            first = first_of(embedding)
            if first != item_id:
                found.append(f"Golden query {number} finds {first!r} first instead of {item_id!r}.")
        return found


def encode_golden(golden: Golden) -> bytes:
    """The file of ``golden``: the same queries give the same bytes."""
    ids = json.dumps(golden.item_ids, ensure_ascii=False, separators=(",", ":")).encode()
    body = np.ascontiguousarray(golden.embeddings, dtype="<f2").tobytes() + ids
    count, dim = golden.embeddings.shape
    return _HEADER.pack(MAGIC, FORMAT, 0, dim, count, len(ids), hashlib.sha256(body).digest()) + body


def decode_golden(data: bytes) -> Golden:
    """The golden queries in the bytes of a file; raises FormatError that says what is wrong with it."""
    if len(data) < _HEADER.size or data[:8] != MAGIC:
        raise FormatError(f"A file of golden queries does not start with its magic bytes: {_AGAIN}")
    _, version, _, dim, count, ids_bytes, digest = _HEADER.unpack_from(data)
    if version != FORMAT:
        raise FormatError(f"Golden queries have format {version}; this version reads {FORMAT}: update it.")
    if not (0 < dim <= MAX_DIM and count <= MAX_QUERIES and ids_bytes <= MAX_IDS_BYTES):
        raise FormatError(f"A file claims {count} golden queries of {dim} numbers, beyond what is allowed: {_AGAIN}")
    if len(data) != _HEADER.size + 2 * count * dim + ids_bytes:
        raise FormatError(f"A file of {len(data)} bytes does not hold the golden queries that it claims: {_AGAIN}")
    body = memoryview(data)[_HEADER.size :]
    if hashlib.sha256(body).digest() != digest:
        raise FormatError(f"Golden queries do not have the hash of their header: {_AGAIN}")
    embeddings = np.frombuffer(body[: 2 * count * dim], dtype="<f2").astype(np.float32).reshape(count, dim)
    if not bool(np.isfinite(embeddings).all()):
        raise FormatError(f"Golden queries hold numbers that are not finite: {_AGAIN}")
    return Golden(embeddings, _item_ids(bytes(body[2 * count * dim :]), count))


def _item_ids(data: bytes, count: int) -> tuple[str, ...]:
    try:
        item_ids = tuple(text(item_id) for item_id in json.loads(data))
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"The items of golden queries are damaged ({error!r}): {_AGAIN}") from error
    if len(item_ids) != count or not all(0 < len(item_id) <= MAX_ID_LENGTH for item_id in item_ids):
        raise FormatError(f"There is not one item for each of {count} golden queries: {_AGAIN}")
    return item_ids
