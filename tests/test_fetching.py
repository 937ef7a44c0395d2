"""Objects come whole, go on where they broke off, and never hold a device up for ever."""

import contextlib
import dataclasses
import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.index import worker
from cloud_sync.index.fetching import Fetcher
from cloud_sync.index.generation_objects import Wanted
from cloud_sync.index.lock import locked
from cloud_sync.index.orders import UPDATE, Orders, Outcome, Step
from cloud_sync.index.window import Window
from cloud_sync.index.worker import work
from cloud_sync.pace import PATIENCE_S, Pace
from cloud_sync.sources import Opened, open_source, read_small
from cloud_sync.status_event import EARLIEST_WALL_S
from components.child import start_child
from components.core.errors import ConfigurationError, UnavailableError
from components.store import Store
from tests.meanwhile import served
from tests.object_place import as_device
from tests.update_kit import Publisher

DATA = bytes(range(256)) * 4_000
WANTED = Wanted(hashlib.sha256(DATA).hexdigest(), len(DATA))


class Place:
    """A source of one object that breaks off after so many bytes of each answer, and counts what it gave."""

    def __init__(self, data: bytes = DATA, breaks: tuple[int, ...] = (), etag: str = '"1"') -> None:
        self.data, self.breaks, self.etag = data, list(breaks), etag
        self.given, self.offsets = 0, list[int]()
        self.slow_s, self.part_bytes = 0.0, 65_536
        self.clock: Clock | None = None

    @contextlib.contextmanager
    def open(self, path: str, offset: int = 0, etag: str = "") -> Iterator[Opened]:
        offset = offset if etag == self.etag else 0
        self.offsets.append(offset)
        yield Opened(len(self.data), offset, self.etag, self._parts(offset))

    def _parts(self, offset: int) -> Iterator[bytes]:
        end = offset + self.breaks.pop(0) if self.breaks else len(self.data)
        while offset < min(end, len(self.data)):
            part = self.data[offset : min(offset + self.part_bytes, end)]
            self.given += len(part)
            offset += len(part)
            if self.clock is not None:
                self.clock.sleep(self.slow_s)
            yield part
        if offset < len(self.data):
            raise UnavailableError("It broke off.")


class Clock:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += max(0.0, seconds)


def fetcher(index_dir: Path, place: Place, limit_bytes_s: int = 0, clock: Clock | None = None) -> Fetcher:
    clock = clock or Clock()
    pace = Pace(limit_bytes_s, clock=clock, sleep=clock.sleep)
    return Fetcher(Store(index_dir), place, pace, pause=clock.sleep)


def test_an_object_that_breaks_off_again_and_again_is_fetched_once_in_all(tmp_path: Path) -> None:
    place = Place(breaks=(1, 100_000, 7, 300_000, 70_000))
    fetcher(tmp_path, place).fetch(WANTED)
    assert Store(tmp_path).read_object(WANTED.sha256, WANTED.size) == DATA
    assert place.given == len(DATA)
    assert place.offsets == [0, 1, 100_001, 100_008, 400_008, 470_008]


def test_what_came_is_kept_for_another_process(tmp_path: Path) -> None:
    dead = Place(breaks=(500_000, 0, 0, 0))
    with pytest.raises(UnavailableError, match="broke off"):
        fetcher(tmp_path, dead).fetch(WANTED)
    place = Place()
    fetcher(tmp_path, place).fetch(WANTED)
    assert place.offsets == [500_000]
    assert Store(tmp_path).holds(WANTED.sha256)
    assert not list((tmp_path / "partial").iterdir())


def test_a_part_that_went_bad_on_the_disk_is_fetched_anew(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        fetcher(tmp_path, Place(breaks=(500_000, 0, 0, 0))).fetch(WANTED)
    part = tmp_path / "partial" / WANTED.sha256
    part.write_bytes(b"\0" * 500_000)
    place = Place()
    fetcher(tmp_path, place).fetch(WANTED)
    assert place.offsets == [500_000, 0]
    assert Store(tmp_path).holds(WANTED.sha256)


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"x", b"", DATA[::-1]])
def test_another_content_is_never_kept(tmp_path: Path, data: bytes) -> None:
    place = Place(data)
    with pytest.raises(UnavailableError):
        fetcher(tmp_path, place).fetch(WANTED)
    assert not Store(tmp_path).object_path(WANTED.sha256).exists()
    assert place.given <= len(DATA), "not a byte more than it must have is taken"


def test_an_object_without_a_known_size_has_a_cap(tmp_path: Path) -> None:
    picture = Wanted(WANTED.sha256, len(DATA) + 10, exact=False)
    fetcher(tmp_path / "a", Place()).fetch(picture)
    place = Place()
    with pytest.raises(UnavailableError, match="expected at most 1000"):
        fetcher(tmp_path / "b", place).fetch(Wanted(WANTED.sha256, 1_000, exact=False))
    assert place.given == 0


def test_what_trickles_is_given_up_and_goes_on_where_it_was(tmp_path: Path) -> None:
    clock, place = Clock(), Place()
    place.clock, place.slow_s, place.part_bytes = clock, 20.0, 1_000
    with pytest.raises(UnavailableError, match=r"brought \d+ bytes in 60 s"):
        fetcher(tmp_path, place, clock=clock).fetch(WANTED)
    assert clock.now_s < 10 * PATIENCE_S
    assert (tmp_path / "partial" / WANTED.sha256).stat().st_size == place.given > 0
    place.slow_s = 0.0
    fetcher(tmp_path, place, clock=clock).fetch(WANTED)
    assert place.given == len(DATA)


def test_updates_come_no_faster_than_they_may(tmp_path: Path) -> None:
    clock = Clock()
    fetcher(tmp_path, Place(), limit_bytes_s=100_000, clock=clock).fetch(WANTED)
    assert clock.now_s == pytest.approx(len(DATA) / 100_000)


@pytest.mark.parametrize(
    ("text", "hour", "is_open"),
    [
        *(("", 12, True), ("22:00-06:00", 23, True), ("22:00-06:00", 5, True), ("22:00-06:00", 12, False)),
        *(("01:30-02:30", 2, True), ("01:30-02:30", 1, False), ("01:30-02:30", 3, False), ("00:00-00:00", 7, True)),
    ],
)
def test_updates_come_in_their_window(text: str, hour: int, is_open: bool) -> None:
    wall_s = time.mktime((2026, 3, 2, hour, 0, 0, 0, 0, -1))
    assert Window.of(text).is_open(wall_s) is is_open
    assert Window.of(text).is_open(EARLIEST_WALL_S - 1), "a clock that was never set closes no window"


@pytest.mark.parametrize("text", ["22-06", "24:00-01:00", "1:00-2:00", "22:00", "22:60-23:00", "22:00-06:00 "])
def test_a_window_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected hours like 22:00-06:00"):
        Window.of(text)


class _Bucket(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self) -> None:
        type(self).connections += 1
        super().setup()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


def test_ten_thousand_pictures_need_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    as_device(monkeypatch)
    with served(_Bucket) as address:
        source = open_source("s3://some-bucket/shop", endpoint_url=address)
        for _ in range(20):
            assert read_small(source, "objects/aa/x", 10) == b"hello"
    assert _Bucket.connections == 1


class _Liar(BaseHTTPRequestHandler):
    answer: dict[str, str]

    def do_GET(self) -> None:
        self.send_response(206)
        for name, value in self.answer.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"lo")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"Content-Range": "bytes 2-3/5", "Content-Length": "2"}, "another part"),
        ({"Content-Range": "bytes 3-4/6", "Content-Length": "2"}, "another part"),
        ({"Content-Range": "bytes 3-4/5", "Content-Length": "3"}, "another part"),
        ({"Content-Range": "bytes 3-4/*", "Content-Length": "2"}, "another part"),
        ({"Content-Length": "2"}, "another part"),
        ({"Content-Range": "bytes 3-4/5", "Content-Length": "2", "Content-Encoding": "gzip"}, "encoded"),
        ({"Content-Range": "bytes 3-4/5"}, "no known length"),
    ],
)
def test_an_answer_to_another_question_is_none(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, str], said: str
) -> None:
    as_device(monkeypatch)
    with served(type("Liar", (_Liar,), {"answer": answer})) as address:
        source = open_source("s3://some-bucket/shop", endpoint_url=address)
        with pytest.raises(UnavailableError, match=said), source.open("x", 3, '"1"'):
            pass


def test_a_full_disk_is_told_as_such_and_not_as_the_places_fault(tmp_path: Path) -> None:
    wanted = Wanted(hashlib.sha256(b"whole").hexdigest(), 5)
    store, there = Store(tmp_path / "index"), tmp_path / "place" / wanted.path
    part = store.index_dir / "partial" / wanted.sha256
    for folder in (part.parent, there.parent):
        folder.mkdir(parents=True)
    there.write_bytes(b"whole")
    part.symlink_to("/dev/full")
    part.with_suffix(".etag").write_text(f"5-{there.stat().st_mtime_ns}")
    with pytest.raises(UnavailableError, match=f"{wanted.sha256} cannot be written .No space left on device."):
        Fetcher(store, open_source(str(tmp_path / "place")), Pace(), pause=lambda _: None).fetch(wanted)


class _Hole(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(30)


def test_a_pass_that_hangs_is_ended_with_its_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    as_device(monkeypatch)
    monkeypatch.setattr("cloud_sync.index.worker.HANGS_S", {"checking": 5.0})
    orders, steps = Publisher(tmp_path / "publisher").orders(tmp_path / "index", source="s3://some-bucket/shop"), []
    with served(_Hole) as address:
        outcome = work(dataclasses.replace(orders, endpoint_url=address), steps.append, lambda: False)
    assert outcome == Outcome("failed", "The update hung while checking: it is begun again, and goes on there.")
    assert steps == [Step("checking", 0)]
    with locked(tmp_path / "index", patience_s=0.5):
        pass  # the process is gone


@pytest.mark.parametrize("size", [0, 200_000])
def test_a_pass_that_ends_before_it_hears_its_orders_is_told(
    size: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ended_at_once(module: str, **popen: Any) -> subprocess.Popen[bytes]:
        child = start_child([sys.executable, "-c", "raise SystemExit(7)"], **popen)
        child.wait()
        return child

    monkeypatch.setattr(worker, "start_module", ended_at_once)
    orders = Orders(work=UPDATE, index_dir=str(tmp_path), trusted_root="x" * size)
    outcome = worker.work(orders, lambda step: None, lambda: False)
    assert (outcome.state, "exit code 7" in outcome.reason) == ("failed", True)


def test_work_ends_when_it_shall(tmp_path: Path) -> None:
    orders = Orders(work="collect", index_dir=str(tmp_path))
    assert work(orders, lambda step: None, lambda: True) == Outcome(
        "failed", "The update was interrupted: it goes on later."
    )
    assert work(orders, lambda step: None, lambda: False) == Outcome("idle")
