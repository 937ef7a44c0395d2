"""Publishes a generation: its objects, its manifest, and last the metadata that puts it in force."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from components.core.errors import FormatError, UntrustedError
from components.core.generations import Manifest, encode_manifest
from components.store import Store
from index_builder.announce import Announce
from index_builder.publish.channel import Channel, offered, read_channel, write_channel, write_roots
from index_builder.publish.contents import Part, parts_of, published_parts, to_fetch
from index_builder.publish.gate import require_fit
from index_builder.publish.keys import Keys
from index_builder.publish.places import Place, object_path

UPLOADS = 8
"""At once: thumbnails are many and small."""
_SIGNATURES = 3 * 250


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What was published, or would be."""

    channel: str
    generation: int
    unchanged: bool
    """The newest generation of the channel says the same already: nothing was written."""
    uploaded_objects: int
    uploaded_bytes: int
    device_had: int
    """The generation of the device that ``download`` is counted for; 0: one that has nothing yet."""
    download: dict[str, int]
    """Bytes by kind."""
    download_bytes: int
    download_before_search_bytes: int
    """Without thumbnails."""


def publish(
    store: Store, seq: int, place: Place, keys: Keys, announce: Announce, *, dry_run: bool = False
) -> Publication:
    """Publish generation ``seq`` of ``store`` as the channel's next one.

    It is checked first, the way that devices do. A kill at any moment leaves the old state in force, and so does
    another publisher that is faster, which raises TakenError. ``dry_run`` writes nothing.
    """
    require_fit(store, seq)
    channel = read_channel(place, keys)
    last = _last(channel, place)
    manifest = replace(store.manifest(seq), seq=channel.last + 1)
    if last is not None and replace(manifest, seq=last.seq) == last:
        if not dry_run:
            write_roots(place, channel, keys)
        return _report(channel, last.seq, {}, {}, last.seq, unchanged=True)
    sizes = place.sizes("objects")
    parts = parts_of(manifest, store)
    had = {} if last is None else published_parts(last, place, sizes)
    missing = {digest: part for digest, part in parts.items() if sizes.get(object_path(digest)) != part.size}
    data = encode_manifest(manifest)
    targets = offered(channel, manifest.seq, data)
    metadata = _SIGNATURES + 200 * len(targets) + 600
    if not dry_run:
        _upload(missing, store, place, announce)
        place.put(channel.manifest_path(manifest.seq, targets[manifest.seq].hashes["sha256"]), data)
        metadata = write_channel(place, channel, targets, keys)
        write_roots(place, channel, keys)
    fetched = {**to_fetch(parts, had), "manifest": len(data), "signatures": metadata}
    return _report(channel, manifest.seq, missing, fetched, 0 if last is None else last.seq, unchanged=False)


def _last(channel: Channel, place: Place) -> Manifest | None:
    """The newest manifest; None where there is none, or one that this version does not read and so replaces."""
    if not channel.targets:
        return None
    try:
        return channel.manifest(channel.last, place)
    except UntrustedError:
        raise
    except FormatError:
        return None


def _report(
    channel: Channel, seq: int, sent: Mapping[str, Part], fetched: dict[str, int], had: int, *, unchanged: bool
) -> Publication:
    total = sum(fetched.values())
    return Publication(
        channel=channel.name,
        generation=seq,
        unchanged=unchanged,
        uploaded_objects=len(sent),
        uploaded_bytes=sum(part.size for part in sent.values()),
        device_had=had,
        download=fetched,
        download_bytes=total,
        download_before_search_bytes=total - fetched.get("thumbnails", 0),
    )


def _upload(missing: Mapping[str, Part], store: Store, place: Place, announce: Announce) -> None:
    done = announce("uploading objects", len(missing))

    def one(digest: str) -> None:
        place.put(object_path(digest), store.read_object(digest, missing[digest].size))
        done(1)

    with ThreadPoolExecutor(UPLOADS, thread_name_prefix="upload") as pool:
        uploads = [pool.submit(one, digest) for digest in missing]
        try:
            for upload in uploads:
                upload.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
