"""One pass: ask what is on offer, fetch what is missing, try it, and let it count by one rename."""

import hashlib
import logging
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from cloud_sync.index.fetching import Fetcher
from cloud_sync.index.garbage import collect
from cloud_sync.index.generation_objects import (
    GUESSED_THUMBNAIL_BYTES,
    STAGED,
    Wanted,
    all_objects,
    is_there,
    known_thumbnails,
    named,
    pictured,
)
from cloud_sync.index.lock import locked
from cloud_sync.index.orders import LATEST, Orders, Outcome
from cloud_sync.index.probing import probe_generation
from cloud_sync.index.recovery import known_state
from cloud_sync.index.room import annoy_bytes, require_room
from cloud_sync.pace import Pace
from cloud_sync.sources import Source, open_source, read_small
from cloud_sync.trust import Trust
from components.core.errors import BadContentError, LookalikeError, NotThereError, StaleError, UnavailableError
from components.core.generations import Manifest, decode_manifest_of
from components.files import make_durable
from components.index_state import IndexState, write_state
from components.store import Store

log = logging.getLogger(__name__)

Say = Callable[[str, int], None]
"""``say(state, percent)``: how far the pass is."""


def update(orders: Orders, say: Say) -> Outcome:
    """One pass; every error of the outside world and of bad content is told in the outcome."""
    try:
        source = open_source(orders.source, orders.endpoint_url)
        with locked(Path(orders.index_dir)):
            return _Pass(orders, source, say).run()
    except StaleError as error:
        return Outcome("stale", str(error))
    except (UnavailableError, BadContentError) as error:
        return Outcome("failed", str(error))


class _Pass:
    def __init__(self, orders: Orders, source: Source, say: Say) -> None:
        self._orders, self._source, self._say = orders, source, say
        self._index_dir = Path(orders.index_dir)
        self._store, self._aside = Store(self._index_dir), Store(self._index_dir, STAGED)
        self._state = known_state(self._index_dir)
        self._expected_bytes, self._got_bytes = 0, 0

    def run(self) -> Outcome:
        wish = self._orders
        self._say("checking", 0)
        metadata_dir, fetch = self._index_dir / "tuf" / wish.channel, partial(read_small, self._source)
        trust = Trust(metadata_dir, wish.root(), fetch, wish.channel)
        trust.refresh()
        seq = _chosen(wish, trust.versions(), self._state)
        if seq is None or (seq == self._state.active and self._is_at_hand(seq, trust.digest(seq))):
            return Outcome("idle")
        refusal = self._state.refusal(seq, wish.version, wish.channel)
        if refusal is not None and not wish.again:
            return Outcome("refused", refusal.reason)
        data = trust.manifest(seq)
        if seq == self._state.active:
            return self._same_number(seq, data)
        try:
            return self._bring(seq, data)
        except BadContentError as error:
            self._put(self._state.with_refused(seq, str(error), wish.version, wish.channel))
            self._aside.manifest_path(seq).unlink(missing_ok=True)
            return Outcome("refused", str(error))

    def _bring(self, seq: int, data: bytes) -> Outcome:
        manifest = decode_manifest_of(seq, data)
        self._say("planning", 0)
        self._fetch_all(manifest)
        self._say("staging", 100)
        self._stage(manifest, data)
        self._say("probing", 100)
        probe_generation(self._index_dir, manifest)
        self._commit(manifest)
        return Outcome("trial")

    def _fetch_all(self, manifest: Manifest) -> None:
        fetcher = Fetcher(self._store, self._source, Pace(self._orders.limit_bytes_s), on_bytes=self._got)
        missing = self._missing(named(manifest))
        self._expected_bytes = sum(map(fetcher.rest, missing))
        self._require_room(manifest, self._expected_bytes)
        self._got(0)  # said before the first byte: who waits for a network is given up sooner than who computes
        for wanted in missing:
            fetcher.fetch(wanted)
        known = known_thumbnails(self._store)
        pictures = [one for one in pictured(self._store, manifest) if not is_there(self._store, one.sha256, known)]
        self._expected_bytes += GUESSED_THUMBNAIL_BYTES * len(pictures)
        self._require_room(manifest, GUESSED_THUMBNAIL_BYTES * len(pictures))
        for wanted in pictures:
            fetcher.fetch(wanted)
        fetcher.make_durable()

    def _missing(self, several: Iterable[Wanted]) -> list[Wanted]:
        return [wanted for wanted in several if not self._store.holds(wanted.sha256)]

    def _require_room(self, manifest: Manifest, size: int) -> None:
        size += annoy_bytes(manifest)
        try:
            require_room(self._index_dir, size, self._orders.keep_free_bytes)
        except UnavailableError:
            # What of the new generation has come already is garbage to nobody: no state names it yet.
            collect(self._index_dir, self._state, self._named_by(manifest))
            require_room(self._index_dir, size, self._orders.keep_free_bytes)

    def _named_by(self, manifest: Manifest) -> set[str]:
        try:
            return all_objects(self._store, manifest)
        except BadContentError:  # before its rows came nobody knows its pictures, and none came
            return {wanted.sha256 for wanted in named(manifest)}

    def _got(self, size: int) -> None:
        self._got_bytes += size
        self._say("fetching", min(99, 100 * self._got_bytes // max(1, self._expected_bytes)))

    def _stage(self, manifest: Manifest, data: bytes) -> None:
        self._aside.write_manifest_bytes(manifest.seq, data)
        self._put(self._state.with_staged(manifest.seq, hashlib.sha256(data).hexdigest()))

    def _commit(self, manifest: Manifest) -> None:
        path = self._store.manifest_path(manifest.seq)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._aside.manifest_path(manifest.seq).replace(path)
            make_durable([path], self._index_dir)
        except OSError as error:
            raise UnavailableError(f"{path} cannot be written ({error.strerror}): check the disk.") from error
        self._put(self._state.committed(self._orders.channel, self._orders.version))
        log.info("Generation %d of channel %s is active, on trial.", manifest.seq, self._orders.channel)

    def _is_at_hand(self, seq: int, digest: str) -> bool:
        """Whether the active generation is the channel's ``seq``, and its manifest is whole."""
        return self._state.channel == self._orders.channel and _manifest_digest(self._store, seq) == digest

    def _same_number(self, seq: int, data: bytes) -> Outcome:
        """The active generation has the number of the one that is wanted, but came from elsewhere, or is damaged."""
        digest = hashlib.sha256(data).hexdigest()
        if digest != self._state.manifests.get(seq):
            return Outcome(
                "failed",
                f"This device has a generation {seq} that is another one than channel {self._orders.channel}'s: "
                "publish to that channel once more, which gives it the next number.",
            )
        if _manifest_digest(self._store, seq) != digest:
            self._store.write_manifest_bytes(seq, data)
        self._put(self._state.taken_from(self._orders.channel))
        return Outcome("idle")

    def _put(self, state: IndexState) -> None:
        write_state(self._index_dir, state)
        self._state = state


def _manifest_digest(store: Store, seq: int) -> str:
    try:
        return hashlib.sha256(store.read_manifest_bytes(seq)).hexdigest()
    except LookalikeError:
        return ""


def _chosen(wish: Orders, versions: tuple[int, ...], state: IndexState) -> int | None:
    """The generation that the device should have; None for the one that it has. Raises UnavailableError."""
    offered = ", ".join(map(str, versions)) or "none"
    if wish.version != LATEST:
        seq = int(wish.version)
        if seq not in versions:
            raise NotThereError(f"Channel {wish.channel} has no generation {seq}: it offers {offered}.")
        return seq
    mark = state.high_water_mark.get(wish.channel, 0)
    newest = max(versions, default=0)
    if newest < mark:
        raise UnavailableError(
            f"Channel {wish.channel} offers generation {newest} as its newest, but this device has had {mark}: it "
            "stays as it is. To go back, name the version."
        )
    return newest or None
