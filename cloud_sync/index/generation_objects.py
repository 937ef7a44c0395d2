"""Which objects make a generation, and where one lies that is not in use yet."""

from collections.abc import Iterator
from dataclasses import dataclass

from components.core.generations import Manifest
from components.core.items import decode_rows
from components.store import Store

STAGED = "staged"
"""The folder of manifests whose generation is whole but not proved: no reader looks there."""
MAX_THUMBNAIL_BYTES = 64 * 1024
GUESSED_THUMBNAIL_BYTES = 15 * 1024
"""The builder's own limit; their sizes are known to nobody before they come."""


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
    seen: set[str] = set()
    removed = set(manifest.tombstones)
    for segment in manifest.segments:
        rows = decode_rows(store.read_rows(segment.rows), first_ordinal=segment.first_ordinal, count=segment.count)
        for row in rows:
            digest = row.item.thumbnail
            if digest and digest not in seen and row.ordinal not in removed:
                seen.add(digest)
                yield digest


def all_objects(store: Store, manifest: Manifest) -> set[str]:
    """The hashes of all that the generation needs; raises as ``thumbnails``."""
    return {ref.sha256 for _, ref in manifest.objects()} | set(thumbnails(store, manifest))
