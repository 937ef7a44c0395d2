"""Damaged files of every format that a device reads; the short version of ``python -m tests.campaign --mutations``."""

import pytest

from tests.mutated_formats import BREAKS, FORMATS, read_damaged

TRIES = 100


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_refused_or_does_no_harm(name: str) -> None:
    tally = read_damaged(name, TRIES)
    assert (tally.tries, tally.problems) == (TRIES, ())


@pytest.mark.parametrize("name", ["segment", "rows", "own metadata", "state.json", "tar"])
def test_a_check_that_is_left_out_is_missed(name: str) -> None:
    assert read_damaged(name, TRIES, broken=True).problems


def test_every_format_has_a_check_that_can_be_left_out() -> None:
    assert set(BREAKS) == set(FORMATS)
