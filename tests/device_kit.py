"""All components as processes on the stand-in nucleus, as their recipes say, and an operator who listens and asks."""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from dashboard_kit import (
    free_port,
)
from generations import MODEL, make_store
from generations import query as query_of
from nucleus_support import our_deployment, wait_for

from components.core import messages
from components.core.errors import MessageError, UnavailableError
from components.core.messages import RESULT_TOPIC, SearchResult, Status
from components.greengrass import SOCKET_VARIABLE, TOKEN_VARIABLE, GreengrassBus
from components.nucleus.nucleus import Nucleus
from components.store import Store
from tests.odd_pictures import PLAIN, saved

ROOT = Path(__file__).resolve().parents[1]
COMPONENTS = {"featurizer", "searcher", "dashboard", "cloud_sync"}


class Running:
    """All components on a nucleus; what the searcher and the others say of themselves, and the answers."""

    def __init__(self, nucleus: Nucleus, store: Store, port: str) -> None:
        self.nucleus, self.store, self.port = nucleus, store, port
        environment = nucleus.client_environment()
        self.bus = GreengrassBus(environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE], refresh_s=2.0)
        self.statuses: dict[str, Status] = {}
        self.counts: Counter[str] = Counter()
        self.said: defaultdict[str, str] = defaultdict(str)
        """All reasons that each component has given."""
        self.results: dict[str, SearchResult] = {}
        self.bus.subscribe(messages.STATUS_TOPIC, self._status)
        self.bus.subscribe(RESULT_TOPIC, self._result)

    def _status(self, payload: bytes) -> None:
        with contextlib.suppress(MessageError):
            status = messages.decode(Status, payload)
            self.statuses[status.component] = status
            self.counts[status.component] += 1
            if status.reason not in self.said[status.component]:
                self.said[status.component] += f"{status.reason}\n"

    def _result(self, payload: bytes) -> None:
        with contextlib.suppress(MessageError):
            found = messages.decode(SearchResult, payload)
            self.results[found.query_id] = found

    def publish(self, vector: np.ndarray, query_id: str, model: str = MODEL) -> None:
        with contextlib.suppress(UnavailableError):
            self.bus.publish(messages.QUERY_TOPIC, messages.encode(query_of(vector, query_id=query_id, model=model)))

    def ask(self, vector: np.ndarray, query_id: str, model: str = MODEL) -> SearchResult:
        def asked() -> bool:
            self.publish(vector, query_id, model)
            return query_id in self.results

        wait_for(asked, f"{query_id} is answered")
        return self.results[query_id]

    def pids(self) -> dict[str, int | None]:
        return {name: state.pid for name, state in self.nucleus.states().items() if state.pid}


@contextlib.contextmanager
def running_device(folder: Path, limits: str) -> Iterator[Running]:
    """All components on a nucleus with these limits, once each has said how it is; the index has 200 items."""
    store, _ = make_store(folder / "index")
    (folder / "photos").mkdir()
    (folder / "photos" / "a.jpg").write_bytes(saved(PLAIN, "JPEG"))
    places = {"index_dir": str(folder / "index"), "ram_dir": str(folder / "ram")}
    port = free_port()
    overrides = {
        "Featurizer": {**places, "source": f"folder:{folder / 'photos'}"},
        "Searcher": {"index_dir": str(folder / "index")},
        "Dashboard": {**places, "port": port},
    }
    with Nucleus(our_deployment(folder / "root", limits, overrides=overrides)) as nucleus:
        running = Running(nucleus, store, port)
        wait_for(lambda: running.statuses.keys() >= COMPONENTS, "all components say how they are", 60)
        yield running
        running.bus.close()
