"""A thousand devices do not ask at once: after a start, an outage, a deployment, at nightfall; and over real HTTP."""

import heapq
import random
import threading
import time
from itertools import count
from pathlib import Path

import pytest

from benchmarks.stampede import BACK, END, OUTAGE, PUBLISHED, FixedInterval, Waits, peak_to_mean, rows_of, run
from cloud_sync.clock import Clocks
from cloud_sync.configuration import CloudSyncConfiguration, IndexSettings
from cloud_sync.index.orders import Outcome
from cloud_sync.schedule import Schedule
from cloud_sync.updates import Updates

DEVICES = 1_000
FEW = 100


def simulated(policy: list[Waits]) -> tuple[list[float], list[float]]:
    """As ``run`` with an interval of 1: no time passes between a question and its answer."""
    order, asked, found = count(), [], []
    waiting = [(waits.first_s(), next(order), waits, False) for waits in policy]
    heapq.heapify(waiting)
    while waiting[0][0] < END:
        now, _, waits, has_it = heapq.heappop(waiting)
        asked.append(now)
        is_answered = not OUTAGE <= now < BACK
        if is_answered and now >= PUBLISHED and not has_it:
            found.append(now)
            has_it = True
        wait = waits.after_success_s() if is_answered else waits.after_failure_s()
        heapq.heappush(waiting, (now + wait, next(order), waits, has_it))
    return asked, found


def schedules(interval_s: float = 1.0) -> list[Waits]:
    chance = random.Random(11)
    return [Schedule(interval_s, chance.uniform) for _ in range(DEVICES)]


@pytest.mark.parametrize(("begin", "end"), [(0, PUBLISHED), (PUBLISHED, OUTAGE), (OUTAGE, BACK), (BACK, END)])
def test_busiest_moment_has_at_most_twice_the_mean_of_requests(begin: float, end: float) -> None:
    asked, _ = simulated(schedules())
    assert peak_to_mean(asked, begin, end)["peak/mean"] <= 2.0
    fixed, _ = simulated([FixedInterval(1.0)] * DEVICES)
    assert peak_to_mean(fixed, begin, end)["peak/mean"] >= 19, "as it would be without"


def test_devices_of_a_deployment_do_not_all_ask_when_it_comes(tmp_path: Path) -> None:
    index = IndexSettings(source=str(tmp_path), trusted_root="{}")
    settings = CloudSyncConfiguration(index=index, index_dir=str(tmp_path))
    first = [Updates(settings, soon=True)._poll_at_s - time.monotonic() for _ in range(DEVICES)]
    assert max(first) <= 30.0
    assert peak_to_mean([max(0.0, one) / 30 for one in first], 0, 1)["peak/mean"] <= 2.0


def test_devices_that_may_update_at_night_do_not_all_ask_when_the_night_begins(tmp_path: Path) -> None:
    at_ten = time.mktime((2030, 6, 15, 22, 0, 0, 0, 0, -1))
    now_s, asked = [-7_200.0], list[float]()
    clocks = Clocks(wall_s=lambda: at_ten + now_s[0], monotonic_s=lambda: 1e6 + now_s[0])

    def ask(*_: object) -> Outcome:
        asked.append(now_s[0])
        return Outcome("idle")

    index = IndexSettings(source=str(tmp_path), trusted_root="{}")
    night = CloudSyncConfiguration(index=index, index_dir=str(tmp_path), download_window="22:00-06:00")
    devices = [Updates(night, do=ask, clocks=clocks) for _ in range(FEW)]
    while now_s[0] < 600.0:
        for device in devices:
            device._look(threading.Event())
        now_s[0] += 5.0
    assert min(asked) >= 0.0
    assert len([one for one in asked if one < 30.0]) < FEW / 4
    assert len([one for one in asked if one < 305.0]) >= FEW


def test_every_device_has_a_new_version_one_and_a_half_intervals_later() -> None:
    _, found = simulated(schedules())
    assert len(found) == DEVICES
    assert max(found) - PUBLISHED <= 1.5


def test_server_in_trouble_is_asked_less() -> None:
    asked, _ = simulated(schedules())
    before, outage = peak_to_mean(asked, 0, PUBLISHED), peak_to_mean(asked, BACK - 1, BACK)
    assert outage["mean"] < 0.75 * before["mean"]


def test_devices_that_fell_into_step_lose_it_again() -> None:
    asked, _ = simulated([Schedule(1.0, _InStep(seed).uniform) for seed in range(DEVICES)])
    assert peak_to_mean(asked, 0, 1)["peak"] == DEVICES
    assert peak_to_mean(asked, 4, 6)["peak/mean"] <= 2.5


class _InStep:
    """Chance that gives everybody the same first wait."""

    def __init__(self, seed: int) -> None:
        self._chance, self._is_first = random.Random(seed), True

    def uniform(self, low: float, high: float) -> float:
        first, self._is_first = self._is_first, False
        return low if first else self._chance.uniform(low, high)


def test_real_devices_find_the_version_over_http_and_live_through_an_outage() -> None:
    asked, found = run([Schedule(0.4) for _ in range(FEW)], 0.4)
    assert len(found) == FEW
    assert min(found) >= PUBLISHED
    rows = rows_of(asked, found, FEW)
    assert rows["start"]["requests"] >= FEW
    assert rows["outage"]["requests"] > 0
    assert rows["after it"]["requests"] > 0
