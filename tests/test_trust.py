"""What a device believes of a channel: python-tuf's rules over a repository that the tests change."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf_repository import TufRepository, days_ago

from cloud_sync.trust import CHANNEL_FIELD, MAX_ROOT_BYTES, Trust
from components.core.errors import (
    FormatError,
    LookalikeError,
    NotThereError,
    StaleError,
    UnavailableError,
    UntrustedError,
)


@pytest.fixture
def repository() -> TufRepository:
    made = TufRepository()
    made.offer(1, b"one")
    made.offer(2, b"two")
    made.publish()
    return made


def trust(repository: TufRepository, folder: Path) -> Trust:
    return Trust(folder / "tuf", repository.trusted_root, repository.fetch, repository.channel)


def test_what_is_signed_is_offered_and_comes_as_it_was_signed(repository: TufRepository, tmp_path: Path) -> None:
    seen = trust(repository, tmp_path)
    seen.refresh()
    assert seen.versions() == (1, 2)
    assert (seen.manifest(1), seen.manifest(2)) == (b"one", b"two")
    assert all(path.startswith(("stable/metadata/", "stable/targets/")) for path in repository.asked)


def test_a_new_generation_is_seen_by_the_next_refresh(repository: TufRepository, tmp_path: Path) -> None:
    seen = trust(repository, tmp_path)
    assert seen.versions() == (1, 2)
    repository.offer(10, b"ten")
    repository.publish()
    assert seen.versions() == (1, 2)
    seen.refresh()
    assert seen.versions() == (1, 2, 10)
    assert seen.manifest(10) == b"ten"


def test_nothing_new_costs_two_small_files(repository: TufRepository, tmp_path: Path) -> None:
    trust(repository, tmp_path).refresh()
    repository.asked.clear()
    trust(repository, tmp_path).refresh()
    assert repository.asked == ["stable/metadata/2.root.json", "stable/metadata/timestamp.json"]


def test_a_generation_that_is_not_offered_is_told(repository: TufRepository, tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match="no generation 7: it offers 1, 2"):
        trust(repository, tmp_path).manifest(7)


def test_a_changed_manifest_is_refused(repository: TufRepository, tmp_path: Path) -> None:
    (path,) = (path for path in repository.files if path.endswith(".2.json"))
    for changed in (b"TWO", b"two!", b""):
        repository.files[path] = changed
        with pytest.raises(FormatError):
            trust(repository, tmp_path).manifest(2)


def test_older_metadata_is_refused(repository: TufRepository, tmp_path: Path) -> None:
    old = dict(repository.files)
    repository.publish()
    trust(repository, tmp_path).refresh()
    repository.files = old
    with pytest.raises(UntrustedError, match=r"older than what was here before.*The index stays\."):
        trust(repository, tmp_path).refresh()


def test_an_expired_timestamp_is_stale_with_what_to_do(repository: TufRepository, tmp_path: Path) -> None:
    repository.timestamp.expires = days_ago(1)
    repository.publish()
    with pytest.raises(StaleError, match=r"timestamp\.json is expired.*sign --timestamp.*clock of this machine"):
        trust(repository, tmp_path).refresh()


def test_metadata_signed_with_other_keys_is_refused(repository: TufRepository, tmp_path: Path) -> None:
    for role in ("timestamp", "snapshot", "targets"):
        mine = repository.signers[role]
        repository.signers[role] = [CryptoSigner.generate_ecdsa()]
        repository.publish()
        with pytest.raises(UntrustedError, match="other keys signed it than the trusted root"):
            trust(repository, tmp_path).refresh()
        repository.signers[role] = mine
    repository.publish()
    trust(repository, tmp_path).refresh()


def test_new_keys_are_followed_where_the_old_root_signed_them(repository: TufRepository, tmp_path: Path) -> None:
    trust(repository, tmp_path).refresh()
    for role in ("root", "targets", "snapshot", "timestamp"):
        repository.rotate(role, [CryptoSigner.generate_ecdsa(), CryptoSigner.generate_ecdsa()], threshold=2)
    repository.publish()
    trust(repository, tmp_path).refresh()
    shutil.rmtree(tmp_path / "tuf")
    trust(repository, tmp_path).refresh()


def test_a_root_that_the_old_one_did_not_sign_is_refused(repository: TufRepository, tmp_path: Path) -> None:
    stranger = CryptoSigner.generate_ecdsa()
    repository.rotate("timestamp", [stranger])
    repository.write_root(by=[stranger])
    repository.publish()
    with pytest.raises(UntrustedError):
        trust(repository, tmp_path).refresh()


def test_after_its_own_metadata_was_lost_or_damaged_it_starts_again_from_the_trusted_root(
    repository: TufRepository, tmp_path: Path
) -> None:
    repository.rotate("timestamp", [CryptoSigner.generate_ecdsa()])
    repository.publish()
    trust(repository, tmp_path).refresh()
    for file in sorted((tmp_path / "tuf").rglob("*.json")):
        for content in (b"", b"{", b'{"signed": 1}', b"\xff" * 100):
            if file.is_symlink():
                continue
            file.write_bytes(content)
            (tmp_path / "tuf" / "tmpabc").write_bytes(b"half written")
            assert trust(repository, tmp_path).versions() == (1, 2)
            assert not (tmp_path / "tuf" / "tmpabc").exists()


def test_a_place_that_is_not_there_is_unavailable_not_untrusted(repository: TufRepository, tmp_path: Path) -> None:
    def gone(path: str, max_bytes: int) -> bytes:
        raise UnavailableError(f"{path}: no route to host.")

    with pytest.raises(UnavailableError, match=r"stable/metadata/2\.root\.json: no route"):
        Trust(tmp_path / "tuf", repository.trusted_root, gone, "stable").refresh()
    del repository.files["stable/metadata/timestamp.json"]
    with pytest.raises(NotThereError, match=r"timestamp\.json is not there"):
        trust(repository, tmp_path).refresh()


def test_endless_metadata_is_asked_for_up_to_a_limit(repository: TufRepository, tmp_path: Path) -> None:
    asked = {}

    def endless(path: str, max_bytes: int) -> bytes:
        asked[path] = max_bytes
        if path.endswith("timestamp.json"):
            raise FormatError("It is larger than allowed.")
        return repository.fetch(path, max_bytes)

    with pytest.raises(FormatError, match="larger than allowed"):
        Trust(tmp_path / "tuf", repository.trusted_root, endless, "stable").refresh()
    assert asked == {"stable/metadata/2.root.json": MAX_ROOT_BYTES, "stable/metadata/timestamp.json": 16 * 1024}


def test_a_full_disk_or_a_folder_without_permission_is_unavailable(repository: TufRepository, tmp_path: Path) -> None:
    (tmp_path / "tuf").write_bytes(b"a file where the folder should be")
    with pytest.raises(UnavailableError, match="room on the disk"):
        trust(repository, tmp_path).refresh()


NO_ROOT = r"The trusted root\.json of channel stable is refused .*: give the 1\.root\.json .*The index stays\."


@pytest.mark.parametrize("root", [b"", b"{}", b"[" * 100_000, b'{"signed": {"_type": "targets"}}', b"\xff"])
def test_a_trusted_root_that_is_none_is_refused(repository: TufRepository, tmp_path: Path, root: bytes) -> None:
    with pytest.raises(UntrustedError, match=NO_ROOT):
        Trust(tmp_path / "tuf", root, repository.fetch, "stable").refresh()


def test_a_trusted_root_that_is_another_file_of_the_channel_or_was_changed_is_refused(
    repository: TufRepository, tmp_path: Path
) -> None:
    timestamp = repository.files["stable/metadata/timestamp.json"]
    changed = repository.trusted_root.replace(b'"version":1', b'"version":7')
    assert changed != repository.trusted_root
    for root in (timestamp, changed):
        with pytest.raises(UntrustedError, match=NO_ROOT):
            Trust(tmp_path / "tuf", root, repository.fetch, "stable").refresh()


@pytest.mark.parametrize("channel", ["", "../x", "A", "a/b", "-a", "a" * 33])
def test_a_channel_that_is_no_plain_name_is_refused(repository: TufRepository, tmp_path: Path, channel: str) -> None:
    with pytest.raises(FormatError, match="cannot be called"):
        Trust(tmp_path / "tuf", repository.trusted_root, repository.fetch, channel)


def test_a_target_that_would_lead_elsewhere_or_is_too_large_is_refused(
    repository: TufRepository, tmp_path: Path
) -> None:
    target = repository.targets.targets["2.json"]
    for hashes, length in (({"sha256": "../../x"}, 3), ({"sha512": "0" * 128}, 3), (target.hashes, 2**40)):
        target.hashes, target.length = hashes, length
        repository.publish()
        with pytest.raises(UntrustedError, match="publish it again"):
            trust(repository, tmp_path).manifest(2)


def test_names_that_are_no_generations_are_not_offered(repository: TufRepository, tmp_path: Path) -> None:
    target = repository.targets.targets["2.json"]
    for name in ("0.json", "03.json", "x.json", "3.json/..", "3", "9" * 19 + ".json"):
        repository.targets.targets[name] = target
    repository.publish()
    assert trust(repository, tmp_path).versions() == (1, 2)


@pytest.mark.parametrize("name", ["timestamp.json", "2.snapshot.json", "2.targets.json", "2.root.json"])
def test_no_content_of_the_place_raises_anything_but_the_declared_errors(
    repository: TufRepository, tmp_path: Path, name: str
) -> None:
    whole = json.loads(repository.files.get(repository.path(name), repository.trusted_root))
    for signed in (None, 1, [], {}, {"_type": "timestamp"}, {**whole["signed"], "version": "1"}):
        for signatures in (whole["signatures"], [], {}, [1], [{"keyid": 1, "sig": 2}]):
            repository.files[repository.path(name)] = json.dumps({"signed": signed, "signatures": signatures}).encode()
            with pytest.raises(LookalikeError):
                trust(repository, tmp_path).refresh()


def test_what_was_signed_for_another_channel_is_refused(repository: TufRepository, tmp_path: Path) -> None:
    for channel in ("beta", None):
        repository.targets.unrecognized_fields[CHANNEL_FIELD] = channel
        repository.publish()
        with pytest.raises(UntrustedError, match="signed for channel"):
            trust(repository, tmp_path).refresh()
    del repository.targets.unrecognized_fields[CHANNEL_FIELD]
    repository.publish()
    with pytest.raises(UntrustedError, match="signed for channel None"):
        trust(repository, tmp_path).versions()


def test_what_was_signed_for_another_channel_does_not_stand_in_the_way_of_the_true_one(
    repository: TufRepository, tmp_path: Path
) -> None:
    several = (repository.targets, repository.snapshot, repository.timestamp)
    for channel, more in (("beta", 100), (repository.channel, -99)):
        repository.targets.unrecognized_fields[CHANNEL_FIELD] = channel
        for signed in several:
            signed.version += more
        repository.write()
        with contextlib.suppress(UntrustedError):
            trust(repository, tmp_path).refresh()
    trust(repository, tmp_path).refresh()
