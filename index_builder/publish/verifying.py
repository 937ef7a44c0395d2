"""Fetches what a channel offers as a device does, and looks at all of it."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cloud_sync.index.fetching import Fetcher
from cloud_sync.index.generation_objects import named, pictured
from cloud_sync.pace import Pace
from cloud_sync.sources import Source, read_small
from cloud_sync.trust import Trust
from components.core.errors import NotThereError
from components.core.generations import Manifest, decode_manifest_of
from components.store import Store
from index_builder.announce import Announce
from index_builder.publish.gate import require_fit


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
    trust = Trust(folder / "tuf", trusted_root, partial(read_small, source), channel)
    seq = newest(trust, channel) if seq is None else seq
    manifest = decode_manifest_of(seq, trust.manifest(seq))
    store = Store(folder / "index")
    fetched = fetch(manifest, source, store, announce)
    store.write_manifest(manifest)
    require_fit(store, seq)
    return Verified(
        channel=channel,
        offered=trust.versions(),
        generation=seq,
        objects=len(fetched),
        fetched_bytes=sum(fetched.values()),
        items=manifest.items,
        views=manifest.views,
    )


def newest(trust: Trust, channel: str) -> int:
    """``seq`` of the newest generation that ``channel`` offers; raises NotThereError where it offers none."""
    if not trust.versions():
        raise NotThereError(f"Channel {channel} offers no generation yet: publish one.")
    return max(trust.versions())


def fetch(manifest: Manifest, source: Source, store: Store, announce: Announce) -> dict[str, int]:
    """Bring every object of the generation into ``store`` as a device does; their sizes by hash."""
    fetcher = Fetcher(store, source, Pace(), pause=lambda seconds: None)
    fetched = {}
    for what, several in (("the index", named(manifest)), ("thumbnails", None)):
        wanted = list(pictured(store, manifest)) if several is None else several
        done = announce(f"fetching {what}", len(wanted))
        for one in wanted:
            fetcher.fetch(one)
            fetched[one.sha256] = store.object_path(one.sha256).stat().st_size
            done(1)
    return fetched
