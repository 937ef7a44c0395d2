"""What a sha256 looks like in text."""

_HEX = frozenset("0123456789abcdef")


def is_sha256(value: object) -> bool:
    """Whether ``value`` is a sha256 in lower-case hex."""
    return isinstance(value, str) and len(value) == 64 and _HEX.issuperset(value)
