"""From the searcher's process through cloud_sync's and the nucleus into a real mosquitto, and back."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.nucleus.broker import MqttBroker
from tests.campaign.outbox import killed, offline
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
    tmp_path: Path, broker: tuple[Mosquitto, Cloud]
) -> None:
    mosquitto, cloud = broker
    before = len(visits(cloud))
    with shop(tmp_path, mosquitto, "lite", online=False) as device:
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


def test_an_hour_without_a_network_is_sent_in_its_order_and_would_not_be_if_the_nucleus_were_believed() -> None:
    (row,) = offline(1)
    assert (row.tries, row.bad, row.failed) == (3_600, 0, False), row.said


def test_kills_lose_nothing_while_the_way_lies() -> None:
    assert killed(10)[0] == 0
