"""components/lifecycle.py: a component's process, from its settings to its end."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dashboard_kit import free_port
from nucleus_support import our_deployment, wait_for

from components.bus import Bus, LocalBus
from components.core.configuration import setting
from components.core.errors import UnavailableError
from components.core.messages import STATUS_TOPIC, Status, decode
from components.greengrass import GreengrassBus
from components.lifecycle import in_background, keep_working
from components.nucleus.nucleus import Nucleus

ROOT = Path(__file__).parents[1]
MODULES = ("components.featurizer", "components.searcher", "dashboard", "cloud_sync")


@dataclass(frozen=True)
class Settings:
    """What the component under test may be told."""

    k: int = setting(1, "a number", low=1, high=9)


class SettledBus(LocalBus):
    """A bus that hands out one answer after the other; the last one again and again."""

    problem = ""

    def __init__(self, *answers: object) -> None:
        super().__init__()
        self.statuses: queue.Queue[Status] = queue.Queue()
        self.subscribe(STATUS_TOPIC, lambda payload: self.statuses.put(decode(Status, payload)))
        self._answers = list(answers)

    def configuration(self) -> dict[str, object]:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, dict)
        return answer

    def on_configuration_change(self, callback: object) -> None:
        pass

    def close(self) -> None:
        pass


def first_of(bus: SettledBus, work_dir: Path) -> Settings:
    """The configuration with which the work begins on ``bus``."""
    begun, stop = [], threading.Event()

    def work(_: Bus, settings: Settings, end: threading.Event) -> None:
        begun.append(settings)
        stop.set()
        end.wait()

    keep_working("part", Settings, bus, work, stop, work_dir)
    return begun[0]


def test_good_settings_are_taken_at_once_and_nothing_is_said(tmp_path: Path) -> None:
    bus = SettledBus({"k": "7", "accessControl": {}})
    assert first_of(bus, tmp_path) == Settings(k=7)
    assert bus.statuses.empty()


def test_wrong_settings_are_told_as_degraded_until_they_are_good(tmp_path: Path) -> None:
    bus = SettledBus({"k": 10}, UnavailableError("The nucleus is busy."), {"k": 2})
    assert first_of(bus, tmp_path) == Settings(k=2)
    said = [bus.statuses.get_nowait() for _ in range(2)]
    assert {(status.component, status.state) for status in said} == {("part", "degraded")}
    assert "'k' is 10; expected a whole number from 1 to 9" in said[0].reason
    assert "The nucleus is busy." in said[1].reason


def test_work_in_the_background_ends_with_the_block() -> None:
    stop, ended = threading.Event(), []
    with in_background(lambda: ended.append(stop.wait()), lambda: ended.append(stop.wait())):
        stop.set()
    assert ended == [True, True]


STUBBORN = """
import sys
import threading
from pathlib import Path
from components.lifecycle import run_component
from tests.test_lifecycle import SettledBus, Settings

def work(bus, configuration, stop):
    print("working", flush=True)
    threading.Event().wait()

run_component("part", Settings, lambda: SettledBus({}), work, Path(sys.argv[1]))
"""


def test_process_ends_at_sigterm_even_if_its_work_does_not(tmp_path: Path) -> None:
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    command = [sys.executable, "-c", STUBBORN, str(tmp_path)]
    process = subprocess.Popen(command, env={"PYTHONPATH": path}, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        with process.stdout as output:
            assert output.readline() == b"working\n"
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


@dataclass
class Deployed:
    """All components with a setting that each refuses, on a nucleus that restarts them for a new one or does not."""

    limits: str
    nucleus: Nucleus
    statuses: dict[str, Status]


WRONG = {
    "featurizer": ("source", "telescope:0", "synthetic:nowhere.csv", "telescope"),
    "searcher": ("poll_interval_s", "0", "1", "'poll_interval_s' is '0'"),
    "dashboard": ("host", "0.0.0.0", "127.0.0.1", "answers only the device itself"),
    "cloud_sync": ("report_interval_s", "soon", "60", "'report_interval_s' is 'soon'"),
}
RECIPES = {"featurizer": "Featurizer", "searcher": "Searcher", "dashboard": "Dashboard", "cloud_sync": "CloudSync"}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, limits: str) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("device")
    places = {"index_dir": str(folder / "index"), "ram_dir": str(folder / "ram")}
    own = {"featurizer": places, "searcher": {"index_dir": places["index_dir"]}, "cloud_sync": {}}
    own["dashboard"] = {**places, "port": str(free_port())}
    wrong_ones = {RECIPES[name]: {**own[name], key: wrong} for name, (key, wrong, _, _) in WRONG.items()}
    deployment = our_deployment(folder / "nucleus", limits, overrides=wrong_ones)
    statuses: dict[str, Status] = {}

    def keep(payload: bytes) -> None:
        status = decode(Status, payload)
        statuses[status.component] = status

    with Nucleus(deployment) as nucleus:
        bus = GreengrassBus.from_environment(nucleus.client_environment())
        bus.subscribe(STATUS_TOPIC, keep)
        yield Deployed(limits, nucleus, statuses)
        bus.close()


@pytest.mark.parametrize("component", WRONG)
def test_wrong_setting_degrades_a_component_until_it_is_mended_and_ends_none(
    deployed: Deployed, component: str
) -> None:
    key, _, good, reason = WRONG[component]
    told = wait_for(lambda: deployed.statuses.get(component), f"{component} said how it is", 30)
    assert (told.state, reason in told.reason) == ("degraded", True), told
    deployed.nucleus.configure(RECIPES[component], {key: good})
    wait_for(lambda: reason not in deployed.statuses[component].reason, f"{component} took the good setting", 30)
    assert (
        deployed.nucleus.states()[f"com.lookalike.{RECIPES[component]}"].starts
        == {"classic": 1, "lite": 2}[deployed.limits]
    )
    assert "refuses to subscribe" not in deployed.statuses[component].reason


@pytest.mark.parametrize("module", MODULES)
def test_without_a_nucleus_a_component_says_so_in_one_line(module: str) -> None:
    command = [sys.executable, "-m", module]
    ended = subprocess.run(command, cwd=ROOT, env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "not started by a Greengrass nucleus" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
