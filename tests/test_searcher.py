"""From a query to its result, and the component's service loop on a bus."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from components.bus import LocalBus
from components.core import messages
from components.core.errors import UnavailableError
from components.core.items import Item
from components.core.messages import Query, SearchResult
from components.lifecycle import report_status
from components.searcher.activation import Activation
from components.searcher.index import Index
from components.searcher.mailbox import Mailbox
from components.searcher.recent import Recent
from components.searcher.searcher import Searcher
from components.searcher.service import answer_queries, receive, status
from components.searcher.snapshot import load_snapshot
from components.searcher.teaching_service import TaughtItems
from components.store import Store
from components.taught_store import TaughtStore
from tests.generations import MODEL, items, make_store, query, unit_vectors, write_generation


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    store, _ = make_store(tmp_path)
    return Searcher(Index(load_snapshot(store, 1)))


VECTORS = unit_vectors(200)


def test_a_result_names_the_item_the_generation_and_the_backend(searcher: Searcher) -> None:
    result = searcher.answer(query(VECTORS[7], k=3, query_id="q7"))
    assert (result.decision, result.reason, result.query_id) == ("match", "", "q7")
    assert (result.generation, result.backend, result.model) == (1, "exact", MODEL)
    assert (result.matches[0].item_id, len(result.matches)) == ("item-7", 3)


def test_what_looks_like_nothing_is_no_match_with_the_nearest_items_all_the_same(searcher: Searcher) -> None:
    rng = np.random.default_rng(3)
    far = min((unit_vectors(1, seed=int(s))[0] for s in rng.integers(0, 999, 50)), key=lambda v: (VECTORS @ v).max())
    result = searcher.answer(query(far))
    assert (result.decision, result.reason) == ("no_match", "nothing in the catalog looks like this")
    assert len(result.matches) == 5


def test_without_an_index_the_answer_says_so() -> None:
    result = Searcher().answer(query(VECTORS[0]))
    assert (result.decision, result.generation) == ("no_match", 0)
    assert result.reason == "there is no index on this device yet"


def test_a_query_of_another_model_is_refused_until_one_fits_again(searcher: Searcher) -> None:
    result = searcher.answer(query(VECTORS[0], model="b" * 64))
    assert (result.decision, result.matches, result.generation) == ("no_match", (), 1)
    assert result.reason == searcher.mismatch
    assert searcher.mismatch == (
        "The query comes from model bbbbbbbbbbbb, but index generation 1 was built with model aaaaaaaaaaaa (net): "
        "build the index with the camera's model, or deploy the generation's model to the featurizer."
    )
    assert searcher.answer(query(VECTORS[0])).decision == "match"
    assert searcher.mismatch == ""


@pytest.mark.parametrize("dim", [1, 31, 64])
def test_a_query_of_another_length_is_refused(searcher: Searcher, dim: int) -> None:
    result = searcher.answer(query(unit_vectors(1, dim)[0]))
    assert (result.decision, result.reason) == ("no_match", f"the query has {dim} numbers, its model's have 32")


def test_filters_that_nothing_passes_are_the_reason(searcher: Searcher) -> None:
    result = searcher.answer(query(VECTORS[0], filters={"category": ("none",)}))
    assert (result.decision, result.reason) == ("no_match", "no item passes the filters")


class Service:
    """The searcher's loop on a bus in memory."""

    def __init__(self, searcher: Searcher, bus: LocalBus) -> None:
        self.bus, self.results, self.arrived = bus, [], threading.Event()
        self.stop, mailbox = threading.Event(), Mailbox()
        self.results: list[SearchResult] = []
        bus.subscribe(messages.QUERY_TOPIC, lambda payload: receive(payload, mailbox))
        bus.subscribe(messages.RESULT_TOPIC, self._keep)
        self.thread = threading.Thread(target=answer_queries, args=(bus, mailbox, searcher, Recent(), self.stop))
        self.thread.start()

    def _keep(self, payload: bytes) -> None:
        self.results.append(messages.decode(SearchResult, payload))
        self.arrived.set()

    def ask(self, asked: Query) -> SearchResult:
        self.arrived.clear()
        self.bus.publish(messages.QUERY_TOPIC, messages.encode(asked))
        assert self.arrived.wait(30)
        return self.results[-1]

    def close(self) -> None:
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


def test_the_service_answers_on_the_bus_and_survives_what_is_no_query(searcher: Searcher) -> None:
    service = Service(searcher, LocalBus())
    try:
        assert service.ask(query(VECTORS[4])).matches[0].item_id == "item-4"
        for payload in (b"", b"{}", b"\xff" * 100, b"x" * 8000):
            service.bus.publish(messages.QUERY_TOPIC, payload)
        assert service.ask(query(VECTORS[5])).matches[0].item_id == "item-5"
    finally:
        service.close()


def test_the_longest_ids_do_not_stop_the_service(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_generation(store, unit_vectors(60), [Item(item_id="茶" * 61 + f"{n:03}") for n in range(60)])
    service = Service(Searcher(Index(load_snapshot(store, 1))), LocalBus())
    try:
        found = service.ask(query(VECTORS[4], k=50)).matches
        assert found[0].item_id.endswith("004")
        assert 20 < len(found) < 50
    finally:
        service.close()


class LostOnce(LocalBus):
    """A bus that is away for the first result."""

    away = True

    def publish(self, topic: str, payload: bytes) -> None:
        if topic == messages.RESULT_TOPIC and self.away:
            self.away = False
            raise UnavailableError("the nucleus is away")
        super().publish(topic, payload)


def test_a_bus_that_is_away_costs_one_result_and_not_the_service(searcher: Searcher) -> None:
    bus = LostOnce()
    service = Service(searcher, bus)
    try:
        bus.publish(messages.QUERY_TOPIC, messages.encode(query(VECTORS[4])))
        end = time.monotonic() + 30
        while bus.away and time.monotonic() < end:
            time.sleep(0.01)
        assert service.ask(query(VECTORS[5])).matches[0].item_id == "item-5"
        assert len(service.results) == 1
    finally:
        service.close()


def test_the_status_tells_how_the_searcher_is(tmp_path: Path) -> None:
    searcher = Searcher()
    activation, taught = (
        Activation(Store(tmp_path), searcher, annoy=False),
        TaughtItems(TaughtStore(tmp_path / "taught")),
    )
    assert status(searcher, activation, taught).state == "starting"
    activation.step()
    waiting = status(searcher, activation, taught)
    assert (waiting.state, "no index generation" in waiting.reason) == ("degraded", True)
    write_generation(Store(tmp_path), VECTORS, items(200), removed=(1,), name="x" * 8000)
    activation.step()
    running = status(searcher, activation, taught)
    assert (running.state, running.reason) == ("running", "")
    wanted = {"generation": 1, "items": 199, "views": 199, "backend": "exact", "model": MODEL[:12]}
    assert wanted.items() <= running.details.items()
    messages.encode(running)
    searcher.answer(query(VECTORS[0], model="b" * 64))
    refusing = status(searcher, activation, taught)
    assert (refusing.state, refusing.reason[:9]) == ("degraded", "The query")


class Impatient(threading.Event):
    """An event that does not wait."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def test_the_status_is_said_when_it_changes_and_every_five_seconds() -> None:
    bus, said, stop = LocalBus(), [], Impatient()
    bus.subscribe(messages.STATUS_TOPIC, lambda payload: said.append(messages.decode(messages.Status, payload).reason))
    reasons = ["a", "a", "b", *["b"] * 20]

    def now() -> messages.Status:
        reason = reasons.pop(0)
        if not reasons:
            stop.set()
        return messages.Status(component="searcher", state="running", reason=reason)

    report_status(bus, now, stop, check_interval_s=1.0)
    assert said == ["a", "b", "b", "b", "b", "b"]


def test_a_status_that_cannot_be_said_does_not_end_the_reports() -> None:
    bus, said, stop = LocalBus(), [], threading.Event()
    bus.subscribe(messages.STATUS_TOPIC, lambda payload: (said.append(payload), stop.set()))
    details = iter([{"too": "long" * 2000}, {"n": 1}])
    reasons = iter(["a", "b"])
    report_status(
        bus,
        lambda: messages.Status(component="x", state="running", reason=next(reasons), details=next(details)),
        stop,
        check_interval_s=0.01,
    )
    assert len(said) == 1
