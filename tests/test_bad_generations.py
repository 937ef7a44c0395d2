"""Signed generations that are bad; the short version of ``python -m tests.campaign --bad-generations``."""

import pytest

from tests.bad_generations import BAD, BREAKS, taken

# It takes the memory of whoever reads it in the end: only the child with its limit does.
SHORT = tuple(name for name in BAD if name != "rows of a gigabyte")[::2]


def test_a_bad_generation_is_refused_and_a_good_one_taken_afterwards() -> None:
    assert len(BAD) >= 25
    assert not taken(SHORT)


@pytest.mark.parametrize("left_out", BREAKS)
def test_without_this_check_it_would_be_taken(left_out: str) -> None:
    how, name = BREAKS[left_out]
    with how():
        assert taken((name,))
