"""Finds pictures and vectors in what leaves a device, whatever they are wrapped in."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

MAX_TEXT, MAX_LIST, MAX_BYTES = 300, 12, 4_500
MAGIC = {"a JPEG": b"\xff\xd8\xff", "a PNG": b"\x89PNG", "a WebP": b"WEBP", "a GIF": b"GIF8"}
_OPAQUE = re.compile(r"\S{120,}")
_WINDOW, _STRIDE = 24, 997


def faults(message: bytes, pictures: Sequence[bytes]) -> list[str]:
    """What of ``message`` should not leave a device that keeps its pictures to itself, one sentence each."""
    found = [f"{len(message)} bytes"] if len(message) > MAX_BYTES else []
    for data in unwrapped(message):
        found += [f"{name} by its first bytes" for name, magic in MAGIC.items() if magic in data]
        found += [
            "a part of a known picture" for picture in pictures if any(piece in data for piece in pieces(picture))
        ]
    try:
        said = json.loads(message)
    except ValueError:
        return [*found, "it is no JSON"]
    return found + [fault for value in values(said) for fault in _value_faults(value)]


def unwrapped(data: bytes) -> Iterator[bytes]:
    """``data`` as it is, and whatever in it may be base64 or hex, decoded."""
    yield data
    for run in re.findall(rb"[A-Za-z0-9+/_-]{32,}", data):
        for start in range(4):
            text = run[start:].replace(b"-", b"+").replace(b"_", b"/")
            yield base64.b64decode(text[: len(text) // 4 * 4])
    for run in re.findall(rb"[0-9a-fA-F]{32,}", data):
        for start in range(2):
            yield binascii.unhexlify(run[start:][: (len(run) - start) // 2 * 2])


def pieces(picture: bytes) -> Iterator[bytes]:
    """Some parts of a picture, by which it is recognized."""
    for start in range(0, max(1, len(picture) - _WINDOW), _STRIDE):
        yield picture[start : start + _WINDOW]


def values(said: Any) -> Iterator[Any]:
    """Every value in a document, at any depth."""
    yield said
    for child in said.values() if isinstance(said, dict) else said if isinstance(said, list) else ():
        yield from values(child)


def _value_faults(value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        yield f"a text of {len(value)} characters"
    if isinstance(value, str) and _OPAQUE.search(value):
        yield f"an opaque text: {value[:100]}"
    if isinstance(value, list) and len(value) > MAX_LIST and not all(isinstance(one, dict) for one in value):
        yield f"a list of {len(value)} values"
