"""How the long steps of a command are told of, whoever shows them."""

from collections.abc import Callable

Announce = Callable[[str, int], Callable[[int], None]]
"""Begins a step of so many parts; what it returns is called with the number of parts that were done."""
