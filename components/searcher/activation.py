"""Brings the newest generation into the searcher: exact scan at once, Annoy as soon as it is built."""

import logging
import threading
from pathlib import Path

from components.core.errors import FormatError, LookalikeError
from components.searcher.annoy_index import build_in_child, cache_path, open_cached, remove_others
from components.searcher.index import Index
from components.searcher.searcher import Searcher
from components.searcher.snapshot import Snapshot, load_snapshot
from components.store import Store

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 60.0


class Activation:
    """Watches the store and swaps the searcher's index; queries go on with the one that they started with."""

    def __init__(self, store: Store, searcher: Searcher, *, annoy: bool = True, poll_interval_s: float = 1.0) -> None:
        self.problem = ""
        """Why the newest generation is not (fully) in use; "" when all is well."""
        self._store = store
        self._searcher = searcher
        self._annoy = annoy
        self._poll_interval_s = poll_interval_s
        self._in_use: int | None = None
        self._annoy_files: list[Path] = []

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``: look for a newer generation, activate it; after a failure with growing pauses."""
        pause_s = self._poll_interval_s
        while not stop.is_set():
            done = self.step()
            pause_s = self._poll_interval_s if done else min(2 * pause_s, LONGEST_PAUSE_S)
            stop.wait(pause_s)

    def step(self) -> bool:
        """Activate the newest generation unless it is in use; False where that did not work out (yet)."""
        seq = self._store.active()
        if seq is None:
            self.problem = f"no index generation in {self._store.index_dir} yet"
            return True
        if seq == self._in_use:
            return not self.problem or self._switch_to_annoy(self._snapshot())
        try:
            snapshot = load_snapshot(self._store, seq)
        except LookalikeError as error:
            self._report(f"generation {seq} cannot be used: {error}")
            return False
        self._searcher.index = Index(snapshot)
        self._in_use = seq
        self.problem = ""
        log.info("generation %d is active: %d views, exact scan", seq, len(snapshot.alive))
        return self._switch_to_annoy(snapshot)

    def _snapshot(self) -> Snapshot:
        assert self._searcher.index is not None  # noqa: S101  # a generation is in use
        return self._searcher.index.snapshot

    def _switch_to_annoy(self, snapshot: Snapshot) -> bool:
        if not self._annoy or snapshot.base == 0:
            return True
        path = cache_path(self._store.index_dir, snapshot.manifest)
        try:
            candidates = open_cached(path, snapshot.manifest.dim)
            if candidates is None:
                build_in_child(self._store.index_dir, snapshot.manifest.seq)
                candidates = open_cached(path, snapshot.manifest.dim)
            if candidates is None:
                raise FormatError(f"{path} is not whole after it was built: check the disk.")
        except (LookalikeError, OSError) as error:
            self._report(f"searching without Annoy: {error}")
            return False
        self._searcher.index = Index(snapshot, candidates)
        self.problem = ""
        log.info("generation %d is searched with Annoy", snapshot.manifest.seq)
        self._annoy_files = [path, *(other for other in self._annoy_files[:1] if other != path)]
        remove_others(set(self._annoy_files))
        return True

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem
