"""Downloads from a server that lies or falls silent; the short version of ``python -m tests.campaign --lies``."""

import pytest

from tests.black_holes import Hole, fall_into, hangs_after
from tests.lies import SILENT, cut, hole, lie, no_hash, no_resume, several
from tests.lying_server import LIES


def problems(told: object) -> list[object]:
    return [one for one in told if one.problem]  # type: ignore[attr-defined]


def test_no_lie_gets_in_and_afterwards_everything_comes() -> None:
    told = several(lie, list(LIES))
    assert len(told) >= 14
    assert not problems(told)


def test_who_waits_for_an_answer_gives_up_in_time() -> None:
    assert not problems(several(hole, SILENT))


def test_who_hangs_where_no_clock_helps_is_ended() -> None:
    several_holes = [Hole("drips headers", 0), Hole("says Continue for ever", 5)]
    with hangs_after(4.0):
        assert not problems(fall_into(several_holes, deadline_s=40.0))


def test_what_breaks_off_goes_on_where_it_was() -> None:
    assert not cut(10_000_000, 20).problem


@pytest.mark.parametrize("name", ["other bytes", "changed meanwhile"])
def test_a_hash_that_is_not_looked_at_is_missed(name: str) -> None:
    with no_hash():
        assert problems(several(lie, [name]))


def test_to_begin_anew_each_time_is_noticed() -> None:
    with no_resume():
        assert cut(10_000_000, 20).problem
