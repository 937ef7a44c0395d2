"""components/lifecycle.py: configuration at run time, and what a component says while something is wrong with it."""

import contextlib
import logging
import queue
import stat
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nucleus_support import deployment, recipe, wait_for

from components.bus import Bus, LocalBus
from components.core.configuration import setting
from components.core.errors import UnavailableError
from components.core.messages import STATUS_TOPIC, Status, decode, encode
from components.greengrass import SOCKET_VARIABLE, TOKEN_VARIABLE, GreengrassBus
from components.kept_configuration import KeptConfiguration
from components.lifecycle import Rounds, in_background, keep_working, report_status
from components.nucleus.nucleus import Nucleus
from components.problems import Problems
from tests.meanwhile import meanwhile

ROOT = Path(__file__).parents[1]
REFUSED = "configuration refused: Setting 'k' is '99'; expected a whole number from 1 to 9"
GOING_ON = f"{REFUSED}, going on with the last good one"


@dataclass(frozen=True)
class Settings:
    """What the component under test may be told."""

    k: int = setting(1, "a number", low=1, high=9)
    address: str = setting("", "an address")

    def __post_init__(self) -> None:
        if self.address == "odd":
            raise ValueError("rtsp://me:pass@word@camera is no address")


class DeployedBus(LocalBus):
    """A bus in this process whose configuration a test deploys; it keeps what statuses were said."""

    def __init__(self, settings: dict[str, object]) -> None:
        super().__init__()
        self.problem = ""
        self.away = False
        self.settings = settings
        self.said: queue.Queue[Status] = queue.Queue()
        self.listeners: list[Callable[[dict[str, object]], None]] = []
        self.subscribe(STATUS_TOPIC, lambda payload: self.said.put(decode(Status, payload)))

    def configuration(self) -> dict[str, object]:
        return dict(self.settings)

    def on_configuration_change(self, callback: Callable[[dict[str, object]], None]) -> None:
        self.listeners.append(callback)

    def publish(self, topic: str, payload: bytes) -> None:
        if self.away:
            raise UnavailableError("The bus is away.")
        super().publish(topic, payload)

    def close(self) -> None:
        pass

    def deploy(self, **changes: object) -> None:
        self.settings = {**self.settings, **changes}
        for listener in self.listeners:
            listener(dict(self.settings))

    def wait_for_status(self, condition: Callable[[Status], object]) -> Status:
        seen: list[Status] = []

        def heard() -> Status | None:
            with contextlib.suppress(queue.Empty):
                seen.append(self.said.get(timeout=0.1))
                return seen[-1] if condition(seen[-1]) else None
            return None

        found: Status = wait_for(heard, f"the status fits; said: {seen}")
        return found


class Work:
    """Work that notes with which configuration it was called, and runs until it is told to stop."""

    def __init__(self, also: Callable[[Bus, Settings], None] = lambda bus, settings: None) -> None:
        self.begun: list[Settings] = []
        self.ended = 0
        self.bus: Bus | None = None
        self._also = also

    def __call__(self, bus: Bus, settings: Settings, stop: threading.Event) -> None:
        self.bus = bus
        self.begun.append(settings)
        self._also(bus, settings)
        with in_background(lambda: report_status(bus, lambda: Status.of("part", ""), stop, 0.1, 0.5)):
            stop.wait()
        self.ended += 1


def working(
    bus: Any, work: Callable[[Bus, Settings, threading.Event], None], work_dir: Path
) -> contextlib.AbstractContextManager[None]:
    return meanwhile(lambda stop: keep_working("part", Settings, bus, work, stop, work_dir))


def last_good(work_dir: Path, mapping: dict[str, object]) -> KeptConfiguration[Settings]:
    kept = KeptConfiguration(Settings, work_dir, Problems())
    kept.offer(mapping)
    return kept


# -- changes while a component works


def test_a_good_change_ends_the_work_and_begins_it_anew(tmp_path: Path) -> None:
    bus, work = DeployedBus({"k": "2"}), Work()
    with working(bus, work, tmp_path):
        wait_for(lambda: bus.listeners and len(work.begun) == 1, "the work began")
        bus.deploy(k=3)
        wait_for(lambda: len(work.begun) == 2, "the work began anew")
    assert [settings.k for settings in work.begun] == [2, 3]
    assert work.ended == 2


def test_what_means_the_same_changes_nothing(tmp_path: Path) -> None:
    bus, work = DeployedBus({"k": "2"}), Work()
    with working(bus, work, tmp_path):
        wait_for(lambda: bus.listeners and work.begun, "the work began")
        bus.deploy(k=2, accessControl={"aws.greengrass.ipc.pubsub": {}})
        bus.deploy(k=4)
        wait_for(lambda: len(work.begun) > 1, "the work began anew")
    assert [settings.k for settings in work.begun] == [2, 4]


def test_a_wrong_change_is_refused_with_key_value_and_range_and_the_work_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus, work = DeployedBus({"k": "2"}), Work()
    with working(bus, work, tmp_path), caplog.at_level(logging.INFO):
        wait_for(lambda: bus.listeners and work.begun, "the work began")
        bus.deploy(k="99")
        told = bus.wait_for_status(lambda status: status.reason)
        assert (told.component, told.state, told.reason) == ("part", "degraded", GOING_ON)
        assert (len(work.begun), work.ended) == (1, 0)
        bus.deploy(k="99", accessControl={})
        bus.deploy(k="2")
        bus.wait_for_status(lambda status: status.state == "running")
        assert len(work.begun) == 1
    assert caplog.text.count(GOING_ON) == 1


def test_handlers_of_work_that_ended_are_called_no_more(tmp_path: Path) -> None:
    heard: list[int] = []
    bus = DeployedBus({"k": 1})
    work = Work(lambda own, settings: own.subscribe("topic", lambda _: heard.append(settings.k)))
    with working(bus, work, tmp_path):
        for k in (1, 2, 3):
            wait_for(lambda k=k: bus.listeners and work.begun and work.begun[-1].k == k, "the work began")
            bus.deploy(k=k + 1)
        wait_for(lambda: len(work.begun) == 4, "the work began anew")
        bus.publish("topic", b"")
    assert heard == [4]


def test_stop_ends_work_and_waiting_alike(tmp_path: Path) -> None:
    bus = DeployedBus({"k": 99})
    with working(bus, Work(), tmp_path):
        told = bus.wait_for_status(lambda status: status.reason)
    assert told.reason.startswith("configuration refused: Setting 'k' is 99;")
    assert told.reason.endswith(", waiting for a good one")


# -- the last good one


def test_a_restart_with_a_wrong_configuration_comes_up_with_the_last_good_one(tmp_path: Path) -> None:
    last_good(tmp_path, {"k": "5", "address": "here"})
    bus, work = DeployedBus({"k": "99"}), Work()
    with working(bus, work, tmp_path):
        told = bus.wait_for_status(lambda status: status.reason)
        assert told.reason == GOING_ON
        wait_for(lambda: bus.listeners and work.begun, "the work began")
        bus.deploy(k="6")
        wait_for(lambda: len(work.begun) == 2, "the work began anew")
    assert work.begun == [Settings(5, "here"), Settings(6, "")]


def test_what_was_kept_is_for_the_component_alone(tmp_path: Path) -> None:
    last_good(tmp_path, {"k": "5"})
    assert stat.S_IMODE((tmp_path / "configuration").stat().st_mode) == 0o700


def test_what_is_kept_already_is_not_written_again(tmp_path: Path) -> None:
    file = tmp_path / "configuration" / "last-good.json"
    inodes = []
    for k in ("5", 5, "6"):
        last_good(tmp_path, {"k": k})
        inodes.append(file.stat().st_ino)
    assert inodes[0] == inodes[1] != inodes[2]


def test_a_setting_that_a_newer_version_does_not_know_is_left_out_of_what_was_kept(tmp_path: Path) -> None:
    last_good(tmp_path, {"k": "5"})
    file = tmp_path / "configuration" / "last-good.json"
    file.write_text(file.read_text().replace('"address"', '"former"'))
    assert last_good(tmp_path, {"k": "99"}).current == Settings(5)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"7", b'{"k": 99}', b"\xff\xfe", b"null"])
def test_damage_in_what_was_kept_is_as_if_there_were_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "configuration").mkdir()
    (tmp_path / "configuration" / "last-good.json").write_bytes(content)
    kept = last_good(tmp_path, {"k": "99"})
    assert kept.current is None
    assert kept.offer({"k": "1"})


def test_a_work_folder_that_takes_no_file_is_told_until_it_does(tmp_path: Path) -> None:
    in_the_way = tmp_path / "configuration"
    in_the_way.write_text("no folder")
    bus, work = DeployedBus({"k": "2"}), Work()
    with working(bus, work, tmp_path):
        told = bus.wait_for_status(lambda status: status.reason)
        assert "cannot be kept in" in told.reason
        in_the_way.unlink()
        bus.wait_for_status(lambda status: status.state == "running")
    assert last_good(tmp_path, {"k": "99"}).current == Settings(2)


def test_no_password_comes_into_log_or_status(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bus, work = DeployedBus({"k": 1, "address": "rtsp://me:pass@word@one"}), Work()
    said = []
    with caplog.at_level(logging.DEBUG), working(bus, work, tmp_path):
        wait_for(lambda: bus.listeners and work.begun, "the work began")
        for wrong in ({"k": "rtsp://me:pass@word@two"}, {"k": 1, "address": "odd"}, {"http://me:pass@word@x": 1}):
            bus.deploy(**wrong)  # type: ignore[arg-type]  # settings by name
            said.append(bus.wait_for_status(lambda status: status.reason and status.reason not in said).reason)
        bus.deploy(k=2, address="rtsp://me:pass@word@three")
    assert len(set(said)) == 3
    assert "pass" not in caplog.text + "".join(said)
    assert "'rtsp://***@two'" in said[0]


# -- faults of the process


def test_work_that_fails_is_told_and_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bus = DeployedBus({})

    def fail_at_first(_: Bus, __: Settings) -> None:
        if len(work.begun) < 3:
            raise ZeroDivisionError("rtsp://me:pass@camera")

    work = Work(fail_at_first)
    with working(bus, work, tmp_path):
        told = bus.wait_for_status(lambda status: status.reason)
        wait_for(lambda: len(work.begun) == 3, "the work began anew")
    assert told.state == "degraded"
    assert "the work failed (ZeroDivisionError: rtsp://***@camera at test_runtime_configuration.py:" in told.reason
    assert "fail_at_first" in caplog.text


def test_work_that_ends_by_itself_is_told_and_begun_anew(tmp_path: Path) -> None:
    bus, begun = DeployedBus({}), []
    with working(bus, lambda own, settings, stop: begun.append(settings), tmp_path):
        assert "the work ended by itself" in bus.wait_for_status(lambda status: status.reason).reason
        wait_for(lambda: len(begun) > 1, "the work began anew")


def test_background_thread_that_dies_is_told_and_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus, lives = DeployedBus({}), []

    def part() -> None:
        lives.append(1)
        if len(lives) < 3:
            raise KeyError("nobody foresaw this")

    def work(own: Bus, settings: Settings, stop: threading.Event) -> None:
        with in_background(part):
            stop.wait()

    with working(bus, work, tmp_path):
        told = bus.wait_for_status(lambda status: status.reason)
        wait_for(lambda: len(lives) == 3, "the part was started again")
    assert "a part of the component failed (KeyError: 'nobody foresaw this' at" in told.reason
    assert "nobody foresaw this" in caplog.text


def test_dead_part_is_not_started_again_after_the_block(caplog: pytest.LogCaptureFixture) -> None:
    lives: queue.Queue[int] = queue.Queue()

    def part() -> None:
        lives.put(1)
        raise ValueError("again and again")

    with in_background(part):
        lives.get(timeout=5)
    threads = [thread for thread in threading.enumerate() if "_keep_running" in thread.name]
    assert (threads, lives.qsize()) == ([], 0)


def test_work_that_does_not_end_for_a_new_configuration_is_noticed() -> None:
    now = [100.0]
    rounds = Rounds(clock=lambda: now[0])
    stop = rounds.begin()
    rounds.end()
    assert (stop.is_set(), rounds.overdue()) == (True, False)
    now[0] += 6.0
    assert rounds.overdue()
    assert not rounds.begin().is_set()
    assert not rounds.overdue()
    rounds.finish()
    assert rounds.begin().is_set()


def test_a_problem_of_the_bus_is_added_to_the_status(tmp_path: Path) -> None:
    bus = DeployedBus({})
    with working(bus, Work(), tmp_path):
        bus.wait_for_status(lambda status: status.state == "running")
        bus.problem = "the nucleus refuses to subscribe to a/b"
        bus.wait_for_status(lambda status: (status.state, status.reason) == ("degraded", bus.problem))
        bus.problem = ""
        bus.wait_for_status(lambda status: status.state == "running")


def test_what_the_component_says_itself_stays_beside_the_problem(tmp_path: Path) -> None:
    bus = DeployedBus({})
    bus.problem = "the process's"
    work = Work(lambda own, _: own.publish(STATUS_TOPIC, encode(Status.of("part", "its own"))))
    with working(bus, work, tmp_path):
        bus.wait_for_status(lambda status: status.reason == "the process's; its own")


def test_a_component_hears_its_own_status_while_the_nucleus_is_away(tmp_path: Path) -> None:
    heard: queue.Queue[Status] = queue.Queue()
    bus = DeployedBus({})
    work = Work(lambda own, _: own.subscribe(STATUS_TOPIC, lambda payload: heard.put(decode(Status, payload))))
    with working(bus, work, tmp_path):
        heard.get(timeout=5)
        bus.away, bus.problem = True, "the nucleus is away"
        wait_for(lambda: heard.get(timeout=5).reason == "the nucleus is away", "it was heard")


def test_status_of_another_component_is_passed_on_as_it_is(tmp_path: Path) -> None:
    bus, work = DeployedBus({}), Work()
    bus.problem = "a problem of ours"
    with working(bus, work, tmp_path):
        wait_for(lambda: work.bus, "the work began")
        assert work.bus is not None
        work.bus.publish(STATUS_TOPIC, encode(Status.of("other", "theirs")))
        assert bus.wait_for_status(lambda status: status.component == "other").reason == "theirs"


def test_a_problem_lasts_as_long_as_it_was_said_to() -> None:
    now = [0.0]
    problems = Problems(clock=lambda: now[0])
    problems.note("b", "for a while", lasts_s=10)
    problems.note("a", "until further notice")
    assert problems.reason == "until further notice; for a while"
    now[0] = 10.0
    assert problems.reason == "until further notice"
    problems.note("a", "")
    assert problems.reason == ""


# -- on the nuclei

PART = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
import dataclasses
from test_runtime_configuration import Settings
from components.core.messages import Status
from components.greengrass import GreengrassBus
from components.lifecycle import report_status, run_component

def work(bus, settings, stop):
    report_status(bus, lambda: Status.of("part", "", details=dataclasses.asdict(settings)), stop)

sys.exit(run_component("part", Settings, GreengrassBus.from_environment, work))
"""


def test_configuration_on_a_nucleus_that_notifies_and_on_one_that_restarts(tmp_path: Path, limits: str) -> None:
    script = tmp_path / "part.py"
    script.write_text(PART.format(root=str(ROOT), tests=str(ROOT / "tests")))
    one = recipe("part", f"exec {sys.executable} {script}", publishes=[STATUS_TOPIC], settings={"k": 2})
    newest: list[Status] = []

    def says(k: int, reason: str) -> Callable[[], bool]:
        return lambda: bool(newest) and (newest[-1].details.get("k"), newest[-1].reason) == (k, reason)

    with Nucleus(deployment(tmp_path, one, limits=limits)) as nucleus:
        bus = GreengrassBus.from_environment(nucleus.client_environment())
        with contextlib.closing(bus):
            bus.subscribe(STATUS_TOPIC, lambda payload: newest.append(decode(Status, payload)))
            wait_for(says(2, ""), "it works with its default")
            nucleus.configure("part", {"k": "3"})
            wait_for(says(3, ""), "it works with what was deployed")
            nucleus.configure("part", {"k": "99"})
            wait_for(says(3, GOING_ON), "it goes on with the last good one")
            nucleus.configure("part", {"k": 4})
            wait_for(says(4, ""), "it works with what was deployed then")
            # The nucleus that restarts a component for a new configuration has done so three times.
            assert nucleus.states()["part"].starts == {"classic": 1, "lite": 4}[limits]


def test_a_change_of_which_no_notice_came_is_applied(tmp_path: Path, limits: str) -> None:
    work = Work()
    with Nucleus(deployment(tmp_path, recipe("part", publishes=[STATUS_TOPIC]), limits=limits)) as nucleus:
        environment = nucleus.client_environment("part")
        bus = GreengrassBus(environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE], poll_s=0.2)
        with contextlib.closing(bus), working(bus, work, tmp_path):
            wait_for(lambda: work.begun, "the work began")
            nucleus._store.put("part", {"k": "7"})  # nobody is told
            wait_for(lambda: work.begun[-1].k == 7, "the work began anew")


def test_a_refused_subscription_is_told_in_the_status(tmp_path: Path, limits: str) -> None:
    newest: list[Status] = []
    work = Work(lambda own, _: own.subscribe("not/ours", lambda payload: None))
    with Nucleus(deployment(tmp_path, recipe("part", publishes=[STATUS_TOPIC]), limits=limits)) as nucleus:
        operator = GreengrassBus.from_environment(nucleus.client_environment())
        bus = GreengrassBus.from_environment(nucleus.client_environment("part"))
        with contextlib.closing(operator), contextlib.closing(bus), working(bus, work, tmp_path):
            operator.subscribe(STATUS_TOPIC, lambda payload: newest.append(decode(Status, payload)))
            refused = "the nucleus refuses to subscribe to not/ours"
            wait_for(lambda: newest and newest[-1].reason == refused, "the refusal was told")
