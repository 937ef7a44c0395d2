"""The keys of a channel: files, keys of KMS, thresholds, and their replacement, which devices follow."""

import re
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from kms_stub import kms_stub
from object_place import as_device
from publish_kit import FILES, make_keys, place_of, published, shop, silent

from cloud_sync.sources import open_source
from components.core.errors import BadContentError, FormatError, UnavailableError, UntrustedError
from components.store import Store
from index_builder.cli import main
from index_builder.publish import channel as channel_module
from index_builder.publish.channel import read_channel
from index_builder.publish.keys import Keys, init, read_keys, rotate
from index_builder.publish.private_keys import PASSPHRASE
from index_builder.publish.publishing import publish
from index_builder.publish.verifying import verify


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return shop(tmp_path_factory.mktemp("shop"), 3)


def look(tmp_path: Path, keys: Keys, name: str = "device", root: int = 1) -> int:
    """Which generation the device of this name gets; it keeps its metadata, and trusted root ``root`` first."""
    shutil.rmtree(tmp_path / name / "index", ignore_errors=True)
    source = open_source(str(tmp_path / "place"))
    return verify(source, "stable", keys.root_file(root), tmp_path / name, silent).generation


def test_private_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys")
    pems = sorted((tmp_path / "keys").glob("*.pem"))
    assert [pem.name for pem in pems] == ["publish.pem", "root.pem", "timestamp.pem"]
    assert {pem.stat().st_mode & 0o777 for pem in pems} == {0o600}
    public = [(tmp_path / "keys" / name).read_text() for name in ("1.root.json", "keys.json")]
    assert not any("PRIVATE" in text for text in public)
    assert read_keys(tmp_path / "keys").uris == keys.uris


def test_keys_are_made_once(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    before = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    with pytest.raises(BadContentError, match="has the keys of a channel already"):
        make_keys(tmp_path / "keys")
    assert {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before


def test_a_folder_of_keys_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    for use in (make_keys, read_keys):
        with pytest.raises(UnavailableError, match="run this as that user"):
            use(tmp_path / ("k" * 300))


@pytest.mark.parametrize("purpose", ["root", "publish", "timestamp"])
def test_devices_follow_a_new_key_with_old_metadata_without_any_and_with_the_new_root(
    purpose: str, tmp_path: Path, store: Store
) -> None:
    keys = make_keys(tmp_path / "keys")
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        assert look(tmp_path, keys) == 1
        (old,) = (
            read_keys(keys.folder).root.roles["timestamp" if purpose == "timestamp" else purpose_role(purpose)].keyids
        )
        keys = rotate(read_keys(keys.folder), purpose, ["file"])
        assert old not in keys.root.roles[purpose_role(purpose)].keyids
        assert published(store, 2, place, read_keys(keys.folder)).generation == 2
    assert look(tmp_path, keys) == 2
    assert look(tmp_path, keys, "new") == 2
    assert look(tmp_path, keys, "newer", root=2) == 2


def purpose_role(purpose: str) -> str:
    return "targets" if purpose == "publish" else purpose


def test_a_stop_between_new_metadata_and_new_root_leaves_no_device_behind(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = make_keys(tmp_path / "keys")
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        look(tmp_path, keys)
        keys = rotate(keys, "timestamp", ["file"])
        keys = rotate(keys, "publish", ["file"])

        class Stopped(Exception):
            pass

        def stop(*_: object) -> None:
            raise Stopped

        with monkeypatch.context() as patched:
            patched.setitem(publish.__globals__, "write_roots", stop)
            with pytest.raises(Stopped):
                published(store, 2, place, keys)
        assert not (tmp_path / "place" / "stable" / "metadata" / "2.root.json").exists()
        assert look(tmp_path, keys) == 2
        assert published(store, 2, place, keys).unchanged
        assert (tmp_path / "place" / "stable" / "metadata" / "3.root.json").exists()
        assert look(tmp_path, keys) == 2
        published(store, 3, place, keys)
        (timestamp,) = (tmp_path / "place").rglob("timestamp.json")
        assert timestamp.read_bytes().count(b'"sig"') == 1  # the former key signs only until the new root is there
    assert look(tmp_path, keys) == 3


def test_a_lost_key_is_told_and_a_replaced_one_may_be_lost(tmp_path: Path, store: Store) -> None:
    keys = make_keys(tmp_path / "keys")
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        (keys.folder / "publish.pem").unlink()
        with pytest.raises(UnavailableError, match=r"publish\.pem cannot be read"):
            published(store, 2, place, keys)
        keys = rotate(keys, "publish", ["file"])
        published(store, 2, place, keys)
    assert look(tmp_path, keys) == 2


def test_what_an_older_folder_of_keys_would_sign_is_not_published(tmp_path: Path, store: Store) -> None:
    keys = make_keys(tmp_path / "keys")
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        published(store, 2, place, rotate(keys, "publish", ["file"]))
        with pytest.raises(BadContentError, match="Use the newest folder of keys"):
            published(store, 3, place, keys)


def test_several_root_keys_sign_together(tmp_path: Path, store: Store) -> None:
    keys = init(tmp_path / "keys", "stable", {**FILES, "root": ["file"] * 3}, root_threshold=2)
    (keys.folder / "root-c.pem").unlink()
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        keys = rotate(keys, "timestamp", ["file"])
        published(store, 2, place, keys)
    assert look(tmp_path, keys) == 2
    (keys.folder / "root-b.pem").unlink()
    with pytest.raises(UnavailableError, match="cannot be read"):
        rotate(keys, "publish", ["file"])
    with pytest.raises(BadContentError, match="3 of 2 root keys cannot sign together"):
        init(tmp_path / "more", "stable", {**FILES, "root": ["file"] * 2}, root_threshold=3)


def test_a_passphrase_locks_the_files(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE, "open sesame")
    keys = make_keys(tmp_path / "keys")
    assert b"ENCRYPTED" in (keys.folder / "publish.pem").read_bytes()
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        monkeypatch.setenv(PASSPHRASE, "open barley")
        with pytest.raises(FormatError, match="holds another passphrase"):
            published(store, 2, place, keys)
        monkeypatch.delenv(PASSPHRASE)
        with pytest.raises(UnavailableError, match=f"locked by a passphrase: put it into {PASSPHRASE}"):
            published(store, 2, place, keys)
    assert look(tmp_path, keys) == 1


def test_keys_of_kms_sign_where_they_are(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    as_device(monkeypatch)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with kms_stub("alias/root", "alias/publish", "alias/next") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", address)
        uris = {"root": ["awskms:alias/root"], "publish": ["awskms:alias/publish"], "timestamp": ["file"]}
        keys = init(tmp_path / "keys", "stable", uris)
        assert [path.name for path in keys.folder.glob("*.pem")] == ["timestamp.pem"]
        with place_of("folder", tmp_path) as place:
            published(store, 1, place, keys)
            keys = rotate(keys, "publish", ["awskms:alias/next"])
            published(store, 2, place, keys)
        assert look(tmp_path, keys) == 2
        with pytest.raises(UnavailableError, match=r"awskms:alias/none cannot be used .*NotFoundException"):
            rotate(keys, "publish", ["awskms:alias/none"])
    with place_of("folder", tmp_path) as place, pytest.raises(UnavailableError, match="cannot be used"):
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        published(store, 3, place, keys)
    assert look(tmp_path, keys) == 2


@pytest.mark.parametrize("name", ["keys.json", "1.root.json"])
def test_a_damaged_folder_of_keys_is_told(name: str, tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys")
    for content in (b"", b"[]", b"{}", b'{"keys": 1, "channel": "x"}', b"\xff"):
        (keys.folder / name).write_bytes(content)
        with pytest.raises(FormatError, match="restore them from your copy"):
            read_keys(keys.folder)
    (keys.folder / name).unlink()
    with pytest.raises((FormatError, UnavailableError)):
        read_keys(keys.folder)


def test_the_commands_do_all_of_it(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: object) -> str:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    keys, place = tmp_path / "keys", tmp_path / "place"
    assert "index.trusted_root" in run("keys", "init", "--keys", keys)
    common = ("--to", place, "--keys", keys)
    monkeypatch.setitem(channel_module.LIFE, "timestamp", -channel_module.LIFE["timestamp"])
    assert "generation 1 of channel stable; nothing was written" in run(
        "publish", "--from", store.index_dir, *common, "--dry-run"
    )
    assert not place.exists()
    assert main(["publish", "--from", str(store.index_dir), *map(str, common), "--seq", "9"]) == 1
    assert "There is no generation 9 in " in capsys.readouterr().err
    run("publish", "--from", store.index_dir, *common)
    monkeypatch.undo()
    root = keys / "1.root.json"
    assert main(["verify", "--from", str(place), "--root", str(root)]) == 1
    told = capsys.readouterr().err
    assert (told.startswith("error: "), "sign --timestamp" in told) == (True, True), "in a log, no line is empty"
    signed = run("sign", *common, "--timestamp")
    assert "generation 1 stays the newest" in signed
    in_time = datetime.now(timezone.utc) + timedelta(days=60)
    assert f"Sign the timestamp again before {in_time:%Y-%m-%d}." in signed
    assert re.search(r"It alone is enough until \d{4}-\d\d-\d\d; before, `publish` or `sign`", signed)
    assert "is what a device accepts" in run("verify", "--from", place, "--root", root)
    assert "Nothing to publish" in run("publish", "--from", store.index_dir, *common)
    assert "new publish key" in run("keys", "rotate", "publish", "--keys", keys)
    assert "Everything of channel stable is signed anew" in run("sign", *common)
    run("copy", "--from", place, "--to", tmp_path / "stick.tar", "--root", root)
    assert "is what a device accepts" in run("verify", "--from", tmp_path / "stick.tar", "--root", root)
    assert main(["publish", "--from", str(store.index_dir), *map(str, common), "--channel", "beta"]) == 1
    assert "each channel has keys of its own" in capsys.readouterr().err


def test_keys_that_published_elsewhere_are_warned_of_until_their_home_is_forgotten(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def warned(name: str, place: str, *more: str) -> bool:
        assert main([name, "--to", place, "--keys", str(keys), *more]) == 0
        return f"warning: These keys have published to {tmp_path / 'home'}." in capsys.readouterr().err

    keys, index = make_keys(tmp_path / "keys").folder, ("--from", str(store.index_dir))
    monkeypatch.chdir(tmp_path)
    assert not warned("publish", "elsewhere", *index, "--dry-run"), "nothing was published"
    assert not warned("publish", "home/", *index)
    assert not warned("publish", str(tmp_path / "home"), *index)
    assert not warned("sign", "home", "--timestamp")
    assert warned("publish", "elsewhere", *index, "--dry-run")
    assert warned("publish", "elsewhere", *index)
    assert warned("sign", "elsewhere")
    (keys / "home").unlink()
    assert not warned("publish", "elsewhere", *index)


def test_a_publisher_reads_what_its_former_key_signed_but_not_a_strangers(tmp_path: Path, store: Store) -> None:
    keys = make_keys(tmp_path / "keys")
    with place_of("folder", tmp_path) as place:
        published(store, 1, place, keys)
        assert read_channel(place, rotate(keys, "timestamp", ["file"])).last == 1
        shutil.rmtree(tmp_path / "place" / "stable" / "metadata")
        stranger = make_keys(tmp_path / "stranger")
        published(store, 1, place, stranger)
        for root in (tmp_path / "place" / "stable" / "metadata").glob("*.root.json"):
            root.unlink()
        with pytest.raises(UntrustedError, match="is not signed with the keys in"):
            published(store, 2, place, keys)
