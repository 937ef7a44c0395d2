"""One pass of an update: what is on offer comes whole, is tried, and counts by one rename."""

import contextlib
import dataclasses
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud_sync.index import probing, room
from cloud_sync.index.generation_objects import named
from cloud_sync.index.lock import locked
from cloud_sync.index.orders import COLLECT, SCRUB, Outcome, encode_orders
from cloud_sync.index.pass_child import perform
from cloud_sync.index.recovery import is_whole
from cloud_sync.index.room import annoy_bytes
from components.child import start_child, start_module
from components.core.projection import encode_projection, identity
from components.index_state import write_state
from components.store import Store
from tests.generations import flip_byte, items, unit_vectors, write_generation
from tests.object_place import BUCKET, as_device, put, s3_server, write_tar
from tests.tuf_repository import days_ago
from tests.update_kit import Publisher, Said, confirmed, passed, state_of

ENDLESS = """
import sys
from pathlib import Path
from cloud_sync.index import probe

def check(*_):
    while True:
        pass

probe.check = check
sys.exit(probe.main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
"""
"""The probe of a generation that never comes to an end."""


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "publisher")


@pytest.fixture
def device(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.mark.parametrize("kind", ["folder", "tar", "s3"])
def test_a_device_gets_the_newest_generation(
    kind: str, publisher: Publisher, device: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = publisher.offer(3)
    orders, said = publisher.orders(device), Said()
    if kind == "tar":
        write_tar(tmp_path / "place.tar", publisher.files(), tmp_path / "tree")
        orders = publisher.orders(device, source=str(tmp_path / "place.tar"))
    elif kind == "s3":
        as_device(monkeypatch)
        put(server, publisher.files())
        orders = publisher.orders(device, source=f"s3://{BUCKET}/shop", endpoint_url=server)
    assert perform(orders, said) == Outcome("trial")
    assert said.states == ["checking", "planning", "fetching", "staging", "probing"]
    state = state_of(device)
    assert (state.active, state.previous, state.staged, state.trial) == (3, None, None, True)
    assert state.high_water_mark == {"stable": 3}
    assert Store(device).manifest(3) == manifest
    assert {path.name for path in device.glob("objects/*/*")} == {
        path.name for path in publisher.store.index_dir.glob("objects/*/*")
    }
    assert not list((device / "partial").iterdir())
    assert passed(orders) == Outcome("idle")


def test_only_what_is_new_is_fetched(publisher: Publisher, device: Path) -> None:
    publisher.offer(1, 40)
    passed(publisher.orders(device))
    before = {path: path.stat().st_ino for path in device.glob("objects/*/*")}
    publisher.offer(2, 41)
    assert passed(publisher.orders(device)) == Outcome("trial")
    after = {path: path.stat().st_ino for path in device.glob("objects/*/*")}
    assert {path: after[path] for path in before} == before
    assert len(after) == len(before) + 3, "vectors, rows and one picture"


def test_an_older_version_is_had_by_its_number_and_the_newest_never_goes_back(
    publisher: Publisher, device: Path, tmp_path: Path
) -> None:
    publisher.offer(1)
    older = shutil.copytree(publisher.place, tmp_path / "older")
    publisher.offer(2, 41)
    passed(publisher.orders(device))
    assert passed(publisher.orders(device, version="1")) == Outcome("trial")
    assert (state_of(device).active, state_of(device).high_water_mark) == (1, {"stable": 2})
    confirmed(device)
    assert passed(publisher.orders(device, version="7")).reason == (
        "Channel stable has no generation 7: it offers 1, 2."
    )
    # Rightly signed and not expired, but older than what was there; the device's metadata is lost as well.
    shutil.rmtree(device / "tuf")
    outcome = passed(publisher.orders(device, source=str(older)))
    assert outcome.state == "failed"
    assert "offers generation 1 as its newest, but this device has had 2" in outcome.reason


@pytest.mark.parametrize("damage", ["model", "vectors", "counts", "golden", "no model", "projection"])
def test_a_signed_but_bad_generation_is_refused_once(publisher: Publisher, device: Path, damage: str) -> None:
    publisher.offer(1)
    passed(publisher.orders(device))
    confirmed(device)
    before = state_of(device)
    good = publisher.build(2, 30)
    changes: dict[str, object] = {
        "model": {"model": dataclasses.replace(good.model, digest="b" * 64)},
        "vectors": {"segments": (dataclasses.replace(good.segments[0], vectors=good.projection),)},
        "counts": {"items": 31},
        "golden": {"golden": publisher.build(9, 30, seed=5).golden},
        "no model": {"model": dataclasses.replace(good.model, files={})},
        "projection": {"projection": publisher.store.write_object(encode_projection(identity(16)))},
    }[damage]
    publisher.publish(dataclasses.replace(good, **changes))  # type: ignore[arg-type]
    outcome = passed(publisher.orders(device))
    assert outcome.state == "refused", outcome
    state = state_of(device)
    assert dataclasses.replace(state, refused={}) == before
    assert state.refused[2].reason == outcome.reason
    assert Store(device).active() == 1
    said = Said()
    assert perform(publisher.orders(device), said) == outcome
    assert said.states == ["checking"], "it is not fetched and tried again"
    perform(publisher.orders(device, version="2"), said)
    assert "probing" in said.states, "who names it has it tried again"
    publisher.offer(3)
    assert passed(publisher.orders(device)) == Outcome("trial")


def test_a_generation_is_not_refused_because_the_device_is_busy(
    publisher: Publisher, device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.offer(1)
    monkeypatch.setattr(probing, "_PATIENCE", 1e-4)
    outcome = passed(publisher.orders(device))
    assert (outcome.state, state_of(device).refused) == ("failed", {})
    assert "is this device so busy?" in outcome.reason
    monkeypatch.undo()
    assert passed(publisher.orders(device)) == Outcome("trial")


def test_a_generation_that_computes_without_end_is_refused(
    publisher: Publisher, device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.offer(1)
    monkeypatch.setattr(probing, "_BASE_S", 1.0)
    monkeypatch.setattr(probing, "_PATIENCE", 100.0)
    monkeypatch.setattr(
        probing, "start_module", lambda _, *words, **more: start_child([sys.executable, "-c", ENDLESS, *words], **more)
    )
    outcome = passed(publisher.orders(device))
    assert (outcome.state, list(state_of(device).refused)) == ("refused", [1])


def test_what_is_not_signed_rightly_or_has_expired_leaves_everything(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    other = Publisher(publisher.folder / "other")
    outcome = passed(publisher.orders(device, trusted_root=other.root))
    assert outcome.state == "failed"
    assert "is refused" in outcome.reason
    publisher.tuf.timestamp.expires = days_ago(1)
    publisher.publish(publisher.build(2))
    outcome = passed(publisher.orders(device))
    assert outcome.state == "stale"
    assert state_of(device).active is None


def test_without_a_root_of_trust_nothing_comes(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    outcome = passed(publisher.orders(device, trusted_root=str(device / "none.json")))
    assert outcome.state == "failed"
    assert "set index.trusted_root" in outcome.reason
    (device / "root.json").write_text(publisher.root)
    assert passed(publisher.orders(device, trusted_root=str(device / "root.json"))) == Outcome("trial")


def test_a_full_disk_is_told_before_anything_is_fetched(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    outcome = passed(publisher.orders(device, keep_free_bytes=10**18))
    assert outcome.state == "failed"
    assert "must stay free: make room, or set keep_free_mbytes" in outcome.reason
    assert not list(device.glob("objects/*/*"))


def test_an_object_with_another_content_is_never_kept(publisher: Publisher, device: Path) -> None:
    manifest = publisher.offer(1)
    path = publisher.place / "objects" / manifest.projection.sha256[:2] / manifest.projection.sha256
    flip_byte(path)
    outcome = passed(publisher.orders(device))
    assert outcome.state == "failed"
    assert "came with another content" in outcome.reason
    assert not Store(device).object_path(manifest.projection.sha256).exists()
    publisher.write()
    assert passed(publisher.orders(device)) == Outcome("trial")


def test_a_damaged_object_is_healed_by_the_next_generation_that_names_it(publisher: Publisher, device: Path) -> None:
    manifest = publisher.offer(1)
    passed(publisher.orders(device))
    flip_byte(Store(device).object_path(manifest.projection.sha256))
    publisher.offer(2, 41)
    assert passed(publisher.orders(device)) == Outcome("trial")
    assert Store(device).holds(manifest.projection.sha256)


def test_two_processes_do_not_change_one_index(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    with locked(device):
        outcome = passed(publisher.orders(device))
    assert outcome.state == "failed"
    assert "Another process is changing the index" in outcome.reason


def test_a_builders_folder_becomes_a_device_and_is_replaced_by_what_a_channel_offers(
    publisher: Publisher, device: Path
) -> None:
    write_generation(Store(device), unit_vectors(9), items(9), seq=5)
    publisher.offer(1)
    assert passed(publisher.orders(device)) == Outcome("trial")
    assert (state_of(device).active, state_of(device).previous) == (1, 5)


def test_another_generation_of_the_same_number_is_told_apart(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    write_generation(Store(device), unit_vectors(9), items(9), seq=1)
    outcome = passed(publisher.orders(device))
    assert outcome.state == "failed"
    assert "publish to that channel once more" in outcome.reason
    publisher.offer(2)
    assert passed(publisher.orders(device)) == Outcome("trial")


def test_another_publishers_generation_of_the_same_number_is_told_apart(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    passed(publisher.orders(device))
    other = Publisher(publisher.folder / "other")
    other.offer(1, 41)
    assert "publish to that channel once more" in passed(other.orders(device)).reason


def test_what_one_channel_offered_in_vain_is_not_held_against_another_one(publisher: Publisher, device: Path) -> None:
    publisher.publish(dataclasses.replace(publisher.build(1), items=41))
    assert passed(publisher.orders(device)).state == "refused"
    other = Publisher(publisher.folder / "other", "beta")
    other.offer(1)
    assert passed(other.orders(device)) == Outcome("trial")


@pytest.mark.parametrize("damage", [Path.unlink, flip_byte])
def test_a_manifest_that_the_disk_lost_comes_back(
    publisher: Publisher, device: Path, damage: Callable[[Path], None]
) -> None:
    manifest = publisher.offer(1)
    passed(publisher.orders(device))
    confirmed(device)
    before = state_of(device)
    damage(device / "generations" / "1.json")
    assert passed(publisher.orders(device)) == Outcome("idle")
    assert Store(device).manifest(1) == manifest
    assert state_of(device) == before


def test_who_reads_a_large_index_says_now_and_then_that_it_lives(publisher: Publisher, device: Path) -> None:
    manifest = publisher.offer(1)
    passed(publisher.orders(device))
    confirmed(device)
    flip_byte(Store(device).object_path(manifest.projection.sha256))
    said = Said()
    orders = dataclasses.replace(publisher.orders(device, limit_bytes_s=10**9), work=SCRUB)
    assert perform(orders, said) == Outcome("idle")
    assert len(said.steps) > len(list(device.glob("objects/*/*"))), "also while it repairs"


def test_when_the_state_is_lost_the_newest_whole_generation_counts(publisher: Publisher, device: Path) -> None:
    for seq in (1, 2):
        publisher.offer(seq, 40 + seq)
        passed(publisher.orders(device))
        confirmed(device)
    for name in ("state.json", "state-copy.json"):
        (device / name).write_bytes(b"torn")
    flip_byte(Store(device).object_path(Store(device).manifest(2).segments[0].vectors.sha256))
    assert passed(publisher.orders(device)) == Outcome("trial")
    assert (state_of(device).active, state_of(device).previous) == (2, 1)
    for name in ("state.json", "state-copy.json"):
        (device / name).unlink()
    outcome = passed(Publisher(publisher.folder / "unknown").orders(device))
    assert outcome.state == "failed"
    state = state_of(device)
    assert (state.active, state.high_water_mark) == (2, {"stable": 2})


def test_garbage_goes_when_the_disk_is_full(
    publisher: Publisher, device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seq in (1, 2, 3):
        publisher.offer(seq, 40 + seq, seed=seq)
        passed(publisher.orders(device))
        confirmed(device)
    state = state_of(device)
    write_state(device, dataclasses.replace(state, active=3, previous=2))
    assert Store(device).seqs() == (1, 2, 3)
    publisher.offer(4)
    assert passed(publisher.orders(device, keep_free_bytes=10**18)).state == "failed"
    assert Store(device).seqs() == (2, 3)


class Disk:
    """A disk of so many bytes, as the index in ``device`` fills it."""

    def __init__(self, device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._device = device
        self._size: int | None = None
        monkeypatch.setattr(room.shutil, "disk_usage", lambda path: self)

    @property
    def free(self) -> int:
        return 10**12 if self._size is None else self._size - self._used()

    def runs_full(self, free: int) -> None:
        self._size = self._used() + free

    def _used(self) -> int:
        return sum(path.stat().st_size for path in self._device.rglob("*") if path.is_file())


@pytest.fixture
def disk(device: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(device, monkeypatch)


def test_what_writers_left_that_were_killed_is_removed(publisher: Publisher, device: Path) -> None:
    publisher.offer(1)
    passed(publisher.orders(device))
    there = sorted(device.rglob("*"))
    for name in (".state.json.77-1401", "generations/.1.json.77-1401"):
        (device / name).write_bytes(b"{")
    assert passed(dataclasses.replace(publisher.orders(device), work=COLLECT)) == Outcome("idle")
    assert sorted(device.rglob("*")) == there


def test_garbage_is_not_what_of_the_new_generation_has_come(publisher: Publisher, device: Path, disk: Disk) -> None:
    for seq in (1, 2, 3):
        publisher.offer(seq, 200 + seq, seed=seq)
        passed(publisher.orders(device))
        confirmed(device)
    manifest = publisher.offer(4, 204, seed=4)
    came = [manifest.segments[0].rows, manifest.projection]
    for ref in came:
        Store(device).write_object(publisher.store.read_ref(ref))
    disk.runs_full(manifest.segments[0].vectors.size + annoy_bytes(manifest))
    assert passed(publisher.orders(device)) == Outcome("trial")
    assert Store(device).seqs() == (2, 3, 4), "there was room only without the first one"


def test_where_there_is_no_room_for_the_pictures_the_rest_is_not_fetched_again(
    publisher: Publisher, device: Path, disk: Disk
) -> None:
    publisher.offer(1)
    passed(publisher.orders(device))
    confirmed(device)
    manifest = publisher.offer(2, 200, seed=2)
    named_bytes = sum(wanted.size for wanted in named(manifest))
    disk.runs_full(named_bytes + annoy_bytes(manifest))
    assert "make room" in passed(publisher.orders(device)).reason
    assert all(Store(device).holds(wanted.sha256) for wanted in named(manifest))


def test_what_came_of_an_object_needs_no_room_and_what_came_of_another_one_goes(
    publisher: Publisher, device: Path, disk: Disk
) -> None:
    publisher.offer(1, 200)
    passed(publisher.orders(device))
    confirmed(device)
    vectors = publisher.offer(2, 200, seed=2).segments[0].vectors
    part = device / "partial" / vectors.sha256
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(publisher.store.read_ref(vectors)[:-100])
    stat = publisher.store.object_path(vectors.sha256).stat()
    place = publisher.place / "objects" / vectors.sha256[:2] / vectors.sha256
    stat = place.stat()
    part.with_suffix(".etag").write_text(f"{stat.st_size}-{stat.st_mtime_ns}")
    (part.parent / ("0" * 64)).write_bytes(bytes(50_000))
    disk.runs_full(sum(wanted.size for wanted in named(publisher.store.manifest(2))) - 1)
    assert passed(publisher.orders(device)) == Outcome("trial")


def test_killed_at_any_moment_the_old_generation_or_the_new_one_is_active(publisher: Publisher, device: Path) -> None:
    chance, store, kills = random.Random(5), Store(device), 0
    publisher.offer(1, 400)
    assert passed(publisher.orders(device)) == Outcome("trial")
    confirmed(device)
    publisher.offer(2, 401, seed=2)
    began = time.monotonic()
    assert ended(publisher, device, None) == 0
    took_s = time.monotonic() - began
    seq = 2
    while kills < 8:
        seq += 1
        publisher.offer(seq, 400 + seq, seed=seq)
        while store.active() != seq:
            if ended(publisher, device, chance.uniform(0.3, 1.0) * took_s) == -signal.SIGKILL:
                kills += 1
            active = store.require_active()
            assert active in (seq - 1, seq)
            assert is_whole(store, active)
    assert passed(publisher.orders(device)) == Outcome("idle")


def ended(publisher: Publisher, device: Path, killed_after_s: float | None) -> int:
    """A pass in a process of its own; its exit code."""
    child = start_module("cloud_sync.index.pass_child", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert child.stdin is not None
    child.stdin.write(encode_orders(publisher.orders(device)))
    child.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(killed_after_s)
    child.kill()
    return child.wait()
