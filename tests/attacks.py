"""Attacks on a channel's metadata, named after python-tuf's own tests (tests/test_updater_*.py there).

Each is served to a device that has generation 2: it must stay there, whether it still has the metadata that it verified
before or lost it, and take generation 4 as soon as the true publisher is back.
"""

import contextlib
import dataclasses
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Root, Signed, Snapshot, TargetFile, Targets, Timestamp

from cloud_sync import trust
from cloud_sync.index import update_pass
from cloud_sync.trust import Trust
from components.core.generations import encode_manifest
from tests.interrupted_updates import quick_probe, wrong
from tests.tuf_repository import ROLES, TufRepository, days_ago
from tests.update_kit import Publisher, confirmed, passed

ITEMS = 6
HONEST_TRIES = 3
"""A stolen key may use up a version number; then the publisher's next one counts."""


@dataclass
class Attacker:
    """Has all that was ever public, a key of its own, and a generation 3 that nobody may see.

    ``tuf`` is the channel with generation 3 in it, not signed yet. With the true keys in it, an attack says which one
    it would have to steal by using no other.
    """

    tuf: TufRepository
    once: dict[str, bytes]
    """The place when generation 1 was the newest."""
    now: dict[str, bytes]
    """The place as it is."""
    stranger: CryptoSigner = field(default_factory=CryptoSigner.generate_ecdsa)
    remedy: Callable[[TufRepository], None] = lambda _: None
    """What the publisher does about it before the next publication, where a key was stolen."""

    def publish(self, **signers: list[CryptoSigner]) -> None:
        """As a publisher does; ``signers`` sign in the place of the true keys of their role."""
        self.tuf.signers |= signers
        self.tuf.publish()

    def change(self, name: str, change: Callable[[dict[str, object]], object]) -> None:
        """Change a signed file without signing it again."""
        document = json.loads(self.tuf.files[self.tuf.path(name)])
        change(document)
        self.tuf.files[self.tuf.path(name)] = json.dumps(document).encode()

    def names(self) -> dict[str, str]:
        """The file of each role in the last publication."""
        tuf = self.tuf
        named = {"snapshot": f"{tuf.snapshot.version}.snapshot.json", "targets": f"{tuf.targets.version}.targets.json"}
        return {**named, "timestamp": "timestamp.json"}


Attack = Callable[[Attacker], None]


def _all(attacker: Attacker) -> dict[str, list[CryptoSigner]]:
    return {role: [attacker.stranger] for role in ("targets", "snapshot", "timestamp")}


# -- the root


def _root_with(by: Callable[[Attacker], list[CryptoSigner]]) -> Attack:
    """A second root that trusts the stranger for everything, signed by some."""

    def attack(attacker: Attacker) -> None:
        signed = by(attacker)
        for role in ROLES:
            attacker.tuf.rotate(role, [attacker.stranger])
        attacker.tuf.root.version = 2
        for name in [name for name in attacker.tuf.files if name.endswith(".root.json")][1:]:
            del attacker.tuf.files[name]
        attacker.tuf.write_root(by=signed)
        attacker.publish()

    return attack


def _intermediate_root_incorrectly_signed(attacker: Attacker) -> None:
    _root_with(lambda a: [a.stranger])(attacker)
    attacker.tuf.root.version = 3
    attacker.tuf.write_root(by=[attacker.stranger])


def _final_root_incorrectly_signed(attacker: Attacker) -> None:
    tuf = attacker.tuf
    tuf.rotate("timestamp", tuf.signers["timestamp"])  # the publisher's own
    for role in ("targets", "snapshot", "timestamp"):
        tuf.root.add_key(attacker.stranger.public_key, role)
    tuf.root.version += 1
    tuf.write_root(by=[attacker.stranger])
    attacker.publish(**_all(attacker))


def _root_version(version: int) -> Attack:
    def attack(attacker: Attacker) -> None:
        for role in ("targets", "snapshot", "timestamp"):
            attacker.tuf.root.add_key(attacker.stranger.public_key, role)
        attacker.tuf.root.version = version
        attacker.tuf.files[attacker.tuf.path("2.root.json")] = attacker.tuf.signed(attacker.tuf.root)
        attacker.publish(**_all(attacker))

    return attack


def _new_root_expired(attacker: Attacker) -> None:
    attacker.tuf.root.expires = days_ago(1)
    attacker.tuf.root.version = 2
    attacker.tuf.write_root()
    attacker.publish()
    attacker.remedy = lambda tuf: _next_root(tuf, 3)


def _next_root(tuf: TufRepository, version: int) -> None:
    """Sign a root like the one before under a higher version."""
    tuf.root.version = version
    tuf.write_root()


def _root_threshold_not_met(attacker: Attacker) -> None:
    tuf, honest = attacker.tuf, attacker.tuf.signers["root"]
    tuf.rotate("root", [*honest, CryptoSigner.generate_ecdsa()], threshold=2)
    for role in ("targets", "snapshot", "timestamp"):
        tuf.root.add_key(attacker.stranger.public_key, role)
    tuf.root.version += 1
    tuf.write_root(by=honest)
    attacker.publish(**_all(attacker))


def _duplicate_signatures(attacker: Attacker) -> None:
    """Two signatures are asked for, and one is there twice."""
    tuf = attacker.tuf
    both = [*tuf.signers["targets"], CryptoSigner.generate_ecdsa()]
    tuf.rotate("targets", both, threshold=2)
    attacker.remedy = lambda true: true.rotate("targets", both, threshold=2)
    attacker.publish(targets=both[:1])
    attacker.change(attacker.names()["targets"], lambda d: d["signatures"].extend(d["signatures"]))  # type: ignore[attr-defined]


def _root_of_another_type(attacker: Attacker) -> None:
    tuf = attacker.tuf
    attacker.publish()
    tuf.files[tuf.path("2.root.json")] = tuf.files[tuf.path(attacker.names()["targets"])]


def _endless_root(attacker: Attacker) -> None:
    attacker.publish()
    attacker.tuf.files[attacker.tuf.path("2.root.json")] = b" " * (trust.MAX_ROOT_BYTES + 1)


# -- the other roles


def _unsigned(role: str) -> Attack:
    def attack(attacker: Attacker) -> None:
        attacker.publish(**{role: []})

    return attack


def _wrong_key(role: str) -> Attack:
    def attack(attacker: Attacker) -> None:
        attacker.publish(**{role: [attacker.stranger]})

    return attack


def _key_of(role: str, other: str) -> Attack:
    def attack(attacker: Attacker) -> None:
        attacker.publish(**{role: attacker.tuf.signers[other]})

    return attack


def _expired(role: str) -> Attack:
    def attack(attacker: Attacker) -> None:
        getattr(attacker.tuf, role).expires = days_ago(1)
        attacker.publish()

    return attack


def _of_another_type(role: str, other: str) -> Attack:
    def attack(attacker: Attacker) -> None:
        attacker.publish()
        names, files = attacker.names(), attacker.tuf.files
        files[attacker.tuf.path(names[role])] = files[attacker.tuf.path(names[other])]

    return attack


def _changed(role: str) -> Attack:
    """The signature stays, the content does not."""

    def attack(attacker: Attacker) -> None:
        attacker.publish()
        attacker.change(attacker.names()[role], lambda d: d["signed"].update(expires="2199-01-01T00:00:00Z"))  # type: ignore[attr-defined]

    return attack


def _version_mismatch(role: str) -> Attack:
    """Under the name of the new version lies the old one."""

    def attack(attacker: Attacker) -> None:
        before = attacker.tuf.files[attacker.tuf.path(attacker.names()[role])]
        attacker.publish()
        attacker.tuf.files[attacker.tuf.path(attacker.names()[role])] = before

    return attack


def _endless(role: str, size: int) -> Attack:
    def attack(attacker: Attacker) -> None:
        attacker.publish()
        attacker.tuf.files[attacker.tuf.path(attacker.names()[role])] += b" " * size

    return attack


def _unsupported_spec(attacker: Attacker) -> None:
    attacker.tuf.timestamp.spec_version = "2.0.0"
    attacker.publish()


# -- what was true once


def _old_place(attacker: Attacker) -> None:
    attacker.tuf.files = dict(attacker.once)


def _freeze(attacker: Attacker) -> None:
    attacker.tuf.files = dict(attacker.now)


def _new_timestamp_version_rollback(attacker: Attacker) -> None:
    attacker.publish()
    path = attacker.tuf.path("timestamp.json")
    attacker.tuf.files[path] = attacker.once[path]


def _new_timestamp_snapshot_rollback(attacker: Attacker) -> None:
    """With the key of the timestamp: a new one that names the snapshot of generation 1."""
    tuf = attacker.tuf
    old = json.loads(attacker.once[tuf.path("timestamp.json")])["signed"]
    tuf.timestamp.snapshot_meta = Timestamp.from_dict(deepcopy(old)).snapshot_meta
    tuf.timestamp.version += 1
    tuf.write_timestamp()


def _new_snapshot_version_rollback(attacker: Attacker) -> None:
    """With the keys of timestamp and snapshot: a new snapshot that names the targets of generation 1."""
    tuf = attacker.tuf
    version = json.loads(attacker.once[tuf.path("timestamp.json")])["signed"]["meta"]["snapshot.json"]["version"]
    old = json.loads(attacker.once[tuf.path(f"{version}.snapshot.json")])["signed"]
    tuf.snapshot.meta = Snapshot.from_dict(deepcopy(old)).meta
    _sign_snapshot(attacker)


def _mix_and_match(attacker: Attacker) -> None:
    """The new timestamp and snapshot, the targets of before."""
    _version_mismatch("targets")(attacker)


def _sign_snapshot(attacker: Attacker) -> None:
    tuf = attacker.tuf
    tuf.snapshot.version += 1
    data = tuf.signed(tuf.snapshot)
    tuf.files[tuf.path(f"{tuf.snapshot.version}.snapshot.json")] = data
    tuf.timestamp.snapshot_meta = type(tuf.timestamp.snapshot_meta).from_data(tuf.snapshot.version, data, ["sha256"])
    tuf.timestamp.version += 1
    tuf.write_timestamp()


def _fast_forward(attacker: Attacker) -> None:
    """With the key of the timestamp: the highest version, so that none of the publisher's ever counts again."""
    tuf = attacker.tuf
    tuf.files = dict(attacker.now)
    old = json.loads(attacker.now[tuf.path("timestamp.json")])["signed"]
    tuf.timestamp = Timestamp.from_dict(deepcopy(old))
    tuf.timestamp.version = 2**31
    tuf.write_timestamp()
    attacker.remedy = _new_keys


def _new_keys(tuf: TufRepository) -> None:
    """What TUF prescribes against a fast forward: with new keys, the versions begin anew."""
    for role in ("timestamp", "snapshot"):
        tuf.rotate(role, [CryptoSigner.generate_ecdsa()])


# -- the generations


def _manifest(change: Callable[[bytes, bytes], bytes]) -> Attack:
    """The manifest of generation 3 is another one than was signed."""

    def attack(attacker: Attacker) -> None:
        attacker.publish()
        three, one = (_only(attacker.tuf.files, f".{seq}.json") for seq in (3, 1))
        attacker.tuf.files[three] = change(attacker.tuf.files[three], attacker.tuf.files[one])

    return attack


def _another_channel(attacker: Attacker) -> None:
    """Another channel of the same keys, under this one's name."""
    attacker.tuf.targets.unrecognized_fields = {trust.CHANNEL_FIELD: "canary"}
    attacker.publish()


def _another_number(attacker: Attacker) -> None:
    """The signed targets say that generation 3 is what generation 1 was."""
    old = attacker.tuf.files[_only(attacker.tuf.files, ".1.json")]
    attacker.tuf.targets.targets["3.json"] = TargetFile.from_data("3.json", old, ["sha256"])
    attacker.publish(targets=[attacker.stranger])


def _only(files: dict[str, bytes], end: str) -> str:
    (found,) = (name for name in files if "/targets/" in name and name.endswith(end))
    return found


def _nothing(attacker: Attacker) -> None:
    attacker.tuf.files = {}


ATTACKS: dict[str, Attack] = {
    "trusted_root_unsigned": _root_with(lambda _: []),
    "intermediate_root_incorrectly_signed": _intermediate_root_incorrectly_signed,
    "final_root_incorrectly_signed": _final_root_incorrectly_signed,
    "new_root_same_version": _root_version(1),
    "new_root_nonconsecutive_version": _root_version(3),
    "new_root_expired": _new_root_expired,
    "root_signed_by_targets_key": _root_with(lambda a: a.tuf.signers["targets"]),
    "root_threshold_not_met": _root_threshold_not_met,
    "duplicate_signatures": _duplicate_signatures,
    "root_of_another_type": _root_of_another_type,
    "endless_root": _endless_root,
    "new_timestamp_unsigned": _unsigned("timestamp"),
    "new_timestamp_wrong_key": _wrong_key("timestamp"),
    "new_timestamp_signed_by_snapshot_key": _key_of("timestamp", "snapshot"),
    "new_timestamp_changed": _changed("timestamp"),
    "new_timestamp_expired": _expired("timestamp"),
    "new_timestamp_version_rollback": _new_timestamp_version_rollback,
    "new_timestamp_snapshot_rollback": _new_timestamp_snapshot_rollback,
    "timestamp_of_another_type": _of_another_type("timestamp", "snapshot"),
    "endless_timestamp": _endless("timestamp", 20_000),
    "unsupported_spec_version": _unsupported_spec,
    "new_snapshot_unsigned": _unsigned("snapshot"),
    "new_snapshot_wrong_key": _wrong_key("snapshot"),
    "new_snapshot_signed_by_timestamp_key": _key_of("snapshot", "timestamp"),
    "new_snapshot_hash_mismatch": _changed("snapshot"),
    "new_snapshot_version_mismatch": _version_mismatch("snapshot"),
    "new_snapshot_version_rollback": _new_snapshot_version_rollback,
    "new_snapshot_expired": _expired("snapshot"),
    "endless_snapshot": _endless("snapshot", 300_000),
    "new_targets_unsigned": _unsigned("targets"),
    "new_targets_wrong_key": _wrong_key("targets"),
    "new_targets_signed_by_snapshot_key": _key_of("targets", "snapshot"),
    "new_targets_hash_mismatch": _changed("targets"),
    "new_targets_expired": _expired("targets"),
    "endless_targets": _endless("targets", 300_000),
    "mix_and_match": _mix_and_match,
    "rollback_of_everything": _old_place,
    "freeze": _freeze,
    "fast_forward": _fast_forward,
    "arbitrary_target": _manifest(lambda three, _: three.replace(b'"shop"', b'"evil"')),
    "longer_target": _manifest(lambda three, _: three + b" " * 100_000),
    "truncated_target": _manifest(lambda three, _: three[:-10]),
    "another_target": _manifest(lambda _, one: one),
    "target_under_another_name": _another_number,
    "another_channel": _another_channel,
    "nothing_there": _nothing,
}
"""Name -> what is done."""
HARMLESS = ("freeze", "fast_forward")
"""They bring nothing and refuse nothing: the device stays as it is, until the metadata expires or is published anew."""


@contextlib.contextmanager
def _victim(folder: Path) -> Iterator[tuple[Publisher, Path, dict[str, bytes]]]:
    """(the publisher, a device with generation 2, the place when generation 1 was the newest)"""
    publisher, device = Publisher(folder / "publisher"), folder / "index"
    with quick_probe():
        places = []
        for seq in (1, 2):
            publisher.offer(seq, ITEMS, seed=seq)
            places.append(dict(publisher.tuf.files))
            assert passed(publisher.orders(device)).state == "trial"
            confirmed(device)
        yield publisher, device, places[0]


def attack(name: str) -> str:
    """What is wrong with a device after the attack ``name``; ""."""
    with tempfile.TemporaryDirectory() as folder, _victim(Path(folder)) as (publisher, device, once):
        attacker = Attacker(_twin(publisher), once, dict(publisher.tuf.files))
        ATTACKS[name](attacker)
        _serve(publisher, attacker.tuf.files)
        problem = _held(publisher, device, name)
        shutil.rmtree(device / "tuf")
        problem = problem or _held(publisher, device, name, "with its metadata lost, ")
        return problem or _goes_on(publisher, device, attacker.remedy)


def _held(publisher: Publisher, device: Path, name: str, when: str = "") -> str:
    outcome = passed(publisher.orders(device))
    if problem := wrong(device, (2,)):
        return f"{when}{problem}"
    if outcome.state == "trial" or (outcome.state == "idle" and name not in HARMLESS):
        return f"{when}it is not told: {outcome}"
    return ""


def _goes_on(publisher: Publisher, device: Path, remedy: Callable[[TufRepository], None]) -> str:
    remedy(publisher.tuf)
    for _ in range(HONEST_TRIES):
        publisher.offer(4, ITEMS, seed=4)
        _serve(publisher, publisher.tuf.files)
        outcome = passed(publisher.orders(device))
        if not wrong(device, (4,)):
            return ""
    return f"the true publisher is not believed any more: {outcome}"


def _twin(publisher: Publisher) -> TufRepository:
    """The channel with generation 3 in it; what is done to it does not touch the publisher's."""
    twin = copy(publisher.tuf)
    twin.files, twin.signers = dict(twin.files), dict(twin.signers)
    twin.root, twin.targets, twin.snapshot, twin.timestamp = map(
        deepcopy, (twin.root, twin.targets, twin.snapshot, twin.timestamp)
    )
    twin.offer(3, encode_manifest(publisher.build(3, ITEMS, seed=3)))
    return twin


def _serve(publisher: Publisher, files: dict[str, bytes]) -> None:
    shutil.rmtree(publisher.place, ignore_errors=True)
    before, publisher.tuf.files = publisher.tuf.files, files
    publisher.write()
    publisher.tuf.files = before


# -- what is broken on purpose


@contextlib.contextmanager
def _patched(place: object, name: str, value: object) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, value)
        yield


def _without_mark(wish: object, versions: tuple[int, ...], state: object) -> int | None:
    return _chosen(wish, versions, dataclasses.replace(state, high_water_mark={}))  # type: ignore[type-var,arg-type]


_chosen = update_pass._chosen
_targets = Trust._targets


def _of_any_channel(self: Trust) -> Targets:
    targets = _targets(self)
    targets.unrecognized_fields = {trust.CHANNEL_FIELD: self._channel}
    return targets


BREAKS: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[None]], tuple[str, ...]]] = {
    "no signatures": (
        lambda: _patched(Root, "verify_delegate", lambda *_: None),
        ("trusted_root_unsigned", "root_threshold_not_met", "new_timestamp_wrong_key", "new_targets_unsigned"),
    ),
    "no expiry": (lambda: _patched(Signed, "is_expired", lambda *_: False), ("new_timestamp_expired",)),
    "no target's hash": (
        lambda: _patched(TargetFile, "verify_length_and_hashes", lambda *_: None),
        ("arbitrary_target",),
    ),
    "no high-water mark": (
        lambda: _patched(update_pass, "_chosen", _without_mark),
        ("rollback_of_everything", "new_timestamp_version_rollback", "new_snapshot_version_rollback"),
    ),
    "no channel": (lambda: _patched(Trust, "_targets", _of_any_channel), ("another_channel",)),
}
"""What is left out of the product -> how, and the attacks that succeed then."""
