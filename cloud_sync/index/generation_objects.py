"""Which objects make a generation, and where one lies that is not in use yet."""

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass

from components.core.errors import FormatError, LookalikeError
from components.core.generations import Manifest
from components.core.items import decode_row, row_lines
from components.store import Store

STAGED = "staged"
"""The folder of manifests whose generation is whole but not proved: no reader looks there."""
MAX_THUMBNAIL_BYTES = 64 * 1024
GUESSED_THUMBNAIL_BYTES = 15 * 1024
"""The builder's own limit; their sizes are known to nobody before they come."""
_QUICK = re.compile(rb'"thumbnail" ?: ?"([0-9a-f]{64}|)"')


@dataclass(frozen=True)
class Wanted:
    """An object of a generation."""

    sha256: str
    size: int
    exact: bool = True
    """Whether it has just this size, or at most this one."""

    @property
    def path(self) -> str:
        """Where a publisher's place has it."""
        return f"objects/{self.sha256[:2]}/{self.sha256}"


def named(manifest: Manifest) -> list[Wanted]:
    """What the manifest names, each object once, rows first: they name the pictures."""
    rows = {segment.rows for segment in manifest.segments}
    several = dict.fromkeys(ref for _, ref in manifest.objects())
    return [Wanted(ref.sha256, ref.size) for ref in sorted(several, key=lambda ref: ref not in rows)]


def pictured(store: Store, manifest: Manifest) -> Iterator[Wanted]:
    """The pictures that the rows name; raises as ``thumbnails``."""
    for digest in thumbnails(store, manifest):
        yield Wanted(digest, MAX_THUMBNAIL_BYTES, exact=False)


def thumbnails(store: Store, manifest: Manifest) -> Iterator[str]:
    """The thumbnails of the generation, each once; raises FormatError or UnavailableError where rows cannot be read.

    Those of removed views alone are nobody's, and nobody publishes them.
    """
    seen: set[str] = {""}
    removed = set(manifest.tombstones)
    for segment in manifest.segments:
        ordinal, end = segment.first_ordinal, segment.first_ordinal + segment.count
        for line in row_lines(store.read_rows(segment.rows)):
            if ordinal == end:
                break
            digest = _thumbnail(line)
            if digest not in seen and ordinal not in removed:
                seen.add(digest)
                yield digest
            ordinal += 1
        else:
            if ordinal == end:
                continue
        raise FormatError(f"A segment of generation {manifest.seq} has other rows than its {segment.count} views.")


def _thumbnail(line: bytes) -> str:
    """The thumbnail of a row; to decode all of 100,000 rows would take a second."""
    found = _QUICK.findall(line)
    return found[0].decode() if len(found) == 1 else decode_row(line).item.thumbnail


def known_thumbnails(store: Store) -> set[str]:
    """Those of the active generation: they were verified when they came, and are again by every scrub."""
    seq = store.active()
    try:
        return set() if seq is None else set(thumbnails(store, store.manifest(seq)))
    except LookalikeError:
        return set()


def is_there(store: Store, digest: str, known: Set[str]) -> bool:
    """Whether the thumbnail is there and whole; of one that is ``known``, whether it is there."""
    return store.object_path(digest).exists() if digest in known else store.holds(digest)


def all_objects(store: Store, manifest: Manifest) -> set[str]:
    """The hashes of all that the generation needs; raises as ``thumbnails``."""
    return {ref.sha256 for _, ref in manifest.objects()} | set(thumbnails(store, manifest))
