"""When a device polls: at random times, less often while nobody answers."""

import random

import pytest

from cloud_sync.schedule import LONGEST_PAUSE_S, Schedule

DRAWS = 4_000


def schedules(interval_s: float) -> list[Schedule]:
    chance = random.Random(7)
    return [Schedule(interval_s, chance.uniform) for _ in range(DRAWS)]


def spread(waits: list[float], low: float, high: float) -> bool:
    """Whether ``waits`` fill the range from ``low`` to ``high`` evenly: each tenth of it has about a tenth of them."""
    tenths = [int((wait - low) / (high - low) * 10) for wait in waits]
    return all(0.07 < tenths.count(tenth) / len(waits) < 0.13 for tenth in range(10))


def test_first_poll_is_spread_over_one_whole_interval() -> None:
    assert spread([one.first_s() for one in schedules(60.0)], 0.0, 60.0)


def test_first_poll_after_a_change_of_the_settings_is_spread_over_half_a_minute() -> None:
    assert spread([one.first_s(30.0) for one in schedules(300.0)], 0.0, 30.0)
    assert spread([one.first_s(30.0) for one in schedules(10.0)], 0.0, 10.0)


def test_polls_that_were_answered_are_spread_around_the_interval() -> None:
    assert spread([one.after_success_s() for one in schedules(60.0)], 30.0, 90.0)


@pytest.mark.parametrize("failures", [1, 2, 4])
def test_pauses_double_with_every_failure_and_are_spread_from_zero(failures: int) -> None:
    waits = [[one.after_failure_s() for _ in range(failures)][-1] for one in schedules(60.0)]
    assert spread(waits, 0.0, 60.0 * 2**failures)


def test_pause_never_passes_the_longest_one_nor_falls_below_a_second() -> None:
    schedule = Schedule(60.0, lambda low, high: high)
    assert max(schedule.after_failure_s() for _ in range(2_000)) == LONGEST_PAUSE_S
    assert Schedule(60.0, lambda low, high: low).after_failure_s() == 1.0
    assert Schedule(86_400.0, lambda low, high: high).after_failure_s() == 86_400.0


def test_an_answer_ends_the_growth() -> None:
    schedule = Schedule(60.0, lambda low, high: high)
    for _ in range(5):
        schedule.after_failure_s()
    schedule.after_success_s()
    assert schedule.after_failure_s() == 120.0


def test_two_devices_that_start_alike_do_not_poll_alike() -> None:
    assert Schedule(60.0).first_s() != Schedule(60.0).first_s()
