"""Looks for what a disk lost: reads all that the device keeps, and fetches again what is damaged."""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from cloud_sync.index.fetching import Fetcher
from cloud_sync.index.generation_objects import Wanted, named, pictured
from cloud_sync.index.lock import locked
from cloud_sync.index.orders import Orders, Outcome
from cloud_sync.index.recovery import is_whole, known_state
from cloud_sync.pace import Pace
from cloud_sync.sources import Source, open_source
from components.core.errors import FormatError, LookalikeError
from components.index_state import write_state
from components.store import Store

log = logging.getLogger(__name__)

_SLICE_BYTES, _REST_S = 2**20, 0.02
"""After each slice the disk is others'."""
Say = Callable[[str, int], None]


def scrub(orders: Orders, say: Say, rest: Callable[[float], None] = time.sleep) -> Outcome:
    """Read everything, repair from the orders' source; go back to the previous generation where that is not enough."""
    index_dir = Path(orders.index_dir)
    os.nice(19)
    with locked(index_dir):
        state, store = known_state(index_dir), Store(index_dir)
        source = open_source(orders.source, orders.endpoint_url) if orders.source else None
        fetcher = None if source is None else _fetcher(store, source, orders, say)

        def rests(seconds: float) -> None:
            say("checking", 0)  # a sign of life: a large index takes longer than what hangs is waited for
            rest(seconds)

        bad = {seq: _scrub_one(store, seq, fetcher, rests) for seq in store.usable()}
        if state.active is None or not bad[state.active]:
            return Outcome("idle", " ".join(filter(None, bad.values())))
        if state.previous is None or not is_whole(store, state.previous):
            return Outcome("failed", f"{bad[state.active]} There is no other whole generation: fetch or import one.")
        write_state(index_dir, state.without_active())
        store.manifest_path(state.active).unlink(missing_ok=True)
    return Outcome("rolled_back", f"{bad[state.active]} Generation {state.previous} is in use again.")


def _fetcher(store: Store, source: Source, orders: Orders, say: Say) -> Fetcher:
    return Fetcher(store, source, Pace(orders.limit_bytes_s), on_bytes=lambda size: say("checking", 0))


def _scrub_one(store: Store, seq: int, fetcher: Fetcher | None, rest: Callable[[float], None]) -> str:
    """What remains damaged of the generation, in words; "" for nothing."""
    try:
        manifest = store.manifest(seq)
        _repair(store, named(manifest), fetcher, rest)
        _repair(store, pictured(store, manifest), fetcher, rest)
    except LookalikeError as error:
        log.warning("%s", error)
        return str(error)
    return ""


def _repair(store: Store, several: Iterable[Wanted], fetcher: Fetcher | None, rest: Callable[[float], None]) -> None:
    """Fetch again what of ``several`` is damaged; raises FormatError or UnavailableError where that cannot be had."""
    damaged = [wanted for wanted in several if not _is_whole(store, wanted, rest)]
    if not damaged:
        return
    if fetcher is None:
        raise FormatError(
            f"{store.object_path(damaged[0].sha256)} is damaged, and there is no place to fetch it from: set "
            "index.source, or name one with `python -m cloud_sync scrub --from`."
        )
    log.warning("Damaged objects in %s: %d; they are fetched again.", store.index_dir, len(damaged))
    for wanted in damaged:
        fetcher.fetch(wanted)
    fetcher.make_durable()


def _is_whole(store: Store, wanted: Wanted, rest: Callable[[float], None]) -> bool:
    digest = hashlib.sha256()
    try:
        with store.object_path(wanted.sha256).open("rb") as file:
            while data := file.read(_SLICE_BYTES):
                digest.update(data)
                rest(_REST_S)
    except OSError:
        return False
    return digest.hexdigest() == wanted.sha256
