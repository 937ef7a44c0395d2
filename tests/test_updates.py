"""The component's updates: a generation is fetched, tried out by the searcher, kept or given back."""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud_sync.clock import Clocks
from cloud_sync.configuration import CloudSyncConfiguration, IndexSettings
from cloud_sync.index.orders import Orders, Outcome
from cloud_sync.index.recovery import is_whole
from cloud_sync.index.trial import LEARNS_S, TAKES_S, Trial
from cloud_sync.updates import Updates
from components.core.messages import Status
from components.store import Store
from tests.meanwhile import meanwhile
from tests.nucleus_support import wait_for
from tests.update_kit import Publisher, confirmed, passed, state_of


def configured(publisher: Publisher, device: Path, **changes: object) -> CloudSyncConfiguration:
    index = IndexSettings(source=str(publisher.place), trusted_root=publisher.root)
    fields = {"poll_interval_s": 1.0, "keep_free_mbytes": 0, "trial_s": 1.0, **changes}
    return CloudSyncConfiguration(index=index, index_dir=str(device), **fields)  # type: ignore[arg-type]


@contextlib.contextmanager
def running(configuration: CloudSyncConfiguration) -> Iterator[Updates]:
    updates = Updates(configuration, soon=True)
    with meanwhile(updates.run):
        yield updates


def searching(updates: Updates, seq: int, **details: object) -> None:
    updates.hear(said(seq, **details))


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "publisher")


@pytest.fixture
def device(tmp_path: Path) -> Path:
    return tmp_path / "index"


def test_a_generation_that_serves_well_is_kept_and_older_ones_are_removed(publisher: Publisher, device: Path) -> None:
    for seq in (1, 2):
        publisher.offer(seq, 40 + seq, seed=seq)
        passed(publisher.orders(device))
    old = Store(device).manifest(1).segments[0].vectors.sha256
    with running(configured(publisher, device)) as updates:

        def kept(seq: int) -> bool:
            searching(updates, state_of(device).active or 0)
            return (updates.report().active, updates.report().state) == (seq, "idle")

        wait_for(lambda: kept(2), "the trial of what was there passes", 30)
        publisher.offer(3, 50)
        wait_for(lambda: kept(3), "the newest is kept", 30)
        report = updates.report()
        wait_for(lambda: Store(device).seqs() == (2, 3), "the oldest is removed")
    assert (report.previous, report.reason, report.desired, report.channel) == (2, "", "latest", "stable")
    assert report.since_s is not None and abs(report.since_s - time.time()) < 60
    assert report.model == Store(device).manifest(3).model.digest
    assert not Store(device).object_path(old).exists()
    assert is_whole(Store(device), 3) and is_whole(Store(device), 2)
    assert not state_of(device).trial


def test_a_generation_that_the_searcher_gives_up_is_given_back_and_not_tried_again(
    publisher: Publisher, device: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publisher.offer(1)
    with running(configured(publisher, device)) as updates:

        def reached(state: str, **details: object) -> bool:
            searching(updates, 1, **details)
            return updates.report().state == state

        wait_for(lambda: reached("idle") and updates.report().active == 1, "the first is kept", 30)
        publisher.offer(2, 41)
        wait_for(lambda: reached("trial"), "the second is on trial", 30)
        wait_for(lambda: reached("rolled_back", given_up=2), "it went back", 10)
        assert "ended again and again" in updates.report().reason
        searching(updates, 1)
        time.sleep(3)
        report = updates.report()
    assert (report.active, report.state) == (1, "rolled_back"), "the next polls do not try it again"
    assert [record.name for record in caplog.records if "again and again" in record.message] == [
        "cloud_sync.index.transitions"
    ], "and do not say it again"
    assert Store(device).active() == 1
    assert Store(device).seqs() == (1,)


def test_without_a_source_nothing_is_asked_and_a_trial_of_an_import_is_watched(
    publisher: Publisher, device: Path
) -> None:
    publisher.offer(1)
    configuration = CloudSyncConfiguration(index_dir=str(device), poll_interval_s=1.0, trial_s=1.0)
    with running(configuration) as updates:
        time.sleep(2.5)
        assert updates.report().to_dict() == {
            **dict.fromkeys(("active", "previous", "staged", "since_s")),
            **dict.fromkeys(("reason", "model", "channel", "desired"), ""),
            "state": "off",
            "progress": 0,
        }
        assert not device.exists()
        passed(publisher.orders(device))
        wait_for(lambda: (searching(updates, 1), not state_of(device).trial)[1], "it is confirmed", 20)
    assert updates.report().state == "off"


def test_what_is_newly_desired_is_asked_for_soon_also_after_a_restart(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    passed(publisher.orders(device))
    confirmed(device)
    first_s = {}
    for version in ("latest", "1"):
        configuration = configured(publisher, device, poll_interval_s=604_800.0)
        index = dataclasses.replace(configuration.index, version=version)
        now_s = [0.0]
        clocks = Clocks(monotonic_s=lambda now_s=now_s: now_s[0])  # type: ignore[misc]
        asked: list[Orders] = []

        def do(orders: Orders, say: object, ended: object, asked: list[Orders] = asked) -> Outcome:
            asked.append(orders)
            return Outcome("idle")

        updates = Updates(dataclasses.replace(configuration, index=index), do=do, clocks=clocks)
        while not asked:
            now_s[0] += 1.0 if now_s[0] < 31 else 1_000.0
            updates._look(threading.Event())
        first_s[version] = now_s[0]
    assert first_s["1"] <= 31 < first_s["latest"]


def test_a_download_ends_with_its_window(publisher: Publisher, device: Path) -> None:
    wall_s = [time.mktime((2026, 3, 2, 23, 59, 0, 0, 0, -1))]
    seen: list[bool] = []

    def do(orders: Orders, say: object, ended: Callable[[], bool]) -> Outcome:
        for _ in range(2):
            seen.append(ended())
            wall_s[0] += 7 * 3_600
        return Outcome("failed", "It was interrupted.")

    configuration = configured(publisher, device, download_window="22:00-06:00", poll_interval_s=1.0)
    clocks = Clocks(wall_s=lambda: wall_s[0])
    updates = Updates(configuration, soon=True, do=do, clocks=clocks)
    wait_for(lambda: (updates._look(threading.Event()), seen)[1], "it is asked", 10)
    assert seen == [False, True]


def test_a_download_ends_for_a_searcher_that_cannot_live_with_the_active_one(
    publisher: Publisher, device: Path
) -> None:
    for seq in (1, 2):
        publisher.offer(seq, 40 + seq)
        passed(publisher.orders(device))
        confirmed(device)
    seen: list[bool] = []

    def do(orders: Orders, say: object, ended: Callable[[], bool]) -> Outcome:
        for given_up in (1, 2):
            searching(updates, 1, given_up=given_up)
            seen.append(ended())
        return Outcome("failed", "It was interrupted.")

    updates, stop = Updates(configured(publisher, device), soon=True, do=do), threading.Event()
    wait_for(lambda: (updates._look(stop), seen)[1], "it is asked", 10)
    assert seen == [False, True]
    updates._look(stop)
    assert (updates.report().state, Store(device).active()) == ("rolled_back", 1)


def test_a_trial_is_passed_by_serving_well_for_its_time() -> None:
    trial = Trial(7, 100.0, 60.0, searcher_runs=True)
    trial.hear(said(6), 101.0)
    assert (trial.passed(102.0), trial.failure(102.0)) == (False, "")
    for second in range(105, 166, 5):
        trial.hear(said(7), float(second))
    assert not trial.passed(164.0)
    assert trial.passed(165.0)


def test_a_searcher_that_stays_with_the_old_one_or_falls_silent_fails_the_trial() -> None:
    stays = Trial(7, 100.0, 60.0, searcher_runs=True)
    for second in range(100, 125, 5):
        stays.hear(said(6, "It is damaged."), float(second))
    assert stays.failure(119.0) == ""
    assert stays.failure(124.0) == f"The searcher did not use generation 7 within {TAKES_S:g} s: It is damaged."
    silent = Trial(7, 100.0, 60.0, searcher_runs=True)
    silent.hear(said(7), 103.0)
    assert silent.failure(120.0) == ""
    assert "did not use generation 7" in silent.failure(124.0)
    assert not silent.passed(300.0)


def test_where_no_searcher_runs_nobody_judges() -> None:
    trial = Trial(7, 100.0, 60.0)
    assert (trial.failure(10_000.0), trial.passed(10_000.0)) == ("", False)
    assert (trial.waits(110.0), "the searcher has not been heard" in trial.waits(130.0)) == ("", True)
    trial.hear(said(7), 131.0)
    assert trial.waits(132.0) == ""


def test_a_trial_that_nobody_judges_says_so(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    passed(publisher.orders(device))
    now_s = [0.0]
    updates = Updates(configured(publisher, device), clocks=Clocks(monotonic_s=lambda: now_s[0]))
    updates._look(threading.Event())
    assert (updates.report().state, updates.report().reason) == ("trial", "")
    now_s[0] = TAKES_S + 1
    assert "the searcher has not been heard" in updates.report().reason


def test_a_model_that_the_camera_does_not_get_fails_the_trial() -> None:
    for concerns, patience_s in (("", LEARNS_S), ("model", TAKES_S)):
        trial = Trial(7, 100.0, 10.0, searcher_runs=True)
        trial.hear(Status.of("featurizer", "No.", details={"concerns": concerns}), 100.0)
        for second in range(100, 100 + int(patience_s) + 6, 5):
            trial.hear(said(7, mismatch=True), float(second))
        assert trial.failure(100.0 + patience_s) == ""
        assert not trial.passed(100.0 + patience_s)
        assert "another model" in trial.failure(101.0 + patience_s)
    trial.hear(said(7), 130.0)
    assert trial.passed(131.0)


def test_a_searcher_that_never_settles_fails_the_trial() -> None:
    trial, second = Trial(7, 0.0, 60.0, searcher_runs=True), 0.0
    while not trial.failure(second):
        trial.hear(said(7 if second % 40 < 30 else 6), second)
        second += 5.0
        assert second < 1_000
    assert "was never well" in trial.failure(second)


def said(seq: int, reason: str = "", **details: object) -> Status:
    return Status.of("searcher", reason, details={"generation": seq, **details})  # type: ignore[dict-item]
