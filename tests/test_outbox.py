"""The outbox on the disk: nothing is lost without a gap that says so, whatever the disk and the clock do."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nucleus_support import wait_for

from components.core.errors import UnavailableError
from components.core.outbox_documents import DAMAGED, FEEDBACK, MATCHES, REFUSED, TAUGHT, Document, Row
from components.outbox import Limits, Outbox
from tests.campaign.disk import mounted, why_not

ROOT = Path(__file__).parents[1]
MB = 1024 * 1024


class Clock:
    """Clocks that a test sets."""

    def __init__(self) -> None:
        self.now_s, self.wall_s = 1_000.0, 1.8e9


class Kept:
    """An outbox, its clock, and short ways to ask it."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        self.folder, self.clock, self._limits = folder, Clock(), Limits(**limits)
        self.box = self.opened()

    def opened(self) -> Outbox:
        clock = self.clock
        return Outbox(self.folder, self._limits, monotonic_s=lambda: clock.now_s, wall_s=lambda: clock.wall_s)

    def add(self, *names: object, kind: str = MATCHES, size: int = 0, lost: int = 0) -> None:
        documents = [Document(kind, json.dumps({"n": name, "pad": "x" * size}).encode()) for name in names]
        self.box.add(documents, lost)

    def rows(self, kind: str = MATCHES) -> list[Row]:
        found: list[Row] = []
        while more := self.box.waiting(kind, found[-1].seq if found else 0).rows:
            found += more
        return found

    def said(self, kind: str = MATCHES) -> list[dict[str, Any]]:
        return [json.loads(row.body) for row in self.rows(kind)]

    def names(self, kind: str = MATCHES) -> list[Any]:
        return [said["n"] for said in self.said(kind) if "n" in said]

    def gaps(self, kind: str = MATCHES) -> list[dict[str, Any]]:
        return [said for said in self.said(kind) if said.get("event") == "gap"]

    @property
    def epoch(self) -> str:
        return self.box.figures().epoch


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path / "outbox")
    with contextlib.closing(made.box):
        yield made


def test_what_is_put_in_comes_out_in_its_order_also_after_a_restart(kept: Kept) -> None:
    kept.add(*range(300))
    kept.box.close()
    kept.add(*range(300, 320))
    assert kept.names() == list(range(320))
    assert [row.seq for row in kept.rows()] == list(range(1, 321))
    assert all(not row.problem for row in kept.rows())


def test_what_the_cloud_has_is_gone_and_its_numbers_never_come_again(kept: Kept) -> None:
    kept.add(1, 2, 3)
    kept.box.remove(kept.epoch, [1, 2, 3])
    kept.add(4)
    assert [(row.seq, json.loads(row.body)["n"]) for row in kept.rows()] == [(4, 4)]
    assert kept.box.figures().depth == 1


def test_an_acknowledgement_of_another_epoch_removes_nothing(kept: Kept) -> None:
    kept.add(1, 2, 3)
    kept.box.remove("another", [1, 2, 3])
    assert kept.names() == [1, 2, 3]


def test_kinds_are_read_apart(kept: Kept) -> None:
    kept.add("m1")
    kept.add("t1", kind=TAUGHT)
    kept.add("f1", kind=FEEDBACK)
    kept.add("m2")
    assert (kept.names(), kept.names(TAUGHT), kept.names(FEEDBACK)) == (["m1", "m2"], ["t1"], ["f1"])


def test_figures_say_how_much_waits_and_since_when(kept: Kept) -> None:
    kept.add(1)
    kept.clock.wall_s += 60
    kept.add(2)
    figures = kept.box.figures()
    assert (figures.depth, figures.oldest_at, figures.lost, figures.quarantined) == (2, 1.8e9, 0, 0)
    assert figures.bytes >= sum(file.stat().st_size for file in kept.folder.glob("outbox.1.*")) > 0


def test_what_could_not_be_kept_is_a_gap_of_so_many(kept: Kept) -> None:
    kept.add(1, lost=7)
    kept.add(2, lost=5)
    (gap,) = kept.gaps()
    assert (gap["reason"], gap["events"], gap["first_seq"], gap["last_seq"]) == ("disk", 12, 0, 0)
    assert kept.box.figures().lost == 12


def test_full_outbox_drops_the_oldest_and_says_how_many_and_which(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_bytes=16 * MB)
    kept.add("old", kind=TAUGHT)
    for hundred in range(130):
        kept.add(*range(hundred * 100, hundred * 100 + 100), size=1_000)
        assert kept.box.figures().bytes <= 16 * MB
    names = kept.names()
    (gap,) = kept.gaps()
    assert names == list(range(names[0], 13_000)), "the newest are kept"
    assert (gap["reason"], gap["events"], gap["first_seq"]) == ("full", names[0], 2)
    assert len(names) + gap["events"] == 13_000
    assert len(names) * 1_050 > 6 * MB, "no more than must be"
    assert kept.names(TAUGHT) == ["old"], "what is urgent is kept before all matches"


def test_gap_that_may_have_been_sent_grows_no_more(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.add(lost=3)
    assert [gap["events"] for gap in kept.gaps()] == [3]  # reading it gives it out
    kept.add(lost=4)
    kept.add(lost=5)
    assert [gap["events"] for gap in kept.gaps()] == [3, 9]


def test_what_is_too_old_becomes_a_gap(tmp_path: Path) -> None:
    kept = Kept(tmp_path, keep_s=30 * 86_400.0)
    kept.add(1, 2)
    kept.clock.now_s += 29 * 86_400
    kept.add(3)
    kept.clock.now_s += 2 * 86_400
    kept.add(4)
    (gap,) = kept.gaps()
    assert (gap["reason"], gap["events"], gap["first_seq"], gap["last_seq"]) == ("old", 2, 1, 2)
    assert kept.names() == [3, 4]


@pytest.mark.parametrize("jump_s", [-1.8e9, -86_400.0, 400 * 86_400.0])
def test_wall_clock_that_jumps_loses_nothing(tmp_path: Path, jump_s: float) -> None:
    kept = Kept(tmp_path)
    kept.add(1)
    kept.clock.wall_s += jump_s
    kept.add(2)
    kept.clock.wall_s -= jump_s
    kept.add(3)
    assert kept.names() == [1, 2, 3]


def test_time_counts_over_restarts(tmp_path: Path) -> None:
    kept = Kept(tmp_path, keep_s=100.0)
    kept.add(1)
    kept.clock.now_s += 90
    kept.add(2)
    kept.box.close()
    kept.clock.now_s = 5.0  # the device was off and on again
    kept.box = kept.opened()
    kept.add(3)
    kept.clock.now_s += 20
    kept.add(4)
    assert (kept.names(), len(kept.gaps())) == ([2, 3, 4], 1)


def test_row_that_can_never_be_sent_is_put_aside_and_a_gap_says_so(kept: Kept) -> None:
    kept.add(1, 2, 3)
    second = kept.rows()[1]
    kept.box.quarantine(kept.epoch, second, "the cloud does not take it", REFUSED)
    kept.box.quarantine(kept.epoch, second, "the cloud does not take it", REFUSED)
    (gap,) = kept.gaps()
    assert (kept.names(), gap["reason"], gap["events"], gap["first_seq"], gap["last_seq"]) == ([1, 3], REFUSED, 1, 2, 2)
    assert (kept.box.figures().quarantined, kept.box.figures().depth) == (1, 3)


def test_quarantine_keeps_the_newest_hundred(kept: Kept) -> None:
    kept.add(*range(120))
    for row in kept.rows():
        kept.box.quarantine(kept.epoch, row, "poison", REFUSED)
    with sqlite3.connect(kept.folder / "outbox.1.sqlite") as database:
        assert database.execute("SELECT count(*), min(seq) FROM quarantine").fetchone() == (100, 21)
    database.close()
    assert sum(gap["events"] for gap in kept.gaps()) == 120


def test_damaged_row_is_noticed(kept: Kept) -> None:
    kept.add(1, 2)
    with sqlite3.connect(kept.folder / "outbox.1.sqlite") as database:
        database.execute("UPDATE rows SET body = replace(body, '1', '7') WHERE seq = 1")
    database.close()
    assert [bool(row.problem) for row in kept.rows()] == [True, False]


# -- what is taught ---------------------------------------------------------------------------------------------------


def mirror(kept: Kept, **documents: str) -> list[Any]:
    """What is new in the outbox once it was told of these."""
    before = len(kept.rows(TAUGHT))
    bodies = {key: json.dumps({"n": text}).encode() for key, text in documents.items()}
    kept.box.mirror(TAUGHT, bodies, lambda key: json.dumps({"n": f"gone {key}"}).encode())
    return kept.names(TAUGHT)[before:]


def test_only_what_changed_is_told_again_also_after_a_restart(kept: Kept) -> None:
    assert mirror(kept, a="1", b="1") == ["1", "1"]
    kept.box.close()
    assert mirror(kept, a="1", b="2", c="3") == ["2", "3"]
    assert mirror(kept, a="1", c="3") == ["gone b"]
    assert mirror(kept, a="1", c="3") == []


# -- disks ------------------------------------------------------------------------------------------------------------


def spoil(kept: Kept) -> None:
    """Every page of the database after the first is other bytes."""
    kept.box.close()
    path = kept.folder / "outbox.1.sqlite"
    path.write_bytes(path.read_bytes()[:4096] + os.urandom(path.stat().st_size - 4096))


def test_damaged_database_is_put_aside_and_another_epoch_begins(kept: Kept) -> None:
    kept.add(*range(500))
    before = kept.epoch
    spoil(kept)
    kept.add("new")
    (gap,) = kept.gaps()
    assert kept.names() == ["new"]
    assert kept.epoch != before
    assert (gap["reason"], gap["epoch"] in ("unknown", before)) == (DAMAGED, True)
    assert sorted(file.name for file in kept.folder.glob("*.sqlite")) == ["outbox.1.sqlite", "outbox.2.sqlite"]


def test_damage_that_one_process_finds_is_no_harm_to_the_other(kept: Kept) -> None:
    kept.add(*range(5_000), size=500)
    with contextlib.closing(kept.opened()) as other:
        assert len(other.waiting(MATCHES).rows) == 200
        path = kept.folder / "outbox.1.sqlite"
        kept.box.close()
        with path.open("r+b") as file:  # in place: the other process has it open
            file.seek(40_960)
            file.write(os.urandom(path.stat().st_size - 40_960))
        with contextlib.suppress(UnavailableError):
            kept.add("new")
        found = other.waiting(MATCHES)
        assert found.epoch == kept.epoch
        other.add([Document(MATCHES, b'{"n":"of the other"}')])
    kept.add("last")
    assert kept.names()[-2:] == ["of the other", "last"]


def test_database_that_another_process_began_is_the_one_that_counts(kept: Kept) -> None:
    kept.add("old")
    with contextlib.closing(kept.opened()) as other:
        assert len(other.waiting(MATCHES).rows) == 1
        (kept.folder / "outbox.2.sqlite").touch()
        kept.add("new")
        assert [row.body for row in other.waiting(MATCHES).rows] == [row.body for row in kept.rows()]
    assert kept.names() == ["new"]


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "outbox.1.sqlite").write_bytes(content)
    kept = Kept(tmp_path)
    kept.add(1)
    assert kept.names() == [1]


def test_database_of_another_version_is_left_alone(kept: Kept) -> None:
    kept.add(1)
    kept.box.close()
    database = sqlite3.connect(kept.folder / "outbox.1.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    kept.add(2)
    assert kept.names() == [2]
    assert (kept.folder / "outbox.1.sqlite").exists()


def test_only_one_damaged_database_is_kept(kept: Kept) -> None:
    for number in range(1, 4):
        kept.add("x")
        kept.box.close()
        (kept.folder / f"outbox.{number}.sqlite").write_bytes(b"damaged" * 9999)
    kept.add("last")
    assert sorted(file.name for file in kept.folder.glob("*.sqlite")) == ["outbox.3.sqlite", "outbox.4.sqlite"]


@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_disk_that_runs_full_loses_nothing_that_it_took(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk") as disk:
        kept, taken = Kept(disk.path / "outbox"), 100
        kept.add(*range(taken))
        disk.fill()
        with pytest.raises(UnavailableError, match="full"):
            while taken < 5_000:
                kept.add(taken, size=1_000)
                taken += 1
        reader = kept.opened()
        assert reader.waiting(MATCHES).rows[0].seq == 1, "what waits can be read all the same"
        reader.close()
        disk.make_room()
        kept.add("after")
        assert kept.names() == [*range(taken), "after"]
        kept.box.close()
        assert [file.name for file in kept.folder.glob("*.sqlite")] == ["outbox.1.sqlite"]


def test_folder_that_cannot_be_made_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot be used"):
        Kept(tmp_path / "file" / "outbox").add(1)


def test_outbox_that_is_only_looked_at_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no outbox"):
        Outbox(tmp_path, read_only=True).figures()
    assert list(tmp_path.iterdir()) == []


def test_room_is_given_back_once_most_was_sent(kept: Kept) -> None:
    for _ in range(20):
        kept.add(*range(500), size=1_000)
    full = kept.box.figures().bytes
    while rows := kept.box.waiting(MATCHES).rows:
        kept.box.remove(kept.epoch, [row.seq for row in rows])
    assert full > 10 * MB
    assert kept.box.figures().bytes < full / 2


WRITER = """
import sys
from pathlib import Path
from components.core.outbox_documents import Document
from components.outbox import Outbox
outbox, made = Outbox(Path(sys.argv[1])), 0
while True:
    outbox.add([Document("matches", b'{"n":%d}' % (made + n)) for n in range(20)])
    made += 20
    print(made, flush=True)
"""


def test_what_was_committed_outlives_kills(kept: Kept) -> None:
    expected = 0
    for _ in range(5):
        command = [sys.executable, "-c", WRITER, str(kept.folder)]
        writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(5)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read().splitlines()
        writer.wait()
        writer.stdout.close()
        expected += max(int(line) for line in said if line.strip())
        names = kept.names()
        assert expected <= len(names) <= expected + 20, "the last group may be there though nobody was told"
        expected = len(names)
    assert [row.seq for row in kept.rows()] == list(range(1, expected + 1))


def test_two_processes_write_and_read_at_the_same_time(kept: Kept) -> None:
    stop, failures = threading.Event(), []

    def take_away() -> None:
        with contextlib.closing(kept.opened()) as reader:
            while not stop.is_set():
                try:
                    waiting = reader.waiting(MATCHES)
                    taken.extend(json.loads(row.body)["n"] for row in waiting.rows)
                    reader.remove(waiting.epoch, [row.seq for row in waiting.rows])
                except Exception as error:  # noqa: BLE001  # it is what the test looks for
                    failures.append(error)

    taken: list[int] = []
    thread = threading.Thread(target=take_away)
    thread.start()
    for number in range(0, 2_000, 20):
        kept.add(*range(number, number + 20))
    wait_for(lambda: len(taken) == 2_000, "all were taken")
    stop.set()
    thread.join()
    assert (failures, taken) == ([], list(range(2_000)))
