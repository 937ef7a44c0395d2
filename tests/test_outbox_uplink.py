"""From the searcher's process through cloud_sync's and the nucleus into a real mosquitto, and back."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mosquitto_kit import Cloud, Mosquitto, cloud
from nucleus_support import our_deployment, wait_for

from components.core.match_events import as_json
from components.core.messages import QUERY_TOPIC, STATUS_TOPIC, Status, decode, encode
from components.core.outbox_documents import MATCHES, Document
from components.greengrass import GreengrassBus
from components.nucleus.broker import MqttBroker
from components.nucleus.nucleus import Nucleus
from components.outbox import Outbox
from tests.generations import make_store, query, unit_vectors

THING = "kiosk-1"
VECTORS = unit_vectors(200)
FAST = {"batches_per_s": "50", "gather_s": "0.2"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mosquitto, Cloud]]:
    with cloud(tmp_path_factory.mktemp("mosquitto")) as made:
        yield made


class Shop:
    """The searcher and cloud_sync as processes, a camera on their bus."""

    def __init__(self, nucleus: Nucleus, folder: Path) -> None:
        self.nucleus, self.outbox = nucleus, Outbox(folder / "outbox", read_only=True)
        self.bus = GreengrassBus.from_environment(nucleus.client_environment())
        self.statuses: dict[str, Status] = {}
        self._shown = 0
        self.bus.subscribe(STATUS_TOPIC, self._hear)

    def _hear(self, payload: bytes) -> None:
        status = decode(Status, payload)
        self.statuses[status.component] = status

    def show(self, item: int, frames: int = 4) -> None:
        """The camera sees an item for a few frames."""
        for _ in range(frames):
            self._shown += 1
            asked = query(VECTORS[item], query_id=f"q{self._shown}", captured_ns=time.monotonic_ns())
            self.bus.publish(QUERY_TOPIC, encode(asked))
            time.sleep(0.02)

    def kill(self, component: str) -> None:
        pid = self.nucleus.states()[component].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def waiting(self) -> int:
        return self.outbox.figures().depth


@contextlib.contextmanager
def shop(folder: Path, mosquitto: Mosquitto, limits: str, **more: object) -> Iterator[Shop]:
    make_store(folder / "index")
    overrides = {
        "Searcher": {"index_dir": str(folder / "index"), "taught_dir": str(folder / "taught"), "enter_frames": "1"},
        "CloudSync": FAST,
    }
    deployment = our_deployment(
        folder,
        limits,
        only=("searcher", "cloudsync"),
        overrides=overrides,
        broker=mosquitto.endpoint(THING),
        thing_name=THING,
        **more,
    )
    with Nucleus(deployment) as nucleus:
        made = Shop(nucleus, folder)
        with contextlib.closing(made.bus), contextlib.closing(made.outbox):
            wait_for(lambda: {"searcher", "cloud_sync"} <= set(made.statuses), "both say how they are", 30)
            yield made


def visits(cloud: Cloud) -> list[tuple[str, str]]:
    return [(event["event"], event["item_id"]) for event in cloud.store.made if "item_id" in event]


def test_what_a_camera_sees_arrives_in_the_cloud_and_leaves_the_outbox(
    tmp_path: Path, limits: str, broker: tuple[Mosquitto, Cloud]
) -> None:
    mosquitto, cloud = broker
    before = len(visits(cloud))
    with shop(tmp_path, mosquitto, limits) as device:
        for item in (3, 5, 7):
            device.show(item)
        seen = [("entered", "item-3"), ("left", "item-3"), ("entered", "item-5"), ("left", "item-5")]
        seen.append(("entered", "item-7"))
        wait_for(lambda: visits(cloud)[before:] == seen, "the visits are in the cloud")
        wait_for(lambda: device.waiting() == 0, "the outbox is empty")
        assert device.statuses["cloud_sync"].state == "running"
    assert cloud.topics >= {f"lookalike/{THING}/matches", f"lookalike/{THING}/status"}


def test_what_happens_offline_arrives_later_and_both_may_be_killed(
    tmp_path: Path, limits: str, broker: tuple[Mosquitto, Cloud]
) -> None:
    mosquitto, cloud = broker
    before = len(visits(cloud))
    with shop(tmp_path, mosquitto, limits, online=False) as device:
        device.show(3)
        device.show(5)
        wait_for(lambda: device.waiting() == 3, "the events are on the disk")
        for component in ("com.lookalike.Searcher", "com.lookalike.CloudSync"):
            starts = device.nucleus.states()[component].starts
            device.kill(component)
            wait_for(lambda c=component, s=starts: device.nucleus.states()[c].starts > s, f"{component} is back", 30)
        assert len(visits(cloud)) == before
        device.nucleus.set_online(True)
        seen = [("entered", "item-3"), ("left", "item-3"), ("entered", "item-5")]
        wait_for(lambda: visits(cloud)[before:] == seen, "the visits are in the cloud", 30)
        wait_for(lambda: device.waiting() == 0, "the outbox is empty", 30)


def test_device_cannot_speak_for_another_one(broker: tuple[Mosquitto, Cloud]) -> None:
    mosquitto, cloud = broker
    heard: list[str] = []
    thief = MqttBroker(mosquitto.endpoint("thief"), "thief", lambda topic, _: heard.append(topic))
    with contextlib.closing(thief):
        wait_for(lambda: thief.connected, "it is connected")
        thief.subscribe(f"lookalike/{THING}/acks")
        thief.publish(f"lookalike/{THING}/matches", b'{"stolen":true}', 1)
        thief.publish("lookalike/thief/status", b'{"own":true}', 1)
        wait_for(lambda: "lookalike/thief/status" in cloud.topics, "its own topic is open")
    assert b'{"stolen":true}' not in cloud.messages
    assert heard == []


def test_broker_that_goes_away_and_comes_back_costs_nothing(tmp_path: Path) -> None:
    with cloud(tmp_path / "mosquitto") as (mosquitto, far), shop(tmp_path / "shop", mosquitto, "lite") as device:
        device.show(3)
        wait_for(lambda: visits(far), "the first visit is in the cloud")
        mosquitto.stop()
        device.show(5)
        wait_for(lambda: device.waiting() >= 2, "the next ones wait")
        mosquitto.start()
        wait_for(lambda: len(visits(far)) == 3, "they are in the cloud, too", 30)
        wait_for(lambda: device.waiting() == 0, "the outbox is empty", 30)


def test_a_backlog_is_sent_in_its_order(tmp_path: Path, broker: tuple[Mosquitto, Cloud]) -> None:
    mosquitto, cloud = broker
    with contextlib.closing(Outbox(tmp_path / "outbox")) as outbox:
        for first in range(0, 3_000, 50):
            outbox.add([Document(MATCHES, as_json({"event": "x", "n": n})) for n in range(first, first + 50)])
    with shop(tmp_path, mosquitto, "lite") as device:
        wait_for(lambda: device.waiting() == 0, "the outbox is empty", 30)
        told = {"outbox_waiting", "outbox_bytes", "outbox_lost", "outbox_oldest_s", "outbox_quarantined"}
        wait_for(lambda: told <= set(device.statuses["cloud_sync"].details), "cloud_sync tells its figures")
    assert [event["n"] for event in cloud.store.made if "n" in event] == list(range(3_000))
