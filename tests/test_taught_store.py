"""The taught items on the disk: whole or not at all, also when the process is killed or the disk is full."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from components.core.errors import FormatError, UnavailableError
from components.core.taught import TaughtCatalog
from components.taught_store import KEPT_OPERATIONS, TaughtStore
from tests.generations import unit_vectors
from tests.teaching_kit import WEBP, item, view

SOURCE_TREE = Path(__file__).parents[1]


@pytest.fixture
def store(tmp_path: Path) -> TaughtStore:
    store = TaughtStore(tmp_path / "taught")
    yield store
    store.close()


def test_nothing_is_written_before_something_is_taught(store: TaughtStore) -> None:
    assert store.catalog() == TaughtCatalog()
    assert (store.thumbnail("0" * 64), store.operations(), store.version()) == (None, [], (0, 0))
    assert not store.path.parent.exists()


def test_what_was_kept_is_read_back_by_another_reader(store: TaughtStore, tmp_path: Path) -> None:
    shown = view("tea", unit_vectors(1, 1280)[0], taken_at=5.5, looked_like="item-1", state="quarantined")
    store.change("save", 1.0, items=[item("tea", description="äöü 茶")], views=[shown], thumbnails={"f" * 64: WEBP})
    reader = TaughtStore(tmp_path / "taught", read_only=True)
    with contextlib.closing(reader):
        assert reader.catalog() == store.catalog()
        (read,) = reader.catalog().views
        assert read == shown
        np.testing.assert_array_equal(read.embedding, shown.embedding)
        assert [operation.action for operation in reader.operations()] == ["save"]
    assert store.path.stat().st_mode & 0o077 == 0


def test_a_reader_notices_every_change_of_another_process(store: TaughtStore, tmp_path: Path) -> None:
    reader = TaughtStore(tmp_path / "taught", read_only=True)
    seen = {reader.version()}
    with contextlib.closing(reader):
        for title in ("a", "b", "c"):
            store.change("edit", 1.0, items=[item("tea", title=title)])
            assert reader.version() not in seen
            seen.add(reader.version())
            assert reader.catalog().items["tea"].title == title
        assert reader.version() in seen


def test_a_picture_that_flash_has_damaged_is_none(store: TaughtStore) -> None:
    store.change("view", 1.0, thumbnails={"f" * 64: WEBP})
    assert store.thumbnail("f" * 64) is None


def test_a_damaged_view_does_not_take_the_others_along(store: TaughtStore) -> None:
    store.change("view", 1.0, items=[item("tea")], views=[view("tea", view_id="a"), view("tea", view_id="b")])
    with contextlib.closing(sqlite3.connect(store.path)) as database, database:
        database.execute("UPDATE views SET embedding = zeroblob(64) WHERE view_id = 'a'")
    assert [view.view_id for view in store.catalog().views] == ["b"]


def test_what_cannot_be_written_changes_nothing(store: TaughtStore) -> None:
    store.change("save", 1.0, items=[item("tea")])
    with contextlib.closing(sqlite3.connect(store.path)) as other:
        other.execute("BEGIN IMMEDIATE")  # as a disk that does not answer
        store._database.execute("PRAGMA busy_timeout = 1")  # type: ignore[union-attr]
        with pytest.raises(UnavailableError, match=r"taught\.sqlite cannot be used"):
            store.change("save", 2.0, items=[item("coffee")])
    store.change("save", 3.0, items=[item("milk")])
    assert set(store.catalog().items) == {"tea", "milk"}


def test_a_full_disk_is_said_and_nothing_is_lost(store: TaughtStore) -> None:
    store.change("save", 1.0, items=[item("tea")])
    database = store._database
    assert database is not None
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    views = [view("tea", unit_vectors(1, 1280, n)[0]) for n in range(100)]
    with pytest.raises(UnavailableError, match="full"):
        store.change("view", 2.0, items=[item("coffee")], views=views)
    assert (list(store.catalog().items), list(store.catalog().views)) == (["tea"], [])
    database.execute("PRAGMA max_page_count = 1000000")
    store.change("view", 2.0, views=views)
    assert len(store.catalog().views) == 100


@pytest.mark.parametrize("content", [b"no database at all, " * 50, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_named_and_left_alone(store: TaughtStore, content: bytes) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    for use in (store.catalog, lambda: store.change("save", 1.0, items=[item("tea")])):
        with pytest.raises(FormatError, match="restore a backup"):
            use()
    assert store.path.read_bytes() == content


def test_a_file_of_a_later_version_is_refused(store: TaughtStore) -> None:
    store.change("save", 1.0, items=[item("tea")])
    store.close()
    with contextlib.closing(sqlite3.connect(store.path)) as database:
        database.execute("PRAGMA user_version = 2")
    with pytest.raises(FormatError, match="has format 2"):
        store.catalog()


def test_what_was_removed_long_ago_is_erased_with_its_pictures(store: TaughtStore) -> None:
    digest = "e" * 64
    gone = view("tea", view_id="gone", thumbnail=digest)
    store.change("view", 1.0, items=[item("tea"), item("x")], views=[gone], thumbnails={digest: WEBP})
    removed = [view("tea", gone.embedding, view_id="gone", thumbnail=digest, state="removed")]
    number = store.change("remove", 2.0, items=[item("tea", state="removed")], views=removed)
    for _ in range(KEPT_OPERATIONS - 1):
        store.change("edit", 3.0, items=[item("x")])
    assert pictures(store) == 1
    assert store.undo(number, 4.0) is not None
    store.change("remove", 5.0, items=[item("tea", state="removed")], views=removed)
    for _ in range(KEPT_OPERATIONS):
        store.change("edit", 6.0, items=[item("x")])
    assert (pictures(store), set(store.catalog().items)) == (0, {"x"})
    store.close()
    assert WEBP not in b"".join(file.read_bytes() for file in store.path.parent.iterdir())


def pictures(store: TaughtStore) -> int:
    with contextlib.closing(sqlite3.connect(store.path)) as database:
        return int(database.execute("SELECT count(*) FROM thumbnails").fetchone()[0])


def test_erasing_leaves_nothing(store: TaughtStore) -> None:
    store.change("view", 1.0, items=[item("tea")], views=[view("tea")], thumbnails={"e" * 64: WEBP})
    store.erase()
    assert (store.catalog(), pictures(store), store.operations()) == (TaughtCatalog(), 0, [])
    assert WEBP not in b"".join(file.read_bytes() for file in store.path.parent.iterdir())


_WRITER = """
import sys, pathlib
sys.path.insert(0, sys.argv[2])
from components.taught_store import TaughtStore
from tests.teaching_kit import item, view
store = TaughtStore(pathlib.Path(sys.argv[1]))
n = len(store.catalog().items)
while True:
    views = [view(f"item{n}", view_id=f"{n}-{m}") for m in range(5)]
    store.change("save", float(n), items=[item(f"item{n}")], views=views)
    print(n, flush=True)
    n += 1
"""


def kill_writers(folder: Path, kills: int) -> int:
    """Kill a writer ``kills`` times while it writes; after each, everything that it said to be kept is there, whole.

    Gives the number of items at the end.
    """
    said = -1
    for number in range(kills):
        command = [sys.executable, "-c", _WRITER, str(folder), str(SOURCE_TREE)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        said = int(writer.stdout.readline())
        time.sleep(0.003 * (number % 7))
        os.kill(writer.pid, signal.SIGKILL)
        for line in writer.stdout.read().splitlines(keepends=True):
            said = int(line) if line.endswith("\n") else said
        writer.wait()
        writer.stdout.close()
        with contextlib.closing(TaughtStore(folder)) as store:
            store.check()
            taught = store.catalog()
        assert {f"item{n}" for n in range(said + 1)} <= set(taught.items), "what was answered is lost"
        assert all(len(taught.views_of(item_id)) == 5 for item_id in taught.items), "an item is torn"
    return said + 1


def test_a_killed_writer_leaves_whole_items_and_all_that_it_said(tmp_path: Path) -> None:
    assert kill_writers(tmp_path / "taught", 4) >= 4
