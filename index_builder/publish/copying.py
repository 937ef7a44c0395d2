"""Carries a channel's newest generation from one place to another as it was signed: no key is needed."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from cloud_sync.sources import Source, read_small
from cloud_sync.trust import MAX_METADATA_BYTES, MAX_ROOT_BYTES, Fetch, Trust
from components.core.errors import BadContentError, NotThereError
from components.core.generations import decode_manifest_of
from components.store import Store
from index_builder.announce import Announce
from index_builder.publish.places import Place, object_path
from index_builder.publish.verifying import fetch, newest


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What was carried over."""

    channel: str
    generation: int
    objects: int
    copied_bytes: int


def copy(source: Source, place: Place, channel: str, trusted_root: bytes, announce: Announce) -> Copied:
    """Copy the newest generation with its signatures; a device updates from the copy as from the original.

    Raises BadContentError where the copy is newer already, and what a device would refuse.
    """
    with TemporaryDirectory(prefix="lookalike-") as name:
        folder, read = Path(name), partial(read_small, source)
        trust = Trust(folder / "tuf", trusted_root, read, channel)
        seq = newest(trust, channel)
        manifest = trust.manifest(seq)
        store = Store(folder / "index")
        fetched = fetch(decode_manifest_of(seq, manifest), source, store, announce)
        there = place.sizes("objects")
        for digest, size in fetched.items():
            if there.get(object_path(digest)) != size:
                place.put(object_path(digest), store.read_object(digest, size))
        place.put(f"{channel}/targets/{Store(folder / 'index').write_object(manifest).sha256}.{seq}.json", manifest)
        _copy_metadata(folder / "tuf", read, place, channel)
    return Copied(channel=channel, generation=seq, objects=len(fetched), copied_bytes=sum(fetched.values()))


def _copy_metadata(verified: Path, fetch: Fetch, place: Place, channel: str) -> None:
    """The files that Trust has verified, the timestamp last."""
    metadata = f"{channel}/metadata"
    timestamp = (verified / "timestamp.json").read_bytes()
    old = _read(place.read, f"{metadata}/timestamp.json")
    if old is not None and _version(old) > _version(timestamp):
        raise BadContentError(f"The copy of channel {channel} is newer than what it was to be copied from.")
    for name in ("targets", "snapshot"):
        data = (verified / f"{name}.json").read_bytes()
        _once(place, f"{metadata}/{_version(data)}.{name}.json", data)
    if old != timestamp:
        place.swap(f"{metadata}/timestamp.json", old, timestamp)
    version = 1
    while (root := _read(fetch, f"{metadata}/{version}.root.json", MAX_ROOT_BYTES)) is not None:
        _once(place, f"{metadata}/{version}.root.json", root)
        version += 1


def _once(place: Place, path: str, data: bytes) -> None:
    if _read(place.read, path) is None:
        place.swap(path, None, data)


def _read(fetch: Fetch, path: str, max_bytes: int = MAX_METADATA_BYTES) -> bytes | None:
    try:
        return fetch(path, max_bytes)
    except NotThereError:
        return None


def _version(metadata: bytes) -> int:
    return int(json.loads(metadata)["signed"]["version"])
