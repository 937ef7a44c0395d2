"""The road beside the inference: query over the bus, search, result over the bus, push to a kiosk; real processes."""

import http.client
import os
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import numpy as np

from benchmarks.figures import p50_p95
from benchmarks.material import make_generation, raw_embeddings
from components.core import messages
from components.core.messages import Query, SearchResult, Status
from components.greengrass import GreengrassBus
from components.nucleus.deployment import Deployment
from components.nucleus.nucleus import Nucleus

SOURCE_TREE = Path(__file__).parents[1]
MODEL = "0" * 64
QUERIES = 300
PAUSE_S = 0.02
PORT = 18_080


class _Client:
    """Sends queries and notes when their results arrive."""

    def __init__(self, bus: GreengrassBus) -> None:
        self._bus = bus
        self._arrived: dict[str, int] = {}
        self._news = threading.Condition()
        self.backend = ""
        bus.subscribe(messages.RESULT_TOPIC, self._result)
        bus.subscribe(messages.STATUS_TOPIC, self._status)

    def _result(self, payload: bytes) -> None:
        now = time.monotonic_ns()
        result = messages.decode(SearchResult, payload)
        with self._news:
            self._arrived[result.query_id] = now
            self._news.notify_all()

    def _status(self, payload: bytes) -> None:
        status = messages.decode(Status, payload)
        if status.component == "searcher":
            self.backend = str(status.details.get("backend", ""))

    def ask(self, embedding: np.ndarray) -> tuple[str, int]:
        """Publish one query; its id and the moment before it was encoded."""
        query_id, now = uuid.uuid4().hex, time.monotonic_ns()
        query = Query(query_id=query_id, captured_ns=now, captured_at=time.time(), embedding=embedding, model=MODEL)
        self._bus.publish(messages.QUERY_TOPIC, messages.encode(query))
        return query_id, now

    def wait(self, query_id: str, timeout_s: float = 5.0) -> int | None:
        """When the result of the query arrived; None where it did not."""
        with self._news:
            self._news.wait_for(lambda: query_id in self._arrived, timeout_s)
            return self._arrived.get(query_id)


class _Kiosk(threading.Thread):
    """Reads the dashboard's event stream as a kiosk does, and notes when each result arrives."""

    def __init__(self) -> None:
        super().__init__(name="kiosk", daemon=True)
        self.arrived: dict[str, int] = {}
        self.lines = 0
        self.open = threading.Event()

    def run(self) -> None:
        """Until the process ends."""
        while not self.open.is_set():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
                connection.request("GET", "/api/v1/events")
                stream = connection.getresponse()
                self.open.set()
            except OSError:
                time.sleep(0.2)
        while line := stream.readline():
            if b'"query_id"' in line:
                text = line.decode()
                query_id = text.split('"query_id"', 1)[1].split('"')[1]
                self.arrived[query_id] = time.monotonic_ns()


def measure(items: int = 10_000) -> dict[str, dict[str, float]]:
    """p50/p95 from query to result over the bus, and to the kiosk's event stream, at ``items`` items."""
    raw = raw_embeddings(items)
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        root = Path(folder)
        make_generation(root / "index", raw, MODEL)
        with Nucleus(_deployment(root)) as nucleus:
            bus = GreengrassBus.from_environment(nucleus.client_environment())
            client = _Client(bus)
            kiosk = _Kiosk()
            kiosk.start()
            _wait_for(lambda: client.backend == "annoy" and kiosk.open.is_set())
            publish_ms, result_ms, push_ms = _ask_all(client, kiosk, raw)
            bus.close()
    return {
        "publish (taken by the nucleus)": p50_p95(publish_ms),
        "query to result (bus, search)": p50_p95(result_ms),
        "query to kiosk (bus, search, push)": p50_p95(push_ms),
    }


def _ask_all(client: _Client, kiosk: _Kiosk, raw: np.ndarray) -> tuple[list[float], list[float], list[float]]:
    sent: dict[str, int] = {}
    publish_ms, result_ms = [], []
    for number in range(QUERIES):
        query_id, began = client.ask(raw[number % len(raw)])
        taken = time.monotonic_ns()
        arrived = client.wait(query_id)
        if arrived is not None and number >= 20:
            sent[query_id] = began
            publish_ms.append((taken - began) / 1e6)
            result_ms.append((arrived - began) / 1e6)
        time.sleep(PAUSE_S)
    time.sleep(0.5)
    push_ms = [(kiosk.arrived[query_id] - began) / 1e6 for query_id, began in sent.items() if query_id in kiosk.arrived]
    if len(push_ms) < len(sent) // 2:
        raise SystemExit(f"only {len(push_ms)} of {len(sent)} results reached the event stream")
    return publish_ms, result_ms, push_ms


def _wait_for(condition: object, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise SystemExit("the components did not get ready within a minute")
        time.sleep(0.1)


def _deployment(root: Path) -> Deployment:
    index, ram = str(root / "index"), str(root / "ram")
    return Deployment(
        root=root / "nucleus",
        recipes=SOURCE_TREE / "recipes",
        source=SOURCE_TREE,
        python_env=Path(os.environ.get("VIRTUAL_ENV", sys.prefix)),
        only=("Searcher", "Dashboard"),
        overrides={
            "Searcher": {"index_dir": index, "outbox_dir": str(root / "outbox")},
            "Dashboard": {"index_dir": index, "ram_dir": ram, "port": str(PORT)},
        },
    )
