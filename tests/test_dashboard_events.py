"""Server-sent events: what comes, in which order, and when a stream ends."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboard_kit import HOST, Clock, MemorySource, make_app, publish, result, running, wait_until
from flask import Flask

from components.bus import LocalBus
from components.core.messages import Status
from dashboard.live import Live, Versions


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(bus: LocalBus, clock: Clock, tmp_path: Path) -> Flask:
    return make_app(bus, tmp_path, live=Live("camera", clock), heartbeat_s=0.05, max_streams=2)


class Kiosk:
    """Reads one stream, event by event."""

    def __init__(self, app: Flask) -> None:
        self.response = app.test_client().get("/api/v1/events", headers={"Host": HOST})
        self._chunks: Iterator[bytes] = self.response.iter_encoded()
        self._rest = ""

    def next(self) -> tuple[str, dict]:
        while "\n\n" not in self._rest:
            self._rest += next(self._chunks).decode()
        block, self._rest = self._rest.split("\n\n", 1)
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        return (lines["event"], json.loads(lines["data"])) if "event" in lines else self.next()

    def next_of(self, name: str) -> dict:
        for _ in range(200):  # heartbeats would come for ever
            found, data = self.next()
            if found == name:
                return data
        raise AssertionError(f"no event {name!r} came")

    def __enter__(self) -> "Kiosk":
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()


def test_stream_greets_then_tells_the_status_then_the_newest_result(app: Flask, bus: LocalBus, clock: Clock) -> None:
    publish(bus, result("q1", captured_ns=clock.now_ns))
    with Kiosk(app) as kiosk:
        names = [kiosk.next() for _ in range(3)]
    assert [name for name, _ in names] == ["hello", "status", "result"]
    assert names[0][1]["max_age_ms"] == 3000
    assert names[2][1]["matches"][0]["title"]["en"] == "Apple"


def test_results_come_in_their_order(app: Flask, bus: LocalBus, clock: Clock) -> None:
    with Kiosk(app) as kiosk:
        kiosk.next_of("status")
        for i in range(5):
            publish(bus, result(f"q{i}", captured_ns=clock.now_ns))
            assert kiosk.next_of("result")["query_id"] == f"q{i}"
            clock.forward(0.1)


def test_slow_kiosk_gets_the_newest_result_alone(app: Flask, bus: LocalBus, clock: Clock) -> None:
    with Kiosk(app) as kiosk:
        kiosk.next_of("status")
        for i in range(50):
            publish(bus, result(f"q{i}", captured_ns=clock.now_ns + i))
        assert kiosk.next_of("result")["query_id"] == "q49"
        assert kiosk.next()[0] == "heartbeat"


def test_stale_result_is_not_sent(app: Flask, bus: LocalBus, clock: Clock) -> None:
    publish(bus, result(captured_ns=clock.now_ns))
    clock.forward(3.1)
    with Kiosk(app) as kiosk:
        assert "result" not in [kiosk.next()[0] for _ in range(6)]


def test_quiet_stream_beats(app: Flask) -> None:
    with Kiosk(app) as kiosk:
        kiosk.next_of("status")
        assert [kiosk.next()[0] for _ in range(3)][1:] == ["heartbeat", "heartbeat"]


def test_change_of_a_component_is_told_at_once_and_its_repetition_is_not(app: Flask, bus: LocalBus) -> None:
    with Kiosk(app) as kiosk:
        kiosk.next_of("heartbeat")
        publish(bus, Status(component="featurizer", state="degraded", reason="The camera is unplugged."))
        problems = kiosk.next_of("status")["problems"]
        assert {"component": "featurizer", "kind": "degraded", "reason": "The camera is unplugged."} in problems
        publish(bus, Status(component="featurizer", state="degraded", reason="The camera is unplugged."))
        assert kiosk.next()[0] == "heartbeat"
        publish(bus, running("featurizer"))
        assert "featurizer" not in [p["component"] for p in kiosk.next_of("status")["problems"]]


def test_result_is_sent_again_when_its_catalog_is_loaded(bus: LocalBus, tmp_path: Path) -> None:
    source = MemorySource(seq=None)
    app = make_app(bus, tmp_path, source=source, heartbeat_s=0.05)
    with Kiosk(app) as kiosk:
        kiosk.next_of("status")
        source.seq = 7
        publish(bus, result())
        titles = [kiosk.next_of("result")["matches"][0]["title"]]
        if not titles[0]:
            titles.append(kiosk.next_of("result")["matches"][0]["title"])
        assert titles[-1]["en"] == "Apple"


def test_streams_are_bounded_and_give_their_place_back(app: Flask) -> None:
    get = app.test_client()
    with Kiosk(app), Kiosk(app):
        refused = get.get("/api/v1/events", headers={"Host": HOST})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    with Kiosk(app) as kiosk:
        assert kiosk.next()[0] == "hello"


def test_waiting_stream_wakes_when_its_client_leaves(clock: Clock) -> None:
    live = Live("camera", clock)
    gone = threading.Event()
    waiter = threading.Thread(target=live.wait, args=(Versions(), 60.0, gone.is_set))
    waiter.start()
    gone.set()
    live.wake()
    waiter.join(10)
    assert not waiter.is_alive()


def test_catalog_that_loads_slowly_holds_no_result_up(bus: LocalBus, tmp_path: Path) -> None:
    release = threading.Event()

    class Slow(MemorySource):
        def load(self, seq: int) -> dict:
            if seq == 8:
                release.wait(30)
            return self.items

    source = Slow()
    app = make_app(bus, tmp_path, source=source, heartbeat_s=0.05)
    source.seq = 8
    catalogs = app.extensions["lookalike"].catalogs
    with Kiosk(app) as kiosk:
        kiosk.next_of("status")
        publish(bus, result(seq=8))
        assert kiosk.next_of("result")["matches"][0]["title"] == {}
        release.set()
        wait_until(lambda: 8 in catalogs.seqs())
        assert kiosk.next_of("result")["matches"][0]["title"]["en"] == "Apple"
    assert catalogs.seqs() == [7, 8]


def test_after_going_back_the_active_generation_is_what_is_shown(bus: LocalBus, tmp_path: Path) -> None:
    source = MemorySource()
    app = make_app(bus, tmp_path, source=source)
    catalogs = app.extensions["lookalike"].catalogs
    for seq, loaded in ((8, [7, 8]), (7, [7, 8]), (3, [3, 7]), (9, [3, 9])):
        source.seq = seq
        wait_until(lambda seq=seq: catalogs.current() == seq)  # type: ignore[misc]
        assert catalogs.seqs() == loaded
