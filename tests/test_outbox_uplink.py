"""From the searcher's process through cloud_sync's and the nucleus into a real mosquitto, and back."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.match_events import as_json
from components.core.outbox_documents import MATCHES, Document
from components.nucleus.broker import MqttBroker
from components.outbox import Outbox
from tests.mosquitto_kit import Cloud, Mosquitto, cloud
from tests.nucleus_support import wait_for
from tests.uplink_kit import THING, shop, visits


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mosquitto, Cloud]]:
    with cloud(tmp_path_factory.mktemp("mosquitto")) as made:
        yield made


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


def test_a_backlog_is_sent_in_its_order(tmp_path: Path, broker: tuple[Mosquitto, Cloud]) -> None:
    mosquitto, cloud = broker
    with contextlib.closing(Outbox(tmp_path / "outbox")) as outbox:
        for first in range(0, 3_000, 50):
            outbox.add([Document(MATCHES, as_json({"event": "x", "n": n})) for n in range(first, first + 50)])
    with shop(tmp_path, mosquitto, "lite") as device:
        wait_for(lambda: device.waiting() == 0, "the outbox is empty", 30)
        told = {"outbox_depth", "outbox_bytes", "outbox_lost", "outbox_oldest_s", "outbox_quarantined"}
        wait_for(lambda: told <= set(device.statuses["cloud_sync"].details), "cloud_sync tells its figures")
    assert [event["n"] for event in cloud.store.made if "n" in event] == list(range(3_000))
