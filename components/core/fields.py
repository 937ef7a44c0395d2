"""What a field of a file or a message may hold; what breaks its rule raises TypeError."""

_HEX = frozenset("0123456789abcdef")


def is_sha256(value: object) -> bool:
    """Whether ``value`` is a sha256 in lower-case hex."""
    return isinstance(value, str) and len(value) == 64 and _HEX.issuperset(value)


def text(value: object) -> str:
    """``value`` where it is text that can be sent and shown; UnicodeEncodeError for half a surrogate pair."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    value.encode()
    return value


def count(value: object) -> int:
    """``value`` where it is a whole number from 0 on."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r} is not a count")
    return value
