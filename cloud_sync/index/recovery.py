"""What a device's index is at, also where no state file says it (any more)."""

import hashlib
import logging
import time
from pathlib import Path

from cloud_sync.index.generation_objects import MAX_THUMBNAIL_BYTES, thumbnails
from components.core.errors import LookalikeError
from components.index_state import IndexState, read_state, write_state
from components.store import Store

log = logging.getLogger(__name__)

_SCRUBBED = ".scrubbed"


def known_state(index_dir: Path) -> IndexState:
    """The state of the index; where there is none, that of what is whole on the disk, which is written down.

    To be called by who holds the lock. Raises UnavailableError.
    """
    state = read_state(index_dir)
    if state is None:
        state = _found(index_dir)
        write_state(index_dir, state)
    return state


def is_whole(store: Store, seq: int) -> bool:
    """Whether the generation and all that it names is there and undamaged; reads all of it."""
    try:
        manifest = store.manifest(seq)
        for _, ref in manifest.objects():
            store.read_ref(ref)
        for digest in thumbnails(store, manifest):
            store.read_object(digest, MAX_THUMBNAIL_BYTES)
    except LookalikeError as error:
        log.warning("%s", error)
        return False
    return True


def _found(index_dir: Path) -> IndexState:
    store = Store(index_dir)
    seqs = store.seqs()
    whole = next((seq for seq in reversed(seqs) if is_whole(store, seq)), None)
    # What channels were asked before: their numbers are among these, and nothing older may come as the newest.
    channels = sorted(folder.name for folder in index_dir.glob("tuf/*") if folder.is_dir())
    manifests = {} if whole is None else {whole: hashlib.sha256(store.read_manifest_bytes(whole)).hexdigest()}
    if whole is not None:
        log.info("The index in %s has no state: it goes on with generation %d.", index_dir, whole)
    return IndexState(
        active=whole,
        channel=channels[0] if len(channels) == 1 else "",
        high_water_mark=dict.fromkeys(channels, seqs[-1]) if seqs else {},
        manifests=manifests,
    )


def scrub_is_due(index_dir: Path, interval_s: float) -> bool:
    """Whether all of the index was last read longer than ``interval_s`` ago; a clock that was set back counts, too."""
    try:
        ago_s = time.time() - (index_dir / _SCRUBBED).stat().st_mtime
    except OSError:
        note_scrub(index_dir)  # a new device has just verified what it fetched
        return False
    return not 0 <= ago_s < interval_s


def note_scrub(index_dir: Path) -> None:
    """All of the index has been read now."""
    try:
        (index_dir / _SCRUBBED).touch()
    except OSError as error:
        log.debug("That the index was read cannot be noted: %s.", error.strerror)
