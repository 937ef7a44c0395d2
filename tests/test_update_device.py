"""Updates of real components on both nuclei: hot swap under queries, rollback, kill -9, a change of what is desired."""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from components.core import messages
from components.core.messages import RESULT_TOPIC, SearchResult, Status
from components.greengrass import SOCKET_VARIABLE, TOKEN_VARIABLE, GreengrassBus
from components.nucleus.nucleus import Nucleus
from tests.generations import query, unit_vectors
from tests.nucleus_support import our_deployment, wait_for
from tests.update_kit import Publisher, state_of

SEARCHER, CLOUD_SYNC = "com.lookalike.Searcher", "com.lookalike.CloudSync"


class Device:
    """The searcher and cloud sync on a nucleus, and who asks and listens."""

    def __init__(self, nucleus: Nucleus, index_dir: Path) -> None:
        self.nucleus, self.index_dir = nucleus, index_dir
        environment = nucleus.client_environment()
        self.bus = GreengrassBus(environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE], refresh_s=2.0)
        self.statuses: dict[str, Status] = {}
        self.answered: dict[str, int] = {}
        """Query -> the generation that answered it."""
        self.bus.subscribe(messages.STATUS_TOPIC, self._status)
        self.bus.subscribe(RESULT_TOPIC, self._result)

    def _status(self, payload: bytes) -> None:
        status = messages.decode(Status, payload)
        self.statuses[status.component] = status

    def _result(self, payload: bytes) -> None:
        result = messages.decode(SearchResult, payload)
        self.answered[result.query_id] = result.generation

    def said(self, component: str, name: str) -> object:
        status = self.statuses.get(component)
        return None if status is None else status.details.get(name)

    def runs(self, seq: int) -> bool:
        """Whether the searcher searches in generation ``seq``, and cloud sync has kept it."""
        kept = (self.said("cloud_sync", "index_active"), self.said("cloud_sync", "index_state")) == (seq, "idle")
        return kept and self.said("searcher", "generation") == seq

    def pid(self, component: str) -> int | None:
        return self.nucleus.states()[component].pid

    @contextlib.contextmanager
    def asked(self, model: str) -> Iterator[list[str]]:
        """Queries all the time inside the block, each answered before the next one; gives their ids."""
        stop, asked = threading.Event(), list[str]()
        vector = unit_vectors(1)[0]

        def ask() -> None:
            while not stop.is_set():
                name = f"q{len(asked)}"
                asked.append(name)
                self.bus.publish(messages.QUERY_TOPIC, messages.encode(query(vector, query_id=name, model=model)))
                end = time.monotonic() + 5.0
                while name not in self.answered and time.monotonic() < end:
                    time.sleep(0.002)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield asked
        finally:
            stop.set()
            thread.join()


@contextlib.contextmanager
def device(folder: Path, limits: str, publisher: Publisher) -> Iterator[Device]:
    index_dir = str(folder / "index")
    index = {"source": str(publisher.place), "trusted_root": publisher.root}
    settings = {"poll_interval_s": "1", "trial_s": "2", "keep_free_mbytes": "0", "index": index}
    overrides = {
        "Searcher": {"index_dir": index_dir, "taught_dir": str(folder / "taught"), "poll_interval_s": "0.2"},
        "CloudSync": {"index_dir": index_dir, **settings},
    }
    made = our_deployment(folder / "root", limits, only=("searcher", "cloudsync"), overrides=overrides)
    with Nucleus(made) as nucleus:
        device = Device(nucleus, Path(index_dir))
        yield device
        device.bus.close()


def test_a_generation_is_swapped_under_queries_and_none_is_lost(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path / "publisher")
    model = publisher.offer(1).model.digest
    with device(tmp_path, "lite", publisher) as running:
        wait_for(lambda: running.runs(1), "the first generation is kept", 60)
        with running.asked(model) as asked:
            publisher.offer(2, 60)
            wait_for(lambda: running.runs(2), "the second one is kept", 60)
            # This nucleus restarts the component.
            running.nucleus.configure("CloudSync", {"index": {"version": "1"}})
            wait_for(lambda: running.runs(1), "the desired version is active", 60)
        assert [name for name in asked if name not in running.answered] == []
        assert set(running.answered.values()) == {1, 2}
        assert state_of(running.index_dir).previous == 2


def test_a_generation_that_kills_the_searcher_is_rolled_back(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path / "publisher")
    publisher.offer(1)
    with device(tmp_path, "classic", publisher) as running:
        wait_for(lambda: running.runs(1), "the first generation is kept", 60)
        starts = next(tmp_path.rglob(f"work/{SEARCHER}")) / "state" / "starts.json"
        publisher.offer(2, 60)
        for times in (1, 2):
            wait_for(lambda times=times: begun(starts).get("2") == times, "it begins with it", 40)  # type: ignore[misc]
            os.kill(wait_for(lambda: running.pid(SEARCHER), "it runs"), signal.SIGKILL)
        wait_for(lambda: running.said("cloud_sync", "index_state") == "rolled_back", "it is rolled back", 30)
        wait_for(lambda: running.said("searcher", "generation") == 1, "the searcher runs on", 10)
        assert (state_of(running.index_dir).active, list(state_of(running.index_dir).refused)) == (1, [2])
        before = running.pid(CLOUD_SYNC)
        running.nucleus.configure("CloudSync", {"index": {"version": "2"}})
        wait_for(lambda: running.runs(2), "it is tried again where it is named, and is well now", 60)
        assert running.pid(CLOUD_SYNC) == before, "for that it was not started again"


def begun(file: Path) -> dict[str, int]:
    try:
        return dict(json.loads(file.read_bytes())["begun"])
    except (OSError, ValueError):
        return {}
