"""Damages files in the ways in which disks, networks and attackers do it; the same seed, the same damage."""

import json
import random
from typing import Any

HUGE = (2**15, 2**16 - 1, 2**31, 2**32 - 1, 2**53, 2**63, 2**64 - 1)
ODD: tuple[Any, ...] = (
    *(None, True, False, "", "\ud800", "\0", "../../x", "a" * 64, "A" * 64, "x" * 100_000),
    *(0, -1, 1, 2**31, 2**32 + 1, 2**63, 10**30, -(10**30), 0.5, 1e308, float("nan"), float("inf"), "1", "1e5"),
    *([], {}, [None], [[]], {"": ""}, {"a": {"b": 1}}, list(range(1_000))),
)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """``data`` with one to three damages of any kind."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        data = chance.choice(_KINDS)(data, chance)
    return data


def damaged_json(data: bytes, chance: random.Random) -> bytes:
    """The JSON document with one to three values that are not what they should be; it stays JSON."""
    document = json.loads(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        document = _with_odd_value(document, chance)
    return json.dumps(document).encode()


def _with_odd_value(value: Any, chance: random.Random) -> Any:
    if not isinstance(value, dict | list) or not value or chance.random() < 0.15:
        return chance.choice(ODD)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key, how = chance.choice(keys), chance.random()
    if how < 0.08:
        return (
            {k: v for k, v in value.items() if k != key} if isinstance(value, dict) else value[:key] + value[key + 1 :]
        )
    if how < 0.12:
        return {**value, "unknown": 1} if isinstance(value, dict) else [*value, value[key]]
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[key] = _with_odd_value(value[key], chance)
    return changed


def _flip(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64)) if out else 0):
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _splice(data: bytes, chance: random.Random) -> bytes:
    first, second = chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)
    return data[:first] + data[second:]


def _insert(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    filling = chance.choice((b"\0", b"\xff", b"[", b'{"a":', b"9", b"\n", chance.randbytes(1)))
    return data[:at] + filling * chance.choice((1, 7, 512, 20_000)) + data[at:]


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    at, size = chance.randrange(len(data) + 1), chance.choice((1, 4, 64, 512))
    return data[:at] + chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size))) + data[at + size :]


def _huge_number(data: bytes, chance: random.Random) -> bytes:
    # Most formats keep their sizes in the first bytes.
    at = chance.randrange(min(len(data), chance.choice((64, 64, 1_000_000))) + 1)
    number, size = chance.choice(HUGE), chance.choice((2, 4, 8))
    return data[:at] + (number % 2 ** (8 * size)).to_bytes(size, "little") + data[at + size :]


def _huge_digits(data: bytes, chance: random.Random) -> bytes:
    places = [n for n in range(len(data)) if data[n : n + 1].isdigit()]
    if not places:
        return _flip(data, chance)
    at = chance.choice(places)
    return data[:at] + chance.choice((b"9" * 30, b"9" * 5_000, b"-1", b"1e999", b"NaN", b"0x")) + data[at + 1 :]


_KINDS = (_flip, _cut, _splice, _insert, _overwrite, _huge_number, _huge_digits)
