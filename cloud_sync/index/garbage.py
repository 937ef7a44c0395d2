"""Removes what no generation needs that the device keeps."""

import logging
from collections.abc import Set
from pathlib import Path

from cloud_sync.index.fetching import FOLDER as PARTIAL
from cloud_sync.index.generation_objects import STAGED, all_objects
from components.core.errors import LookalikeError
from components.files import left_aside, make_durable
from components.index_state import IndexState
from components.store import Store

log = logging.getLogger(__name__)


def collect(index_dir: Path, state: IndexState, spared: Set[str] = frozenset()) -> int:
    """Remove all other generations, their objects and what of them was begun; gives the bytes.

    The objects ``spared`` stay, whole or begun: they are being fetched. What cannot be removed, or cannot be told to be
    of no use, stays until the next time.
    """
    kept = _kept(index_dir, state)
    removed = 0
    try:
        for store in kept:
            others = [store.manifest_path(seq) for seq in store.seqs() if seq not in kept[store]]
            removed += sum(map(_remove, others))
            # Manifests first, and on the disk: no crash leaves one whose objects are gone.
            make_durable([path.parent for path in others[:1]], index_dir)
        begun = (path for path in index_dir.glob(f"{PARTIAL}/*") if path.stem not in spared)
        removed += sum(map(_remove, begun))
        folders = {index_dir, *(store.manifest_path(0).parent for store in kept)}
        removed += sum(map(_remove, (path for folder in folders for path in left_aside(folder))))
        needed = {digest for store, seqs in kept.items() for seq in seqs for digest in _needed(store, seq)} | spared
        objects = (path for path in index_dir.glob("objects/??/*") if path.name not in needed)
        removed += sum(map(_remove, objects))
    except (LookalikeError, OSError) as error:
        log.warning("What the index does not need any more stays on the disk for now: %s", error)
    if removed:
        log.info("Removed %.1f MB of older generations.", removed / 1e6)
    return removed


def _kept(index_dir: Path, state: IndexState) -> dict[Store, tuple[int, ...]]:
    staged = () if state.staged is None else (state.staged,)
    return {
        Store(index_dir): tuple(seq for seq in state.kept if seq != state.staged),
        Store(index_dir, STAGED): staged,
    }


def _needed(store: Store, seq: int) -> set[str]:
    # One that is gone or damaged raises: then nobody knows what it needs, and nothing is removed.
    return all_objects(store, store.manifest(seq))


def _remove(path: Path) -> int:
    size = path.stat().st_size
    path.unlink()
    return size
