"""cloud_sync: counts what the device finds."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from generations import items, unit_vectors, write_generation
from meanwhile import meanwhile
from nucleus_support import our_deployment, wait_for

from cloud_sync.clock import Clocks, ClockWatch
from cloud_sync.component import run
from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.counter import Counter, Counts, status_of
from cloud_sync.shadow import shadow_topic
from components.bus import LocalBus
from components.core.configuration import from_mapping
from components.core.errors import UnavailableError
from components.core.messages import RESULT_TOPIC, STATUS_TOPIC, Match, SearchResult, Status, decode, encode
from components.greengrass import SOCKET_VARIABLE, TOKEN_VARIABLE, GreengrassBus
from components.nucleus.nucleus import Nucleus
from components.nucleus.recipe import load_recipe
from components.store import Store

ROOT = Path(__file__).parents[1]


def result(decision: str, cause: str = "") -> SearchResult:
    matches, candidates = (Match("item", 0.9), Match("other", 0.89)), 2 if decision == "ambiguous" else 0
    return SearchResult(
        query_id="q",
        model="0" * 64,
        generation=1,
        decision=decision,
        cause=cause,
        matches=matches,
        candidates=candidates,
    )


def test_results_are_counted_by_their_decision() -> None:
    counter = Counter()
    for decision in ("match", "no_match", "match", "ambiguous"):
        counter.add(result(decision))
    assert counter.counts == Counts(results=4, matches=2, ambiguous=1, no_match=1)


def test_poor_picture_and_empty_counter_are_no_items_that_were_not_recognized() -> None:
    counter = Counter()
    for cause in ("poor_picture", "nothing_there", "unknown_item"):
        counter.add(result("no_match", cause))
    assert counter.counts == Counts(results=3, no_match=1)


def test_status_carries_the_counts() -> None:
    status = status_of(Counts(results=4, matches=2, ambiguous=1, no_match=1))
    assert (status.component, status.state) == ("cloud_sync", "running")
    assert status.details == {"results": 4, "matches": 2, "ambiguous": 1, "no_match": 1}


def test_results_of_another_version_make_it_degraded() -> None:
    counter = Counter()
    counter.add_unreadable()
    status = status_of(counter.counts)
    assert status.state == "degraded"
    assert "same version" in status.reason
    counter.add(SearchResult(query_id="q", model="0" * 64, generation=1, decision="no_match"))
    assert status_of(counter.counts).state == "running", "it understands again"


class SetClock:
    """Clocks that a test sets."""

    def __init__(self, wall_s: float) -> None:
        self.wall_s, self.now_s = wall_s, 100.0
        self.watch = ClockWatch(Clocks(wall_s=lambda: self.wall_s, monotonic_s=lambda: self.now_s))

    def problem_after(self, seconds: float, jump_s: float = 0.0) -> str:
        self.now_s += seconds
        self.wall_s += seconds + jump_s
        return self.watch.problem()


def test_clock_that_was_never_set_is_told_until_it_is() -> None:
    clock = SetClock(wall_s=600.0)
    assert clock.problem_after(0.5) == clock.problem_after(3600.0) != ""
    assert "never set" in clock.watch.problem()
    assert clock.problem_after(0.5, jump_s=1.8e9) == "The device's clock jumped by +20833 d."
    assert clock.problem_after(11.0) == ""


@pytest.mark.parametrize(("jump_s", "told"), [(-3600.0, "-3600 s"), (61.0, "+61 s"), (-172_800.0, "-2 d")])
def test_clock_that_jumps_is_told_for_a_while(jump_s: float, told: str) -> None:
    clock = SetClock(wall_s=1.8e9)
    assert clock.problem_after(0.5) == ""
    assert clock.problem_after(0.5, jump_s) == f"The device's clock jumped by {told}."
    assert clock.problem_after(9.0) != ""
    assert clock.problem_after(1.5) == ""


def test_small_corrections_of_the_clock_are_no_jumps() -> None:
    clock = SetClock(wall_s=1.8e9)
    assert [clock.problem_after(0.5, jump_s=50.0) for _ in range(5)] == [""] * 5


class NoCloud:
    """AWS IoT Core out of reach."""

    def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
        raise UnavailableError("not connected to IoT Core")


class Running:
    """The component on a bus inside this process, without a network."""

    def __init__(self, bus: LocalBus) -> None:
        self.statuses: list[Status] = []
        self.stop = threading.Event()
        bus.subscribe(STATUS_TOPIC, lambda payload: self.statuses.append(decode(Status, payload)))
        self.thread = threading.Thread(
            target=run,
            args=(bus, CloudSyncConfiguration(), self.stop),
            kwargs={"uplink": NoCloud(), "thing": "kiosk-1", "status_interval_s": 0.02},
        )
        self.thread.start()


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def running(bus: LocalBus) -> Iterator[Running]:
    started = Running(bus)
    wait_for(lambda: started.statuses, "it said how it is")
    yield started
    started.stop.set()
    started.thread.join(5)


def test_component_tells_what_it_counted(bus: LocalBus, running: Running) -> None:
    bus.publish(RESULT_TOPIC, encode(result("match")))
    wait_for(lambda: running.statuses[-1].details["matches"] == 1, "the match was told")


def test_damaged_result_is_counted_and_does_not_end_it(bus: LocalBus, running: Running) -> None:
    bus.publish(RESULT_TOPIC, b"not a result")
    wait_for(lambda: running.statuses[-1].state == "degraded", "it says that it did not understand")
    bus.publish(RESULT_TOPIC, encode(result("no_match")))
    wait_for(lambda: running.statuses[-1].details["no_match"] == 1, "the next result was counted")
    assert running.statuses[-1].state == "running"


class AwayBus:
    """A bus whose nucleus is away."""

    def __init__(self) -> None:
        self.tried = 0

    def publish(self, topic: str, payload: bytes) -> None:
        self.tried += 1
        raise UnavailableError("The nucleus is away.")

    def subscribe(self, topic: str, handler: object) -> None:
        pass


def test_component_goes_on_while_the_bus_is_away() -> None:
    bus, stop = AwayBus(), threading.Event()
    thread = threading.Thread(
        target=run,
        args=(bus, CloudSyncConfiguration(), stop),
        kwargs={"uplink": NoCloud(), "thing": "kiosk-1", "status_interval_s": 0.01},
    )
    thread.start()
    wait_for(lambda: bus.tried > 2, "it tried again")
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_being_offline_is_told_and_is_no_fault(bus: LocalBus, running: Running) -> None:
    wait_for(lambda: "not connected" in str(running.statuses[-1].details.get("offline")), "it says that it is offline")
    assert running.statuses[-1].state == "running", "the device works offline"


def test_fleet_is_told_what_a_device_runs_that_is_filled_from_sticks(bus: LocalBus, tmp_path: Path) -> None:
    write_generation(Store(tmp_path), unit_vectors(9), items(9), seq=5)
    sent: list[dict[str, Any]] = []

    class Cloud:
        def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
            if topic == shadow_topic("kiosk-1"):
                sent.append(json.loads(payload)["state"]["reported"]["index"])

    with meanwhile(
        lambda stop: run(bus, CloudSyncConfiguration(index_dir=str(tmp_path)), stop, uplink=Cloud(), thing="kiosk-1")
    ):
        wait_for(lambda: sent, "the shadow is reported")
    assert (sent[0]["active"], sent[0]["state"]) == (5, "off")


def test_recipe_and_configuration_agree() -> None:
    recipe = load_recipe(ROOT / "recipes" / "com.lookalike.CloudSync.yaml")
    assert from_mapping(CloudSyncConfiguration, recipe.configuration) == CloudSyncConfiguration()


def test_component_runs_as_its_recipe_says(tmp_path: Path, limits: str) -> None:
    with Nucleus(our_deployment(tmp_path, limits, only=("cloudsync",))) as nucleus:
        environment = nucleus.client_environment()
        bus = GreengrassBus(environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE])
        statuses: list[Status] = []
        bus.subscribe(STATUS_TOPIC, lambda payload: statuses.append(decode(Status, payload)))
        wait_for(lambda: statuses, "it said how it is")
        bus.publish(RESULT_TOPIC, encode(result("match")))
        wait_for(lambda: statuses[-1].details["matches"] == 1, "it told the match")
        bus.close()
    assert nucleus.states()["com.lookalike.CloudSync"].exit_code == 0


def test_without_a_nucleus_it_says_so_in_one_line() -> None:
    command = [sys.executable, "-m", "cloud_sync"]
    ended = subprocess.run(command, cwd=ROOT, env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "not started by a Greengrass nucleus" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
