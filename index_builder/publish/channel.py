"""What a channel's place holds by the metadata of The Update Framework, and how a publisher replaces it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from cloud_sync.trust import CHANNEL_FIELD, MAX_METADATA_BYTES, MAX_ROOT_BYTES
from components.core.errors import BadContentError, FormatError, NotThereError, UntrustedError
from components.core.generations import MAX_MANIFEST_BYTES, Manifest, decode_manifest
from index_builder.publish.keys import Keys, expiry
from index_builder.publish.places import Place
from index_builder.publish.private_keys import sign

LIFE = {"targets": timedelta(days=730), "snapshot": timedelta(days=730), "timestamp": timedelta(days=60)}
KEPT = 10
"""So many generations stay on offer: for devices that are held at one, and to go back to."""
_ROOT = re.compile(r"([1-9][0-9]{0,5})\.root\.json")
_VERSIONED = re.compile(r"([1-9][0-9]{0,9})\.(?:targets|snapshot)\.json")

Signed = TypeVar("Signed", Targets, Snapshot, Timestamp)


@dataclass(frozen=True)
class Channel:
    """A channel as its place holds it."""

    name: str
    targets: Mapping[int, TargetFile]
    """The generations on offer."""
    version: int = 0
    """Of the timestamp; 0 where nothing was published yet."""
    timestamp: bytes | None = field(default=None, repr=False)
    """The file that a publisher replaces last."""
    snapshot: MetaFile | None = None
    root: int = 0
    """Version of the newest root that devices can have."""
    expires: datetime | None = None
    """Until when a new timestamp is enough; then the rest must be signed anew, too."""

    @property
    def last(self) -> int:
        """``seq`` of the newest generation, 0 where there is none."""
        return max(self.targets, default=0)

    def path(self, name: str) -> str:
        """Where a file of the metadata lies."""
        return f"{self.name}/metadata/{name}"

    def manifest_path(self, seq: int, digest: str) -> str:
        """Where a manifest lies."""
        return f"{self.name}/targets/{digest}.{seq}.json"

    def manifest(self, seq: int, place: Place) -> Manifest:
        """The manifest of a generation on offer; raises UntrustedError where it is not the one that was signed."""
        target = self.targets[seq]
        data = place.read(self.manifest_path(seq, target.hashes["sha256"]), min(target.length, MAX_MANIFEST_BYTES))
        try:
            target.verify_length_and_hashes(data)
        except RepositoryError as error:
            raise UntrustedError(f"The manifest of generation {seq} was changed in the place: {error}.") from error
        return decode_manifest(data)


def read_channel(place: Place, keys: Keys) -> Channel:
    """What is published; what has expired counts, for it is to be signed again.

    Raises UntrustedError for what others signed, BadContentError where ``keys`` are not the newest.
    """
    empty = Channel(keys.channel, {})
    empty = replace(empty, root=_newest_root(place, empty, keys))
    try:
        data = place.read(empty.path("timestamp.json"), MAX_METADATA_BYTES)
    except NotThereError:
        return empty
    timestamp = _verified(Timestamp, data, keys)
    meta = timestamp.snapshot_meta
    snapshot = _verified(
        Snapshot, place.read(empty.path(f"{meta.version}.snapshot.json"), MAX_METADATA_BYTES), keys, meta
    )
    meta = snapshot.meta["targets.json"]
    targets = _verified(Targets, place.read(empty.path(f"{meta.version}.targets.json"), MAX_METADATA_BYTES), keys, meta)
    return replace(
        empty,
        targets={int(name.removesuffix(".json")): target for name, target in targets.targets.items()},
        version=timestamp.version,
        timestamp=data,
        snapshot=timestamp.snapshot_meta,
        expires=min(snapshot.expires, targets.expires, keys.root.expires),
    )


def offered(channel: Channel, seq: int, manifest: bytes) -> dict[int, TargetFile]:
    """The generations on offer once this one has joined: the newest ones."""
    target = TargetFile.from_data(f"{seq}.json", manifest, ["sha256"])
    both = {**channel.targets, seq: target}
    return {one: both[one] for one in sorted(both)[-KEPT:]}


def write_channel(place: Place, channel: Channel, targets: Mapping[int, TargetFile], keys: Keys) -> int:
    """Sign ``targets`` and put them in force, the timestamp last; the bytes of the metadata that a device fetches.

    Raises TakenError where another publisher was faster: then nothing of this one is in force.
    """
    version = _next_version(place, channel)
    by_name = {target.path: target for target in targets.values()}
    fields = {CHANNEL_FIELD: channel.name}
    signed = Targets(version, expires=expiry(LIFE["targets"]), targets=by_name, unrecognized_fields=fields)
    targets_file = _signed(signed, keys, channel)
    place.swap(channel.path(f"{version}.targets.json"), None, targets_file)
    meta = MetaFile.from_data(version, targets_file, ["sha256"])
    snapshot_file = _signed(
        Snapshot(version, expires=expiry(LIFE["snapshot"]), meta={"targets.json": meta}), keys, channel
    )
    place.swap(channel.path(f"{version}.snapshot.json"), None, snapshot_file)
    snapshot = MetaFile.from_data(version, snapshot_file, ["sha256"])
    return len(targets_file) + len(snapshot_file) + write_timestamp(place, channel, snapshot, keys)


def write_timestamp(place: Place, channel: Channel, snapshot: MetaFile, keys: Keys) -> int:
    """Put ``snapshot`` in force for another 60 days; gives and raises as ``write_channel``."""
    timestamp = Timestamp(channel.version + 1, expires=expiry(LIFE["timestamp"]), snapshot_meta=snapshot)
    data = _signed(timestamp, keys, channel)
    place.swap(channel.path("timestamp.json"), channel.timestamp, data)
    return len(data)


def write_roots(place: Place, channel: Channel, keys: Keys) -> None:
    """Give the place every root that it lacks; last, because what is in force is signed for the newest one as well."""
    there = _versions(place, channel, _ROOT)
    for version in range(1, keys.root.version + 1):
        if version not in there:
            place.swap(channel.path(f"{version}.root.json"), None, keys.root_file(version))


def _newest_root(place: Place, channel: Channel, keys: Keys) -> int:
    """Version of the place's newest root, 0 where there is none; devices follow it, so no older keys may sign."""
    newest = max(_versions(place, channel, _ROOT), default=0)
    known = newest <= keys.root.version
    if known and newest:
        known = place.read(channel.path(f"{newest}.root.json"), MAX_ROOT_BYTES) == keys.root_file(newest)
    if not known:
        raise BadContentError(
            f"The place has another {newest}.root.json than the keys in {keys.folder}: they are another "
            "publisher's, or were replaced elsewhere. Use the newest folder of keys."
        )
    return newest


def _next_version(place: Place, channel: Channel) -> int:
    """One that no file has: also what a publisher wrote that was killed, or is at work now, stays as it is."""
    return max(_versions(place, channel, _VERSIONED), default=0) + 1


def _versions(place: Place, channel: Channel, names: re.Pattern[str]) -> set[int]:
    found = (names.fullmatch(path.rpartition("/")[2]) for path in place.sizes(channel.path("")))
    return {int(name[1]) for name in found if name}


def _verified(kind: type[Signed], data: bytes, keys: Keys, meta: MetaFile | None = None) -> Signed:
    """The content of a file that one of the channel's roots believes."""
    problem: Exception | None = None
    for root in reversed(keys.roots):
        try:
            metadata: Metadata[Any] = Metadata.from_bytes(data)
            if metadata.signed.type != kind.type:
                raise FormatError(f"it is of type {metadata.signed.type}")
            root.signed.verify_delegate(kind.type, metadata.signed_bytes, metadata.signatures)
            if meta is not None:
                meta.verify_length_and_hashes(data)
        except (RepositoryError, FormatError) as error:
            problem = problem or error
        else:
            signed: Signed = metadata.signed
            return signed
    raise UntrustedError(
        f"The {kind.type} of channel {keys.channel} is not signed with the keys in {keys.folder} ({problem}): look at "
        "the place and the keys before you publish."
    )


def _signed(content: Targets | Snapshot | Timestamp, keys: Keys, channel: Channel) -> bytes:
    metadata: Metadata[Any] = Metadata(content)
    sign(metadata, keys.signers(content.type, channel.root))
    return metadata.to_bytes(JSONSerializer(compact=True))
