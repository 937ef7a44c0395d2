"""What a person does with a device's index: import from a stick, look, go back, scrub."""

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloud_sync.index import worker
from cloud_sync.index.lock import locked
from cloud_sync.index.orders import Step
from components.store import Store
from tests.generations import flip_byte
from tests.lying_server import BUCKET, HOLES, LyingServer, Request, honest
from tests.object_place import as_device, write_tar
from tests.update_kit import Publisher, confirmed, passed, state_of

ROOT = Path(__file__).parents[1]


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "publisher")


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "index"


def command(*words: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "cloud_sync", *map(str, words)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_stick_brings_a_generation_and_the_next_one_needs_no_root(
    publisher: Publisher, device: Path, tmp_path: Path
) -> None:
    publisher.offer(1)
    write_tar(tmp_path / "stick.tar", publisher.files(), tmp_path / "tree")
    (tmp_path / "root.json").write_text(publisher.root)
    where = ("--index-dir", device, "--keep-free-mbytes", 0)
    unknown = command("import", tmp_path / "stick.tar", *where)
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)
    assert "--trusted-root" in unknown.stderr
    done = command("import", tmp_path / "stick.tar", *where, "--trusted-root", tmp_path / "root.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Generation 1 is active.")
    confirmed(device)
    publisher.offer(2, 41)
    assert command("import", publisher.place, *where).stdout.startswith("Generation 2 is active.")
    again = command("import", publisher.place, *where)
    assert again.stdout == "Generation 2 is active already: there was nothing to do.\n"
    missing = command("import", tmp_path / "none.tar", *where)
    assert (missing.returncode, "is the stick plugged in" in missing.stderr) == (1, True)


def test_going_back_holds_until_something_newer_or_that_very_one_is_wanted(publisher: Publisher, device: Path) -> None:
    for seq in (1, 2):
        publisher.offer(seq, 40 + seq)
        passed(publisher.orders(device))
        confirmed(device)
    done = command("rollback", "--index-dir", device)
    assert (done.returncode, done.stdout) == (0, "Generation 1 is active again.\n")
    assert passed(publisher.orders(device)).state == "refused"
    assert Store(device).active() == 1
    nothing = command("rollback", "--index-dir", device)
    assert (nothing.returncode, "no previous generation" in nothing.stderr) == (1, True)
    said = command("status", "--index-dir", device).stdout.splitlines()
    assert said == [
        "active    1 (channel stable)",
        "previous  -",
        "staged    -",
        "newest    stable 2",
        "refused   2: An operator went back from generation 2 to 1.",
    ]
    assert passed(publisher.orders(device, version="2")).state == "trial"
    assert json.loads(command("status", "--index-dir", device, "--json").stdout)["active"] == 2


def test_a_scrub_repairs_what_a_disk_lost_or_goes_back(publisher: Publisher, device: Path) -> None:
    for seq in (1, 2):
        publisher.offer(seq, 40 + seq, seed=seq)
        passed(publisher.orders(device))
        confirmed(device)
    store = Store(device)
    rows = store.object_path(store.manifest(2).segments[0].rows.sha256)
    picture = next(path for path in device.glob("objects/*/*") if path.read_bytes() == b"picture of item-3")
    flip_byte(rows)
    picture.unlink()
    where = ("--index-dir", device)
    done = command("scrub", *where, "--from", publisher.place)
    assert (done.returncode, done.stdout, done.stderr.count("error:")) == (0, "Everything is whole.\n", 0)
    assert picture.read_bytes() == b"picture of item-3"
    flip_byte(rows)
    done = command("scrub", *where)
    assert (done.returncode, "Generation 1 is in use again." in done.stderr) == (1, True)
    assert (state_of(device).active, state_of(device).refused) == (1, {})
    assert passed(publisher.orders(device)).state == "trial", "it is fetched again"
    assert store.active() == 2


def test_without_another_whole_generation_a_scrub_leaves_what_there_is(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    passed(publisher.orders(device))
    flip_byte(Store(device).object_path(Store(device).manifest(1).projection.sha256))
    done = command("scrub", "--index-dir", device)
    assert (done.returncode, "There is no other whole generation" in done.stderr) == (1, True)
    assert ("scrub --from" in done.stderr, "fetched again" in done.stderr) == (True, False)
    assert state_of(device).active == 1


def test_what_is_wrong_is_one_sentence_and_makes_no_folder(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    (publisher.folder / "root.json").write_text(publisher.root)
    where = ("--index-dir", device)
    brought = ("import", publisher.place, *where, "--trusted-root", publisher.folder / "root.json")
    for words in (("rollback", *where), ("scrub", *where), (*brought, "--version", "x"), (*brought, "--channel", "/")):
        done = command(*words)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
        assert done.stderr.startswith("error: There is no ")
    assert not device.exists()


def test_what_cannot_be_looked_into_does_not_pass_for_no_index(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / ("i" * 300)):
        for words in (
            ("status",),
            ("scrub",),
            ("rollback",),
            ("import", tmp_path, "--trusted-root", tmp_path / "file"),
        ):
            done = command(*words, "--index-dir", folder)
            assert (done.returncode, done.stdout) == (1, "")
            assert "name the device's index with --index-dir, and run this as its user or as root" in done.stderr


def test_while_another_process_works_a_command_says_so(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    passed(publisher.orders(device))
    with locked(device):
        done = command("rollback", "--index-dir", device)
    assert (done.returncode, "Another process is changing the index" in done.stderr) == (1, True)


@pytest.mark.parametrize("words", [("rollback",), ("import", "stick.tar", "--version", "1", "--keep-free-mbytes", "0")])
def test_a_slow_download_makes_way_for_who_goes_back_and_goes_on_later(
    words: tuple[str, ...], publisher: Publisher, device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_device(monkeypatch)
    for seq in (1, 2):
        publisher.offer(seq, 40 + seq, seed=seq)
        passed(publisher.orders(device))
        confirmed(device)
    publisher.offer(3, 50, seed=3)
    write_tar(tmp_path / "stick.tar", publisher.files(), tmp_path / "tree")
    fetching, told = threading.Event(), []

    def slowly(request: Request) -> None:
        (HOLES["drips"] if "objects" in request.path else honest)(request)

    def note(step: Step) -> None:
        told.append(step.state)
        if step.state == "fetching":
            fetching.set()

    with LyingServer(publisher.files(), drips_s=60.0) as server, ThreadPoolExecutor() as pool:
        server.will(itertools.repeat(slowly))
        orders = publisher.orders(device, source=f"s3://{BUCKET}", endpoint_url=server.address)
        update = pool.submit(worker.work, orders, note, lambda: False)
        assert fetching.wait(30)
        done = command(
            *(str(tmp_path / word) if word.endswith(".tar") else word for word in words), "--index-dir", device
        )
        assert (done.returncode, done.stderr) == (0, "")
        outcome = update.result(10)
    assert (outcome.state, "by somebody else" in outcome.reason) == ("failed", True)
    assert told[-1] == "fetching"
    assert state_of(device).active == 1
    passed(publisher.orders(device))
    assert state_of(device).active == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_leaves_nothing_that_the_components_user_could_not_change(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    device.mkdir()
    os.chown(device, 65534, 65534)
    for folder in (*device.parents, publisher.folder, publisher.place):
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    (publisher.folder / "root.json").write_text(publisher.root)
    where = ("--index-dir", device, "--keep-free-mbytes", 0)
    done = command("import", publisher.place, *where, "--trusted-root", publisher.folder / "root.json")
    assert done.returncode == 0, done.stderr
    assert {path.stat().st_uid for path in device.rglob("*")} == {65534}
