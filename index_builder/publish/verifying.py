"""Fetches what a channel offers as a device does, and looks at all of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cloud_sync.sources import Source
from cloud_sync.trust import Trust
from components.core.errors import FormatError, NotThereError
from components.core.generations import Manifest, ObjectRef, decode_manifest
from components.core.items import decode_row
from components.store import Store
from components.thumbnails import MAX_BYTES
from index_builder.inspection import Inspection
from index_builder.publish.gate import require_fit
from index_builder.publish.places import object_path

Announce = Callable[[str, int], Callable[[int], None]]


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a device gets."""

    channel: str
    offered: tuple[int, ...]
    generation: int
    objects: int
    fetched_bytes: int
    items: int
    views: int


def verify(
    source: Source, channel: str, trusted_root: bytes, folder: Path, announce: Announce, seq: int | None = None
) -> Verified:
    """Fetch generation ``seq`` (None: the newest) into ``folder`` and check it; raises what a device would refuse."""
    trust = Trust(folder / "tuf", trusted_root, source.read, channel)
    trust.refresh()
    if not trust.versions():
        raise NotThereError(f"Channel {channel} offers no generation yet: publish one.")
    seq = max(trust.versions()) if seq is None else seq
    manifest = decode_manifest(trust.manifest(seq))
    if manifest.seq != seq:
        raise FormatError(f"Generation {seq} of channel {channel} says that it is {manifest.seq}: publish it again.")
    store = Store(folder / "index")
    fetched = fetch(manifest, source, store, announce)
    store.write_manifest(manifest)
    figures: Inspection = require_fit(store, seq)
    return Verified(
        channel=channel,
        offered=trust.versions(),
        generation=seq,
        objects=len(fetched),
        fetched_bytes=sum(fetched.values()),
        items=figures.items,
        views=figures.views,
    )


def fetch(manifest: Manifest, source: Source, store: Store, announce: Announce) -> dict[str, int]:
    """Bring every object of the generation into ``store``, each with the hash of its name; their sizes by hash."""
    named = list({ref.sha256: ref for _, ref in manifest.objects()}.values())
    done = announce("fetching the index", len(named))
    fetched = {ref.sha256: _one(ref.sha256, ref.size, source, store, done, ref) for ref in named}
    rows = [line for segment in manifest.segments for line in store.read_rows(segment.rows).splitlines()]
    removed = set(manifest.tombstones)
    thumbnails = {decode_row(line).item.thumbnail for ordinal, line in enumerate(rows) if ordinal not in removed}
    done = announce("fetching thumbnails", len(thumbnails - {""}))
    return fetched | {digest: _one(digest, MAX_BYTES, source, store, done) for digest in sorted(thumbnails - {""})}


def _one(
    digest: str, max_bytes: int, source: Source, store: Store, done: Callable[[int], None], ref: ObjectRef | None = None
) -> int:
    data = source.read(object_path(digest), max_bytes)
    written = store.write_object(data)
    if written.sha256 != digest or (ref is not None and written != ref):
        raise FormatError(f"{object_path(digest)} does not have the content of its name: publish it again.")
    done(1)
    return written.size
