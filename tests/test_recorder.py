"""What the searcher keeps for the cloud: written in groups, never in the way of a frame, whatever the disk does."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import UnavailableError
from components.core.outbox_documents import FEEDBACK, MATCHES, TAUGHT, Document
from components.outbox import Outbox
from components.searcher.recorder import GROUP_ROWS, GROUP_S, MAX_WAITING, Recorder
from components.searcher.searcher import Searcher
from components.searcher.taught_upstream import TaughtUpstream
from tests.generations import query, unit_vectors
from tests.meanwhile import meanwhile
from tests.nucleus_support import wait_for
from tests.teaching_kit import Device, near, sides


class Disk(Outbox):
    """An outbox that counts its commits, on a disk that may take nothing, or take its time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.commits: list[int] = []
        self.is_full = False
        self.free = threading.Event()
        self.free.set()

    def add(self, documents: Sequence[Document], lost: int = 0) -> None:
        self.free.wait(10)
        if self.is_full:
            raise UnavailableError("the disk is full")
        super().add(documents, lost)
        self.commits.append(len(documents))

    def said(self, kind: str = MATCHES) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = 0
        while rows := self.waiting(kind, after).rows:
            found += [json.loads(row.body) for row in rows]
            after = rows[-1].seq
        return found


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "outbox")
    with contextlib.closing(made):
        yield made


@contextlib.contextmanager
def running(recorder: Recorder) -> Iterator[None]:
    try:
        with meanwhile(recorder.run):
            yield
    finally:
        recorder.finish()


def event(number: int) -> Document:
    return Document(MATCHES, b'{"n":%d}' % number)


def test_fifty_events_are_written_at_once_and_few_within_two_seconds(disk: Disk) -> None:
    recorder = Recorder(disk)
    with running(recorder):
        began = time.monotonic()
        for number in range(GROUP_ROWS):
            recorder.add(event(number))
        wait_for(lambda: disk.commits, "the group is written")
        assert time.monotonic() - began < GROUP_S
        recorder.add(event(GROUP_ROWS))
        time.sleep(GROUP_S / 2)
        assert disk.commits == [GROUP_ROWS], "a single one waits for others"
        wait_for(lambda: len(disk.commits) == 2, "it is written")
    assert [said["n"] for said in disk.said()] == list(range(GROUP_ROWS + 1))


def test_what_waits_is_written_at_the_end(disk: Disk) -> None:
    recorder = Recorder(disk)
    with running(recorder):
        recorder.add(event(1))
    assert disk.said() == [{"n": 1}]


def test_frames_never_wait_for_the_disk(disk: Disk) -> None:
    recorder = Recorder(disk)
    disk.free.clear()
    with running(recorder):
        began = time.monotonic()
        for number in range(10 * GROUP_ROWS):
            recorder.add(event(number))
        assert time.monotonic() - began < 1.0
        disk.free.set()
        wait_for(lambda: sum(disk.commits) == 10 * GROUP_ROWS, "all is written")


def test_full_disk_is_told_and_what_it_did_not_take_is_a_counted_gap(disk: Disk) -> None:
    recorder = Recorder(disk)
    disk.is_full = True
    with running(recorder):
        for number in range(MAX_WAITING + 300):
            recorder.add(event(number))
        wait_for(lambda: "not kept" in recorder.problem, "it is told")
        disk.is_full = False
        wait_for(lambda: not recorder.problem, "it is well again", 20)
    gap, *events = disk.said()
    assert (gap["event"], gap["reason"], gap["events"]) == ("gap", "disk", 300)
    assert [said["n"] for said in events] == list(range(300, MAX_WAITING + 300))


def test_what_comes_while_a_slow_disk_writes_is_counted_once(disk: Disk) -> None:
    recorder = Recorder(disk)
    disk.free.clear()
    with running(recorder):
        for number in range(GROUP_ROWS):
            recorder.add(event(number))
        time.sleep(0.5)  # its group is on its way to the disk
        for number in range(GROUP_ROWS, MAX_WAITING + 200):
            recorder.add(event(number))
        disk.free.set()
    events = [said["n"] for said in disk.said() if "n" in said]
    lost = sum(said["events"] for said in disk.said() if "events" in said)
    assert len(events) + lost == MAX_WAITING + 200
    assert events == sorted(set(events))


def test_without_an_outbox_nothing_is_kept() -> None:
    recorder = Recorder(None)
    recorder.add(event(1))
    recorder.look()
    recorder.end()
    recorder.finish()
    assert recorder.problem == ""


def test_what_a_camera_sees_becomes_events(disk: Disk, tmp_path: Path) -> None:
    device = Device(tmp_path)
    searcher: Searcher = device.searcher
    recorder = Recorder(disk)
    for number, vector in enumerate([device.vectors[3]] * 4 + [device.vectors[5]] * 4):
        asked = query(vector, query_id=f"q{number}", captured_ns=time.monotonic_ns(), captured_at=time.time())
        recorder.saw(asked, searcher.answer(asked))
    recorder.end()
    recorder.finish()
    told = [(said["event"], said["item_id"]) for said in disk.said()]
    assert told == [("entered", "item-3"), ("left", "item-3"), ("entered", "item-5"), ("left", "item-5")]
    assert all("embedding" not in said for said in disk.said())


def test_verdicts_are_told_with_the_answer(tmp_path: Path) -> None:
    device = Device(tmp_path, learn="never")
    shown = device.show(near(device.vectors[7], 0.7, seed=1))
    device.do("feedback", query_id=shown, item_id="item-7", verdict="wrong")
    device.do("feedback", query_id="unknown", item_id="item-7", verdict="wrong")
    (document,) = device.told
    said = json.loads(document.body)
    assert (document.kind, said["verdict"], said["item_id"], said["query_id"]) == (FEEDBACK, "wrong", "item-7", shown)


def test_verdicts_that_are_not_taken_are_not_told(tmp_path: Path) -> None:
    device = Device(tmp_path)
    device.do("feedback", query_id=device.show(device.vectors[7]), item_id="item-7", verdict="right")
    assert device.told == []


@pytest.mark.parametrize("send", ["off", "texts", "embeddings"])
def test_taught_items_are_told_as_the_deployment_says(disk: Disk, tmp_path: Path, send: str) -> None:
    device = Device(tmp_path)
    item_id = device.teach(sides(1), "Mug")
    upstream = TaughtUpstream(disk, send)
    upstream.tell(device.taught.catalog)
    said = disk.said(TAUGHT)
    assert bool(said) == (send != "off")
    if said:
        assert [one["title"] for one in said if one["event"] == "item"] == ["Mug"]
        assert [one["item_id"] for one in said if one["event"] == "view"] == [item_id] * 3
        assert ["embedding" in one for one in said if one["event"] == "view"] == [send == "embeddings"] * 3


def test_changes_of_taught_items_are_told_once_also_after_a_restart(disk: Disk, tmp_path: Path) -> None:
    device = Device(tmp_path)
    item_id = device.teach(sides(1), "Mug")
    TaughtUpstream(disk, "texts").tell(device.taught.catalog)
    before = len(disk.said(TAUGHT))
    device.do("edit", item_id=item_id, title="Cup")
    device.taught.refresh()
    TaughtUpstream(disk, "texts").tell(device.taught.catalog)
    TaughtUpstream(disk, "texts").tell(device.taught.catalog)
    device.do("remove", item_id=item_id)
    TaughtUpstream(disk, "texts").tell(device.taught.catalog)
    edited, *removed = disk.said(TAUGHT)[before:]
    assert (edited["title"], edited["state"]) == ("Cup", "active")
    assert sorted(one["event"] for one in removed) == ["gone", "gone", "gone", "item"]
    assert [one["state"] for one in removed if one["event"] == "item"] == ["removed"]


def test_drafts_stay_on_the_device(disk: Disk, tmp_path: Path) -> None:
    device = Device(tmp_path)
    item_id = device.do("begin").item_id
    device.show(unit_vectors(1, seed=99)[0])
    assert device.do("view", item_id=item_id).why == ""
    TaughtUpstream(disk, "embeddings").tell(device.taught.catalog)
    assert disk.said(TAUGHT) == []


def test_disk_that_does_not_take_what_is_taught_is_tried_again(tmp_path: Path) -> None:
    device, now_s = Device(tmp_path), 0.0
    device.teach(sides(1), "Mug")
    (tmp_path / "outbox").write_text("in the way")
    with contextlib.closing(Disk(tmp_path / "outbox")) as disk:
        upstream = TaughtUpstream(disk, "texts", lambda: now_s)
        upstream.tell(device.taught.catalog)
        (tmp_path / "outbox").unlink()
        upstream.tell(device.taught.catalog)
        assert not (tmp_path / "outbox").exists(), "not at once"
        now_s += 10
        upstream.tell(device.taught.catalog)
        assert disk.said(TAUGHT)
