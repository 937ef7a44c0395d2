"""One nucleus drops subscriptions without a word: the components notice by their quiet, subscribe again and say so."""

import http.client
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from generations import unit_vectors
from nucleus_support import client, json_message, wait_for

from components.core.messages import QUERY_TOPIC, RESULT_TOPIC, STATUS_TOPIC
from tests.device_kit import COMPONENTS, Running, running_device

TOO_MUCH = {"list": list(range(43))}
HEARING = {"searcher": QUERY_TOPIC, "dashboard": RESULT_TOPIC, "cloud_sync": RESULT_TOPIC}


@pytest.fixture
def device(tmp_path: Path, limits: str) -> Iterator[Running]:
    with running_device(tmp_path, limits) as running:
        yield running


def shown(device: Running) -> str:
    """The query whose result the kiosk shows."""
    connection = http.client.HTTPConnection("127.0.0.1", int(device.port), timeout=5)
    try:
        connection.request("GET", "/api/v1/matches/latest")
        result = json.loads(connection.getresponse().read()).get("result")
        return str(result["query_id"]) if result else ""
    except (OSError, ValueError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def matches(device: Running) -> float:
    """How many matches are counted for the cloud."""
    return float(device.statuses["cloud_sync"].details["matches"])


def works(device: Running, query_id: str) -> None:
    """A query is answered, the answer shown and counted; as from a camera, another one follows while it is not."""
    before, vector = matches(device), unit_vectors(200)[7]

    def passed() -> bool:
        device.publish(vector, query_id)
        return query_id in device.results and shown(device) == query_id and matches(device) > before

    wait_for(passed, f"{query_id} passed through all components", 60)


@pytest.mark.parametrize("limits", ["lite"], indirect=True)
def test_dropped_subscriptions_are_noticed_made_again_and_told(
    device: Running, caplog: pytest.LogCaptureFixture
) -> None:
    works(device, "before")
    pids = device.pids()
    with caplog.at_level(logging.WARNING), client(device.nucleus.client_environment()) as operator:
        for topic in (QUERY_TOPIC, RESULT_TOPIC, STATUS_TOPIC):
            operator.publish_to_topic(topic=topic, publish_message=json_message(TOO_MUCH))
            assert f"on {topic} is too large: lost, with" in caplog.text
    assert "with 0 subscriptions" not in caplog.text
    works(device, "after")

    def told() -> bool:
        device.publish(unit_vectors(200)[7], "more")
        return all(f"had silently dropped {topic}" in device.said[name] for name, topic in HEARING.items())

    wait_for(told, f"the components say what happened: {device.said}", 60)
    assert device.pids() == pids


@pytest.mark.parametrize("limits", ["classic"], indirect=True)
def test_nucleus_that_takes_large_messages_drops_nothing(device: Running) -> None:
    works(device, "before")
    with client(device.nucleus.client_environment()) as operator:
        for topic in (QUERY_TOPIC, RESULT_TOPIC, STATUS_TOPIC):
            operator.publish_to_topic(topic=topic, publish_message=json_message(TOO_MUCH))
    works(device, "after")
    assert not [name for name in COMPONENTS if "dropped" in device.said[name]]
