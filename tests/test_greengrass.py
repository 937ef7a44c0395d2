"""components/greengrass/: the bus over the vendor's client, against the stand-in nucleus."""

import contextlib
import logging
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nucleus_support import client, deployment, json_message, recipe, wait_for, write_recipes

from components.core.errors import MessageError, UnavailableError
from components.core.messages import MAX_MESSAGE_BYTES
from components.greengrass import SOCKET_VARIABLE, TOKEN_VARIABLE, GreengrassBus, link, subscriptions
from components.greengrass.link import Close, Link, Listener
from components.greengrass.subscriptions import Deliveries, Subscriptions
from components.nucleus.nucleus import Nucleus

ROOT = Path(__file__).parents[1]
COMPONENTS = (
    recipe("talker", publishes=["a/b", "back"], subscribes=["back"], settings={"k": 8}),
    recipe("listener", publishes=["back"], subscribes=["a/b"]),
)


@pytest.fixture
def nucleus(tmp_path: Path, limits: str) -> Iterator[Nucleus]:
    with Nucleus(deployment(tmp_path, *COMPONENTS, limits=limits)) as running:
        yield running


class Buses:
    """Makes buses and closes them all."""

    def __init__(self) -> None:
        self.made: list[GreengrassBus] = []

    def __call__(self, nucleus: Nucleus, component: str | None = None, **more: float) -> GreengrassBus:
        environment = nucleus.client_environment(component)
        self.made.append(GreengrassBus(environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE], **more))
        assert self.made[-1].wait_until_connected()
        return self.made[-1]


@pytest.fixture
def bus_of() -> Iterator[Buses]:
    buses = Buses()
    yield buses
    for bus in buses.made:
        bus.close()


def listen(bus: GreengrassBus, topic: str) -> "queue.Queue[bytes]":
    heard: queue.Queue[bytes] = queue.Queue()
    bus.subscribe(topic, heard.put)
    return heard


def publish_until_heard(bus: GreengrassBus, topic: str, heard: "queue.Queue[bytes]") -> None:
    """What a component does: it goes on publishing, and sooner or later it is heard again."""

    def heard_one() -> bool:
        try:
            bus.publish(topic, b"again")
            return heard.get(timeout=0.1) == b"again"
        except (UnavailableError, queue.Empty):
            return False

    wait_for(heard_one, "a message came through again")


def test_bus_carries_bytes_between_two_components(nucleus: Nucleus, bus_of: Buses) -> None:
    heard = listen(bus_of(nucleus, "listener"), "a/b")
    payload = bytes(range(256)) * 27
    bus_of(nucleus, "talker").publish("a/b", payload)
    assert heard.get(timeout=5) == payload


def test_messages_arrive_once_each_and_in_order(nucleus: Nucleus, bus_of: Buses) -> None:
    heard, talker = listen(bus_of(nucleus, "listener"), "a/b"), bus_of(nucleus, "talker")
    for number in range(300):
        talker.publish("a/b", str(number).encode())
    assert [heard.get(timeout=5) for _ in range(300)] == [str(n).encode() for n in range(300)]


def test_every_handler_of_a_topic_is_called(nucleus: Nucleus, bus_of: Buses) -> None:
    bus = bus_of(nucleus)
    first, second = listen(bus, "a/b"), listen(bus, "a/b")
    bus.publish("a/b", b"x")
    assert (first.get(timeout=5), second.get(timeout=5)) == (b"x", b"x")


def test_handler_may_publish(nucleus: Nucleus, bus_of: Buses) -> None:
    listener, talker = bus_of(nucleus, "listener"), bus_of(nucleus, "talker")
    back = listen(talker, "back")
    listener.subscribe("a/b", lambda payload: listener.publish("back", payload + b"!"))
    for number in range(20):
        talker.publish("a/b", b"%d" % number)
    assert [back.get(timeout=5) for _ in range(20)] == [b"%d!" % number for number in range(20)]


def test_handler_may_subscribe(nucleus: Nucleus, bus_of: Buses) -> None:
    bus = bus_of(nucleus)
    heard: queue.Queue[bytes] = queue.Queue()
    bus.subscribe("first", lambda _: bus.subscribe("second", heard.put))
    bus.publish("first", b"")
    publish_until_heard(bus, "second", heard)


def test_all_handlers_run_on_one_thread_that_is_not_the_callers(nucleus: Nucleus, bus_of: Buses) -> None:
    bus = bus_of(nucleus)
    threads: queue.Queue[threading.Thread] = queue.Queue()
    for topic in ("one", "two"):
        bus.subscribe(topic, lambda _: threads.put(threading.current_thread()))
        bus.publish(topic, b"")
    first, second = threads.get(timeout=5), threads.get(timeout=5)
    assert first is second
    assert first is not threading.current_thread()


def test_failing_handler_is_logged_and_does_not_end_the_bus(
    nucleus: Nucleus, bus_of: Buses, caplog: pytest.LogCaptureFixture
) -> None:
    bus = bus_of(nucleus)
    heard: queue.Queue[bytes] = queue.Queue()

    def handler(payload: bytes) -> None:
        if payload == b"bad":
            raise ValueError("a fault of ours")
        heard.put(payload)

    with caplog.at_level(logging.ERROR):
        bus.subscribe("a/b", handler)
        bus.publish("a/b", b"bad")
        bus.publish("a/b", b"good")
        assert heard.get(timeout=5) == b"good"
    assert "a fault of ours" in caplog.text


def test_topic_that_the_recipe_does_not_name_is_refused_in_words(nucleus: Nucleus, bus_of: Buses) -> None:
    bus = bus_of(nucleus, "listener")
    with pytest.raises(UnavailableError, match="Could not publish on a/b: UnauthorizedError"):
        bus.publish("a/b", b"x")
    bus.publish("back", b"x")


def test_refused_subscription_is_told_as_a_problem(nucleus: Nucleus, bus_of: Buses) -> None:
    bus = bus_of(nucleus, "listener")
    assert bus.problem == ""
    listen(bus, "back")
    assert bus.problem == "the nucleus refuses to subscribe to back"


def test_too_large_message_is_refused_before_it_can_do_harm(nucleus: Nucleus, bus_of: Buses) -> None:
    bus = bus_of(nucleus)
    heard = listen(bus, "a/b")
    for publish in (bus.publish, bus.publish_to_iot_core):
        with pytest.raises(MessageError, match="7001 bytes"):
            publish("a/b", b"x" * (MAX_MESSAGE_BYTES + 1))
    bus.publish("a/b", b"x" * MAX_MESSAGE_BYTES)
    assert len(heard.get(timeout=5)) == MAX_MESSAGE_BYTES


@pytest.mark.parametrize("limits", ["lite"])
def test_bus_recovers_from_a_frame_that_closed_its_connection(nucleus: Nucleus, bus_of: Buses) -> None:
    bus = bus_of(nucleus)
    heard = listen(bus, "a/b")
    with pytest.raises(UnavailableError):
        bus.publish("long/" * 3_000, b"")
    publish_until_heard(bus, "a/b", heard)


@pytest.mark.parametrize("limits", ["lite"])
def test_subscription_that_died_silently_is_made_again(nucleus: Nucleus, bus_of: Buses) -> None:
    bus = bus_of(nucleus, refresh_s=0.5)
    heard = listen(bus, "a/b")
    with client(nucleus.client_environment()) as other:
        other.publish_to_topic(topic="a/b", publish_message=json_message({"list": list(range(43))}))
    bus.publish("a/b", b"lost")
    publish_until_heard(bus, "a/b", heard)

    def said() -> str:
        bus.publish("a/b", b"more")
        return bus.problem

    assert wait_for(said, "it is told") == "the nucleus had silently dropped a/b, which is subscribed to again"
    assert sum(heard.get() == b"lost" for _ in range(heard.qsize())) == 0


class Topic:
    """A topic of a nucleus that now and then drops a subscription without a word."""

    def __init__(self) -> None:
        self.now, self.heard, self.streams = 100.0, [], []
        self._deliveries = Deliveries()
        self.subscriptions = Subscriptions(self._deliveries, 15.0, lambda: None, lambda: self.now)
        self.subscriptions.add("a/b", self._subscribe, self.heard.append)

    def _subscribe(self, _: Link, listener: Listener) -> Close:
        self.streams.append(listener)
        listener.answered()
        return lambda: self.streams.remove(listener) if listener in self.streams else None

    def close(self) -> None:
        self._deliveries.close()

    def after(self, seconds: float, message: bytes | None = None) -> list[str]:
        """What is said to have died when time has passed, and a message came."""
        self.now += seconds
        for stream in list(self.streams) if message is not None else ():
            stream.heard(message)
        self.subscriptions.tend(NO_LINK)
        return self.subscriptions.died()


class NoLink:
    lost = threading.Event()


NO_LINK: Any = NoLink()


def test_subscription_that_was_quiet_is_called_dead_only_if_it_was() -> None:
    topic = Topic()
    assert topic.after(0) == []
    assert topic.after(1, b"1") == []
    assert (topic.after(20), len(topic.streams)) == ([], 2), "it was quiet: another one stands beside it"
    assert topic.after(20) == []
    assert (topic.after(1, b"2"), topic.after(1), len(topic.streams)) == ([], [], 1), "both brought it"
    assert topic.after(20) == []
    del topic.streams[:-1]
    assert (topic.after(1, b"3"), topic.after(0.4), topic.after(0.2)) == ([], [], ["a/b"])
    assert topic.after(31, b"4") == [], "it is told for a while"
    wait_for(lambda: len(topic.heard) == 4, "all came")
    assert topic.heard == [b"1", b"2", b"3", b"4"]
    topic.close()


def test_nucleus_that_hangs_is_away_and_refuses_nothing_until_it_goes_on(tmp_path: Path, limits: str) -> None:
    recipes = write_recipes(tmp_path / "recipes", *COMPONENTS)
    root = tmp_path / "root"
    command = [sys.executable, "-m", "components.nucleus", "--root", str(root), "--recipes", str(recipes)]
    command += ["--limits", limits]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait_for((root / "ipc.socket").exists, "the nucleus listens")
        bus = GreengrassBus(str(root / "ipc.socket"), (root / "operator.token").read_text(), refresh_s=0.2)
        with contextlib.closing(bus):
            heard = listen(bus, "a/b")
            publish_until_heard(bus, "a/b", heard)
            process.send_signal(signal.SIGSTOP)
            assert "the nucleus is away" in wait_for(lambda: bus.problem, "the bus noticed")
            process.send_signal(signal.SIGCONT)
            publish_until_heard(bus, "a/b", heard)
            wait_for(lambda: not bus.problem, "all is well")
    finally:
        process.kill()
        process.wait()


def test_renewed_subscriptions_neither_lose_nor_repeat_a_message(nucleus: Nucleus, bus_of: Buses) -> None:
    heard, talker = listen(bus_of(nucleus, "listener", refresh_s=0.0), "a/b"), bus_of(nucleus, "talker")
    for number in range(400):
        talker.publish("a/b", b"%d" % number)
    assert [heard.get(timeout=5) for _ in range(400)] == [b"%d" % number for number in range(400)]
    assert heard.empty()


def test_bus_comes_back_when_the_nucleus_was_restarted(tmp_path: Path, bus_of: Buses, limits: str) -> None:
    settings = deployment(tmp_path, *COMPONENTS, limits=limits)
    with Nucleus(settings) as first:
        bus = bus_of(first)
        heard = listen(bus, "a/b")
    wait_for(lambda: bus.problem, "the bus saw that the nucleus went away")
    with pytest.raises(UnavailableError, match="the nucleus is away"):
        bus.publish("a/b", b"x")
    later = listen(bus, "later")
    with Nucleus(settings):
        publish_until_heard(bus, "a/b", heard)
        publish_until_heard(bus, "later", later)
        assert bus.problem == ""


def test_bus_without_a_nucleus_says_so_and_waits(tmp_path: Path) -> None:
    bus = GreengrassBus(str(tmp_path / "nobody"), "token")
    try:
        assert not bus.wait_until_connected(0.1)
        listen(bus, "a/b")
        with pytest.raises(UnavailableError, match="the nucleus is away"):
            bus.publish("a/b", b"x")
        wait_for(lambda: "AWS_" in bus.problem or "NotFound" in bus.problem or "Error" in bus.problem, "it knows why")
    finally:
        bus.close()


def test_wrong_token_is_a_problem_and_not_an_end(nucleus: Nucleus) -> None:
    bus = GreengrassBus(str(nucleus.socket), "guessed")
    try:
        wait_for(lambda: "AccessDeniedError" in bus.problem, "the refusal is told")
        with pytest.raises(UnavailableError, match="AccessDenied"):
            bus.publish("a/b", b"x")
    finally:
        bus.close()


def test_program_that_no_nucleus_started_is_told_so() -> None:
    with pytest.raises(UnavailableError, match="not started by a Greengrass nucleus"):
        GreengrassBus.from_environment({})


def test_bus_comes_from_the_environment(nucleus: Nucleus) -> None:
    bus = GreengrassBus.from_environment(nucleus.client_environment("talker"))
    try:
        assert str(bus.configuration()["k"]) == "8"
    finally:
        bus.close()


def test_closed_bus_leaves_no_thread(nucleus: Nucleus) -> None:
    before = set(threading.enumerate())
    bus = GreengrassBus.from_environment(nucleus.client_environment())
    assert bus.wait_until_connected()
    bus.close()
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("bus-")]
    with pytest.raises(UnavailableError):
        bus.publish("a/b", b"x")


@pytest.mark.parametrize(("limits", "value"), [("lite", "8"), ("classic", 8)])
def test_configuration_comes_without_the_permissions(nucleus: Nucleus, bus_of: Buses, value: object) -> None:
    assert bus_of(nucleus, "talker").configuration() == {"k": value}


@pytest.mark.parametrize("limits", ["classic"])
def test_changed_configuration_is_told(nucleus: Nucleus, bus_of: Buses) -> None:
    bus = bus_of(nucleus, "talker")
    bus.configuration()
    told: queue.Queue[dict[str, Any]] = queue.Queue()
    bus.on_configuration_change(told.put)
    nucleus.configure("talker", {"k": 9, "new": True})
    assert told.get(timeout=5) == {"k": 9, "new": True}
    nucleus.configure("talker", {"k": 9})
    nucleus.configure("talker", {"k": 10})
    assert told.get(timeout=5)["k"] == 10


def test_change_of_which_no_notice_came_is_found_by_reading(nucleus: Nucleus, bus_of: Buses) -> None:
    bus = bus_of(nucleus, "talker", poll_s=0.2)
    bus.configuration()
    told: queue.Queue[dict[str, Any]] = queue.Queue()
    bus.on_configuration_change(told.put)
    # Without a notice, as one of the real nuclei now and then does.
    nucleus._store.put("talker", {"k": "silent"})
    assert told.get(timeout=10) == {"k": "silent"}


def test_iot_core_is_reached(tmp_path: Path, bus_of: Buses, limits: str) -> None:
    log = tmp_path / "cloud.jsonl"
    with Nucleus(deployment(tmp_path, *COMPONENTS, iot_core_log=log, limits=limits)) as running:
        bus_of(running).publish_to_iot_core("cloud/x", b"up", qos=0)
        assert '"qos": "0"' in log.read_text()


@pytest.mark.parametrize(("limits", "is_refused"), [("lite", True), ("classic", False)])
def test_offline_is_told_by_one_nucleus_and_bridged_by_the_other(
    tmp_path: Path, bus_of: Buses, limits: str, is_refused: bool
) -> None:
    log = tmp_path / "cloud.jsonl"
    with Nucleus(deployment(tmp_path, *COMPONENTS, iot_core_log=log, limits=limits, online=False)) as running:
        bus = bus_of(running)
        said = pytest.raises(UnavailableError, match="Could not publish to IoT Core on cloud/x")
        with said if is_refused else contextlib.nullcontext():
            bus.publish_to_iot_core("cloud/x", b"up")
        running.set_online(True)
        assert log.exists() != is_refused


def test_what_iot_core_sends_is_heard(tmp_path: Path, bus_of: Buses, limits: str) -> None:
    with Nucleus(deployment(tmp_path, *COMPONENTS, limits=limits)) as running:
        bus = bus_of(running)
        heard: queue.Queue[bytes] = queue.Queue()
        bus.subscribe_to_iot_core("cloud/acks", heard.put)

        def heard_one() -> bool:
            bus.publish_to_iot_core("cloud/acks", bytes(range(256)))
            with contextlib.suppress(queue.Empty):
                return heard.get(timeout=0.1) == bytes(range(256))
            return False

        wait_for(heard_one, "what the cloud sent was heard")
        assert bus.problem == ""


def test_topic_of_the_cloud_that_the_recipe_does_not_name_is_a_problem(nucleus: Nucleus, bus_of: Buses) -> None:
    bus = bus_of(nucleus, "listener")
    bus.subscribe_to_iot_core("cloud/acks", lambda _: None)
    wait_for(lambda: "refuses to subscribe to AWS IoT Core's cloud/acks" in bus.problem, "it is told")


def test_subscription_that_waits_for_the_network_is_no_problem_and_ends_no_connection(
    tmp_path: Path, bus_of: Buses, limits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "_CLOUD_REFUSED_S", 0.5)
    monkeypatch.setattr(link, "ANSWER_S", 1.0)
    with Nucleus(deployment(tmp_path, *COMPONENTS, limits=limits, online=False)) as running:
        bus, problems = bus_of(running), set()
        heard: queue.Queue[bytes] = queue.Queue()
        bus.subscribe_to_iot_core("cloud/acks", heard.put)
        local = listen(bus, "a/b")
        for number in range(20):  # longer than one answer may take
            bus.publish("a/b", b"%d" % number)
            assert local.get(timeout=5) == b"%d" % number
            problems.add(bus.problem)
            time.sleep(0.15)
        assert problems == {""}
        running.set_online(True)

        def heard_one() -> bool:
            bus.publish_to_iot_core("cloud/acks", b"x")
            with contextlib.suppress(queue.Empty):
                return heard.get(timeout=0.1) == b"x"
            return False

        wait_for(heard_one, "what the cloud sent was heard")


def test_bus_is_closed_at_once_though_the_nucleus_waits_for_the_network(tmp_path: Path, bus_of: Buses) -> None:
    with Nucleus(deployment(tmp_path, *COMPONENTS, limits="classic", online=False)) as running:
        bus = bus_of(running)
        bus.subscribe_to_iot_core("cloud/acks", lambda _: None)
        time.sleep(0.5)
        began = time.monotonic()
        bus.close()
        assert time.monotonic() - began < link.ANSWER_S / 2
