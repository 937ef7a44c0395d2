"""What is published, in folders, tars and a real S3 server, read back by the device's own code."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from object_place import BUCKET, as_device, s3_server
from publish_kit import address_of, files_of, make_keys, place_of, published, shop, silent
from update_kit import Publisher, confirmed, fake_model, passed

from cloud_sync.index.orders import UPDATE, Orders
from cloud_sync.sources import Source, open_source
from components.catalog import load_catalog
from components.core.errors import (
    BadContentError,
    FormatError,
    LookalikeError,
    NotThereError,
    StaleError,
    UnavailableError,
    UntrustedError,
)
from components.core.generations import SearchSettings, encode_manifest
from components.store import Store
from index_builder.publish import channel as channel_module
from index_builder.publish.channel import KEPT, read_channel, write_timestamp
from index_builder.publish.copying import copy
from index_builder.publish.keys import Keys
from index_builder.publish.places import Place, object_path, open_place
from index_builder.publish.publishing import publish
from index_builder.publish.s3_place import S3Place
from index_builder.publish.taken import TakenError
from index_builder.publish.verifying import Verified, verify
from tests.generations import items, unit_vectors, write_generation

KINDS = ("folder", "tar", "s3")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three generations; tests must not change it."""
    return shop(tmp_path_factory.mktemp("shop"), 3)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path / "keys")


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    as_device(monkeypatch)


class Seen:
    """What a device sees that keeps its metadata from one look to the next."""

    def __init__(self, source: Source, keys: Keys, folder: Path) -> None:
        self.source, self.keys, self.folder = source, keys, folder

    def look(self, seq: int | None = None) -> Verified:
        shutil.rmtree(self.folder / "index", ignore_errors=True)
        return verify(self.source, self.keys.channel, self.keys.root_file(1), self.folder, silent, seq)


def device(kind: str, tmp_path: Path, server: str, keys: Keys, name: str = "device") -> Seen:
    return Seen(open_source(address_of(kind, tmp_path), server if kind == "s3" else ""), keys, tmp_path / name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_device_gets_what_was_published(kind: str, tmp_path: Path, server: str, store: Store, keys: Keys) -> None:
    if kind == "s3":
        with s3_server():
            pass  # empties it
    seen = device(kind, tmp_path, server, keys)
    for seq in (1, 2, 3):
        with place_of(kind, tmp_path, server) as place:
            done = published(store, seq, place, keys)
        assert (done.generation, done.unchanged, done.device_had) == (seq, False, seq - 1)
        verified = seen.look()
        assert (verified.generation, verified.offered) == (seq, tuple(range(1, seq + 1)))
        assert verified.views == store.manifest(seq).views
    assert seen.look(1).generation == 1
    with place_of(kind, tmp_path, server) as place:
        assert published(store, 3, place, keys).unchanged
        assert published(store, 1, place, keys).generation == 4  # to go back is to go on
    assert seen.look().views == store.manifest(1).views


@pytest.mark.parametrize("kind", KINDS)
def test_a_device_updates_from_what_was_published(
    kind: str, tmp_path: Path, server: str, store: Store, keys: Keys
) -> None:
    if kind == "s3":
        with s3_server():
            pass
    orders = Orders(
        work=UPDATE,
        index_dir=str(tmp_path / "device"),
        source=address_of(kind, tmp_path),
        endpoint_url=server if kind == "s3" else "",
        trusted_root=keys.root_file(1).decode(),
        keep_free_bytes=0,
    )
    for seq in (1, 2, 3):
        with place_of(kind, tmp_path, server) as place:
            published(store, seq, place, keys)
        assert passed(orders).reason == ""
        confirmed(tmp_path / "device")
        assert Store(tmp_path / "device").active() == seq


def test_the_same_again_writes_nothing(tmp_path: Path, store: Store, keys: Keys) -> None:
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        before = files_of(tmp_path / "place")
        done = published(store, 1, place, keys)
    assert (done.unchanged, done.generation, done.download_bytes) == (True, 1, 0)
    assert files_of(tmp_path / "place") == before


def test_an_increment_uploads_and_costs_only_what_is_new(tmp_path: Path, store: Store, keys: Keys) -> None:
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        before = files_of(tmp_path / "place")
        foreseen = publish(store, 2, place, keys, silent, dry_run=True)
        assert files_of(tmp_path / "place") == before
        done = published(store, 2, place, keys)
    new = files_of(tmp_path / "place").keys() - before.keys()
    # The tail's vectors and rows, and five thumbnails.
    assert len([path for path in new if path.startswith("objects/")]) == 7 == done.uploaded_objects
    assert set(done.download) == {"vectors", "rows", "thumbnails", "manifest", "signatures"}
    assert done.download["vectors"] == 64 + 5 * 2 * 32
    assert {**foreseen.download, "signatures": 0} == {**done.download, "signatures": 0}
    assert abs(foreseen.download["signatures"] - done.download["signatures"]) < 800
    assert done.download_bytes - done.download["thumbnails"] == done.download_before_search_bytes


class Stopping:
    """A place at which the publisher is stopped after so many writes, or something happens then."""

    def __init__(self, place: Place, after: int, then: Callable[[], None]) -> None:
        self._place, self._left, self._then = place, after, then
        self.writes = 0
        self._lock = threading.Lock()

    def read(self, path: str, max_bytes: int) -> bytes:
        return self._place.read(path, max_bytes)

    def sizes(self, folder: str) -> dict[str, int]:
        return self._place.sizes(folder)

    def put(self, path: str, data: bytes) -> None:
        self._count()
        self._place.put(path, data)

    def swap(self, path: str, old: bytes | None, new: bytes) -> None:
        self._count()
        self._place.swap(path, old, new)

    def _count(self) -> None:
        with self._lock:
            if self._left == 0:
                self._left = -1
                self._then()
            self._left -= 1
            self.writes += 1


class Stopped(Exception):
    pass


def stop() -> None:
    raise Stopped


def test_a_publisher_that_stops_after_any_write_leaves_the_old_generation_and_the_next_one_succeeds(
    tmp_path: Path, store: Store, keys: Keys
) -> None:
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        counting = Stopping(place, -1, stop)
        first = tmp_path / "first"
        shutil.copytree(tmp_path / "place", first)
        published(store, 2, counting, keys)
        for after in range(counting.writes):
            shutil.rmtree(tmp_path / "place")
            shutil.copytree(first, tmp_path / "place")
            with pytest.raises(Stopped):
                published(store, 2, Stopping(place, after, stop), keys)
            seen = device("folder", tmp_path, "", keys, f"device-{after}")
            assert seen.look().generation == 1
            assert published(store, 3, place, keys).generation == 2
            assert seen.look().views == store.manifest(3).views


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_of_two_publishers_at_once_one_is_told_and_the_other_ones_generation_stands(
    kind: str, tmp_path: Path, server: str, store: Store, keys: Keys
) -> None:
    told = 0
    with place_of(kind, tmp_path, server) as place:
        if kind == "s3":
            with s3_server():
                pass
        published(store, 1, place, keys)
        for after in range(6) if kind == "folder" else (1, 3):
            before = read_channel(place, keys).last
            expected = [store.manifest(2 + after % 2).views]

            def other(place: Place = place, seq: int = 2 + after % 2) -> None:
                published(store, seq, place, keys)

            try:
                published(store, 3 - after % 2, Stopping(place, after, other), keys)
            except TakenError as error:
                assert "another publisher was faster" in str(error)
                told += 1
            else:
                expected = [store.manifest(seq).views for seq in (2, 3)]
            now = read_channel(place, keys)
            assert now.last == before + 1
            assert device(kind, tmp_path, server, keys, f"device-{after}").look().views in expected
            published(store, 1, place, keys)
    assert told >= (3 if kind == "folder" else 1)


def test_s3_itself_refuses_what_comes_between_reading_and_writing(server: str) -> None:
    client = boto3.client("s3", endpoint_url=server)
    place, other = S3Place(client, BUCKET, "race"), S3Place(boto3.client("s3", endpoint_url=server), BUCKET, "race")
    place.swap("timestamp.json", None, b"1")

    def meanwhile(**_: object) -> None:
        client.meta.events.unregister("before-call.s3.PutObject", meanwhile)
        other.swap("timestamp.json", b"1", b"2")

    client.meta.events.register("before-call.s3.PutObject", meanwhile)
    with pytest.raises(TakenError):
        place.swap("timestamp.json", b"1", b"3")
    assert place.read("timestamp.json", 9) == b"2"
    with pytest.raises(TakenError):
        place.swap("timestamp.json", None, b"3")
    place.swap("timestamp.json", b"2", b"3")
    client.close()
    other._client.close()


def test_a_tar_has_one_publisher_at_a_time_and_is_written_whole_or_not_at_all(
    tmp_path: Path, store: Store, keys: Keys
) -> None:
    with place_of("tar", tmp_path) as place:
        published(store, 1, place, keys)
        with pytest.raises(UnavailableError, match="Another publisher"), place_of("tar", tmp_path):
            pass
    before = (tmp_path / "stick.tar").read_bytes()
    with pytest.raises(Stopped), place_of("tar", tmp_path) as place:
        published(store, 2, place, keys)
        stop()
    assert (tmp_path / "stick.tar").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"keys", "stick.tar"}
    os.link(tmp_path / "stick.tar", tmp_path / "same.tar")
    with place_of("tar", tmp_path) as place:
        published(store, 2, place, keys)
    assert (tmp_path / "same.tar").read_bytes() == before  # another file took its place
    (tmp_path / "same.tar").replace(tmp_path / "stick.tar")
    with place_of("tar", tmp_path) as place:
        assert published(store, 1, place, keys).unchanged
    assert (tmp_path / "stick.tar").read_bytes() == before


PUBLISH = """
import sys
from index_builder.cli import main
sys.exit(main(["publish", "--from", sys.argv[1], "--to", sys.argv[2], "--keys", sys.argv[3], "--seq", sys.argv[4]]))
"""


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_a_killed_process_leaves_the_old_generation_or_the_new_one(
    kind: str, tmp_path: Path, store: Store, keys: Keys
) -> None:
    with place_of(kind, tmp_path) as place:
        published(store, 1, place, keys)
    command = [sys.executable, "-c", PUBLISH, str(store.index_dir), address_of(kind, tmp_path), str(keys.folder)]
    began = time.monotonic()
    subprocess.run([*command, "2"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    took = time.monotonic() - began
    seen = device(kind, tmp_path, "", keys)
    for number in range(2):
        before = seen.look().generation
        child = subprocess.Popen([*command, str(1 + number % 2)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(took * (0.85 + 0.08 * number))
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert seen.look().generation in (before, before + 1)
    with place_of(kind, tmp_path) as place:
        published(store, 3, place, keys)
    assert seen.look().views == store.manifest(3).views


def test_the_newest_ten_generations_stay_on_offer(tmp_path: Path, store: Store, keys: Keys) -> None:
    with place_of("folder", tmp_path) as place:
        for number in range(KEPT + 3):
            published(store, 1 + number % 3, place, keys)
    seen = device("folder", tmp_path, "", keys)
    assert seen.look().offered == tuple(range(4, KEPT + 4))
    assert seen.look(4).generation == 4
    with pytest.raises(NotThereError, match="no generation 3: it offers 4, 5"):
        seen.look(3)


def test_an_expired_timestamp_is_signed_again_with_its_key_alone(
    tmp_path: Path, store: Store, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = dict(channel_module.LIFE)
    monkeypatch.setitem(channel_module.LIFE, "timestamp", -life["timestamp"])
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        seen = device("folder", tmp_path, "", keys)
        with pytest.raises(StaleError, match="sign --timestamp"):
            seen.look()
        monkeypatch.setitem(channel_module.LIFE, "timestamp", life["timestamp"])
        for name in ("root.pem", "publish.pem"):
            (keys.folder / name).unlink()
        now = read_channel(place, keys)
        assert now.snapshot is not None
        write_timestamp(place, now, now.snapshot, keys)
    assert seen.look().generation == 1


def test_what_was_changed_in_the_place_is_not_built_upon(tmp_path: Path, store: Store, keys: Keys) -> None:
    folder = tmp_path / "place"
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        for name in ("timestamp.json", "1.snapshot.json", "1.targets.json"):
            file = folder / "stable" / "metadata" / name
            whole = file.read_bytes()
            file.write_bytes(whole.replace(b'"version":1', b'"version":7'))
            with pytest.raises(UntrustedError, match="before you publish"):
                published(store, 2, place, keys)
            file.write_bytes(whole)
        (manifest,) = (folder / "stable" / "targets").iterdir()
        manifest.write_bytes(manifest.read_bytes().replace(b"shop", b"SHOP"))
        with pytest.raises(UntrustedError, match="was changed in the place"):
            published(store, 2, place, keys)


def test_an_object_that_was_changed_or_lost_is_refused_by_the_device_and_lost_ones_are_published_again(
    tmp_path: Path, store: Store, keys: Keys
) -> None:
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        seen = device("folder", tmp_path, "", keys)
        manifest = store.manifest(1)
        files = [path for path in sorted((tmp_path / "place" / "objects").rglob("*")) if path.is_file()]
        for file in (*files[::12], *(path for path in files if path.name == manifest.segments[0].rows.sha256)):
            whole = file.read_bytes()
            file.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
            with pytest.raises(UnavailableError, match=rf"{file.name} came with another content"):
                seen.look()
            file.write_bytes(whole)
        for file in files[::2]:
            file.unlink()
        with pytest.raises(NotThereError):
            seen.look()
        published(store, 2, place, keys)
    assert seen.look().generation == 2


def test_a_generation_that_is_not_whole_or_finds_too_little_is_not_published(tmp_path: Path, keys: Keys) -> None:
    store = shop(tmp_path / "shop")
    with place_of("folder", tmp_path) as place:
        store.object_path(store.manifest(1).segments[0].vectors.sha256).unlink()
        with pytest.raises(FormatError, match="missing"):
            published(store, 1, place, keys)
        careless = SearchSettings(n_trees=1, search_k=1, rescore=1)
        write_generation(store, unit_vectors(500), items(500), seq=2, search=careless, model=fake_model(store))
        with pytest.raises(BadContentError, match=r"finds \d+\.\d% of what an exact search finds, less than 98%"):
            published(store, 2, place, keys)
        assert not files_of(tmp_path / "place")


def test_a_new_channel_can_begin_with_a_generation_that_has_removed_items(
    tmp_path: Path, store: Store, keys: Keys
) -> None:
    with place_of("folder", tmp_path) as place:
        published(store, 3, place, keys)
        removed = load_catalog(store, 1).get("item-0")
        assert removed is not None
        assert object_path(removed.thumbnail) not in place.sizes("objects")
    assert device("folder", tmp_path, "", keys).look().views == store.manifest(3).views


def test_keys_of_another_channel_or_publisher_are_refused(tmp_path: Path, store: Store, keys: Keys) -> None:
    stranger = make_keys(tmp_path / "stranger")
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        with pytest.raises(BadContentError, match="Use the newest folder of keys"):
            published(store, 2, place, stranger)


def test_channels_share_objects_but_not_what_is_in_force(tmp_path: Path, store: Store, keys: Keys) -> None:
    beta = make_keys(tmp_path / "beta", "beta")
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        assert published(store, 2, place, beta).uploaded_objects == 7
    assert device("folder", tmp_path, "", keys).look().generation == 1
    seen = device("folder", tmp_path, "", beta, "other")
    assert (seen.look().generation, seen.look().views) == (1, store.manifest(2).views)


def test_a_copy_needs_no_key_and_devices_take_it_for_the_original(tmp_path: Path, store: Store, keys: Keys) -> None:
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        seen = device("folder", tmp_path, "", keys)
        older = tmp_path / "older"
        shutil.copytree(tmp_path / "place", older)
        published(store, 2, place, keys)
    seen.look()
    stick = device("tar", tmp_path, "", keys)
    stick.folder = seen.folder
    root = keys.root_file(1)
    for _ in range(2):
        with place_of("tar", tmp_path) as place:
            done = copy(seen.source, place, "stable", root, silent)
    assert done.generation == stick.look().generation == 2
    with pytest.raises(BadContentError, match="newer"), place_of("tar", tmp_path) as place:
        copy(open_source(str(older)), place, "stable", root, silent)
    assert stick.look().generation == 2


def test_a_manifest_that_was_signed_as_another_generation_is_neither_verified_nor_copied(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path / "publisher")
    publisher.tuf.offer(2, encode_manifest(publisher.build(1)))
    publisher.tuf.publish()
    publisher.write()
    source, root = open_source(str(publisher.place)), publisher.tuf.trusted_root
    with pytest.raises(FormatError, match="says that it is generation 1"):
        verify(source, "stable", root, tmp_path / "device", silent)
    with pytest.raises(FormatError, match="says that it is generation 1"), place_of("folder", tmp_path) as place:
        copy(source, place, "stable", root, silent)
    assert not (tmp_path / "place").exists()


def test_a_bucket_that_is_not_there_is_one_sentence(tmp_path: Path, server: str, store: Store, keys: Keys) -> None:
    with (
        pytest.raises(LookalikeError, match="NoSuchBucket"),
        open_place("s3://none/x", server) as place,
    ):
        published(store, 1, place, keys)
    for address in ("", "ftp://x", "s3://", "s3:/bucket/x"):
        with pytest.raises(LookalikeError, match=r"(give|expected) s3://bucket/prefix"), open_place(address):
            pass


def test_the_keys_are_their_owners_alone_and_he_can_enter_their_folder(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").glob("*.pem")} == {0o600}
