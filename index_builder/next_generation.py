"""Writes a manifest as the next generation of a folder, where it says anything new."""

from dataclasses import replace

from components.core.errors import FormatError
from components.core.generations import Manifest
from components.searcher.annoy_index import cache_path, remove_others
from components.store import Store


def write_next(manifest: Manifest, store: Store) -> tuple[Manifest, bool]:
    """The manifest with the number of its generation, and whether the active one said the same already.

    In that case nothing is written. The number that ``manifest`` came with does not matter.
    """
    active = store.active()
    if active is not None and _says_the_same(manifest, store, active):
        return replace(manifest, seq=active), True
    manifest = replace(manifest, seq=(active or 0) + 1)
    store.write_manifest(manifest)
    remove_others({cache_path(store.index_dir, manifest)})
    return manifest, False


def _says_the_same(manifest: Manifest, store: Store, seq: int) -> bool:
    try:
        return replace(store.manifest(seq), seq=manifest.seq) == manifest
    except FormatError:
        return False  # a damaged manifest is what a new one is to replace
