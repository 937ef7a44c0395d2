"""What the fleet's operator sees of a real device on either nucleus: its updates, and no more messages than that."""

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloud_sync.fleet.device import Device
from cloud_sync.fleet.promotion import Bar, objections
from cloud_sync.fleet.report import table
from cloud_sync.shadow import shadow_topic
from components.core.messages import STATUS_TOPIC, Status, encode
from components.greengrass import SOCKET_VARIABLE, TOKEN_VARIABLE, GreengrassBus
from components.index_state import read_state
from components.nucleus.nucleus import Nucleus
from tests.meanwhile import meanwhile
from tests.nucleus_support import our_deployment, wait_for
from tests.test_shadow import merge
from tests.update_kit import Publisher

THING = "kiosk-1"


class Shadow:
    """The thing's shadow, made of what the device sent to AWS IoT Core."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def reports(self) -> list[dict[str, Any]]:
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        messages = [json.loads(line) for line in lines]
        mine = [message for message in messages if message["topic"] == shadow_topic(THING)]
        return [json.loads(base64.b64decode(message["payload"]))["state"]["reported"] for message in mine]

    def device(self) -> Device:
        """As the operator's command reads it."""
        reported: dict[str, Any] = {}
        for report in self.reports():
            merge(reported, report)
        heard = {"index": {"state": {"timestamp": 1_800_000_000}}}
        return Device.of(THING, "canary", {"state": {"reported": reported}, "metadata": {"reported": heard}})


@contextlib.contextmanager
def searcher(nucleus: Nucleus, index_dir: Path) -> Iterator[None]:
    """Somebody who says on the bus that the searcher uses whatever is active."""
    environment = nucleus.client_environment()
    bus = GreengrassBus(environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE])

    def say(stop: threading.Event) -> None:
        while not stop.wait(0.3):
            state = read_state(index_dir)
            if state is not None and state.active is not None:
                details = {"generation": state.active}
                bus.publish(STATUS_TOPIC, encode(Status(component="searcher", state="running", details=details)))

    with contextlib.closing(bus), meanwhile(say):
        yield


def test_shadow_tells_of_updates_online_and_of_the_newest_after_being_offline(tmp_path: Path, limits: str) -> None:
    publisher, index_dir = Publisher(tmp_path / "publisher"), tmp_path / "index"
    publisher.offer(1)
    index = {"source": str(publisher.place), "trusted_root": publisher.root}
    settings = {"poll_interval_s": "1", "trial_s": "1", "keep_free_mbytes": "0", "index_dir": str(index_dir)}
    shadow = Shadow(tmp_path / "cloud.jsonl")
    deployment = our_deployment(
        tmp_path / "root",
        limits,
        only=("cloudsync",),
        thing_name=THING,
        iot_core_log=tmp_path / "cloud.jsonl",
        overrides={"cloudsync": {**settings, "index": index, "outbox_dir": str(tmp_path / "outbox")}},
    )

    def keeps(seq: int) -> bool:
        state = read_state(index_dir)
        return state is not None and state.active == seq and not state.trial

    with Nucleus(deployment) as nucleus, searcher(nucleus, index_dir):
        wait_for(lambda: shadow.device().active == 1 and shadow.device().state == "idle", "the first one is told", 60)
        nucleus.set_online(False)
        publisher.offer(2)
        wait_for(lambda: keeps(2), "the second one is kept though nobody can be told", 60)
        assert shadow.device().active == 1
        nucleus.set_online(True)
        wait_for(lambda: shadow.device().active == 2 and shadow.device().state == "idle", "the second one is told", 60)
    seen = shadow.device()
    assert (seen.previous, seen.channel, seen.desired, seen.progress) == (1, "stable", "latest", 0)
    assert seen.since_s is not None
    assert objections(2, [seen], Bar(hours=0.0), seen.since_s) == []
    assert f"{THING}  2       -       idle   latest" in table([seen], seen.since_s)
    assert {"depth", "lost"} <= set(seen.outbox), "the names that the table knows"
    assert len(shadow.reports()) < 15, "and nothing while nothing changes"
    assert all(len(json.dumps(report)) < 2_000 for report in shadow.reports())
