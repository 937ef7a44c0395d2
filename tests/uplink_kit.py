"""The searcher and cloud_sync as processes on a nucleus whose AWS IoT Core is a real mosquitto, and a camera."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from components.core.messages import QUERY_TOPIC, RESULT_TOPIC, STATUS_TOPIC, SearchResult, Status, decode, encode
from components.core.segments import Vectors
from components.greengrass import GreengrassBus
from components.nucleus.nucleus import Nucleus
from components.outbox import Outbox
from tests.generations import make_store, query, unit_vectors
from tests.mosquitto_kit import Cloud, Mosquitto
from tests.nucleus_support import our_deployment, wait_for

THING = "kiosk-1"
VECTORS = unit_vectors(200)
FAST = {"batches_per_s": "50", "gather_s": "0.2"}


class Shop:
    """The searcher and cloud_sync as processes, a camera on their bus."""

    def __init__(self, nucleus: Nucleus, folder: Path) -> None:
        self.nucleus, self.outbox = nucleus, Outbox(folder / "outbox", read_only=True)
        self.bus = GreengrassBus.from_environment(nucleus.client_environment())
        self.statuses: dict[str, Status] = {}
        self._shown = 0
        self._answer = ""
        self.bus.subscribe(STATUS_TOPIC, self._hear)
        self.bus.subscribe(RESULT_TOPIC, self._see)

    def _see(self, payload: bytes) -> None:
        possible = decode(SearchResult, payload).possible
        self._answer = possible[0].item_id if possible else ""

    def _hear(self, payload: bytes) -> None:
        status = decode(Status, payload)
        self.statuses[status.component] = status

    def show(self, item: int) -> None:
        """The camera sees an item until it is the answer."""
        wait_for(lambda: self._is_seen(f"item-{item}", VECTORS[item]), f"item {item} is the answer", 30)

    def _is_seen(self, item_id: str, vector: Vectors) -> bool:
        self._shown += 1
        asked = query(vector, query_id=f"q{self._shown}", captured_ns=time.monotonic_ns(), captured_at=time.time())
        self.bus.publish(QUERY_TOPIC, encode(asked))
        time.sleep(0.05)
        return self._answer == item_id

    def kill(self, component: str) -> None:
        pid = self.nucleus.states()[component].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def waiting(self) -> int:
        return self.outbox.figures().depth


@contextlib.contextmanager
def shop(
    folder: Path, mosquitto: Mosquitto, limits: str, settings: dict[str, str] | None = None, **more: object
) -> Iterator[Shop]:
    """Both run, and have said how they are; ``settings`` are cloud_sync's."""
    make_store(folder / "index")
    overrides = {
        "Searcher": {"index_dir": str(folder / "index"), "taught_dir": str(folder / "taught"), "enter_frames": "1"},
        "CloudSync": {**FAST, **(settings or {})},
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
