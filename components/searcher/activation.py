"""Brings the newest generation into the searcher: exact scan at once, Annoy as soon as it is built."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from components.core.errors import FormatError, LookalikeError
from components.core.generations import Manifest
from components.pauses import GrowingPause
from components.searcher.annoy_index import AnnoyBuild, AnnoyCandidates, cache_path, open_cached, remove_others
from components.searcher.index import Index
from components.searcher.searcher import Searcher
from components.searcher.snapshot import Snapshot, load_snapshot
from components.searcher.starts import Starts
from components.store import Store

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 60.0


class Activation:
    """Watches the store and swaps the searcher's index; queries go on with the one that they started with.

    Annoy's file is built aside, for minutes in a large catalog; a generation that comes meanwhile is active at once.
    """

    def __init__(
        self,
        store: Store,
        searcher: Searcher,
        *,
        annoy: bool = True,
        poll_interval_s: float = 1.0,
        starts: Starts | None = None,
        layer: Callable[[Snapshot], Snapshot] = lambda bare: bare,
    ) -> None:
        self._store = store
        self._starts = starts or Starts()
        self._searcher = searcher
        self._layer = layer
        self._bare: Snapshot | None = None
        """The generation as it was loaded, before the taught items were laid over it."""
        self._candidates_in_use: AnnoyCandidates | None = None
        self._swapping = threading.RLock()
        self._annoy = annoy
        self._poll_interval_s = poll_interval_s
        self._in_use: int | None = None
        self._build: AnnoyBuild | None = None
        self._annoy_files: list[Path] = []
        self._store_problem = ""
        self._annoy_problem = ""
        self.given_up: int | None = None
        """The generation that should be in use, but ended this program again and again."""

    @property
    def problem(self) -> str:
        """Why the newest generation is not (fully) in use; "" when all is well."""
        return self._store_problem or self._annoy_problem

    @property
    def build_process_id(self) -> int | None:
        """The process that builds Annoy's file now."""
        return None if self._build is None else self._build.process_id

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``: look for a newer generation, activate it; what failed is tried again with growing pauses."""
        tried: tuple[int, ...] = ()
        pause, wait_s = GrowingPause(self._poll_interval_s, LONGEST_PAUSE_S), 0.0
        while not stop.is_set():
            seqs = self._store.usable()
            if seqs[:1] != tried or wait_s <= 0:
                if self._use(seqs):
                    pause.reset()
                    wait_s = 0.0
                else:
                    wait_s = pause.next_s()
                tried = seqs[:1]
            stop.wait(self._poll_interval_s)
            wait_s -= self._poll_interval_s
            self._starts.look(seqs, ends=stop.is_set())
        if self._build is not None:
            self._build.stop()

    def step(self) -> bool:
        """Activate the generation to use unless it is in use, and Annoy once it is built; False where that failed."""
        return self._use(self._store.usable())

    def _use(self, seqs: Sequence[int]) -> bool:
        if not seqs:
            self._store_problem = f"no index generation in {self._store.index_dir} yet"
            if self._store.is_given_up():
                self._let_go()
            return True
        activated = self._activate_best(seqs)
        return self._bring_in_annoy() and activated

    def _activate_best(self, seqs: Sequence[int]) -> bool:
        """Activate the first of ``seqs`` that can be; a worse one only where there is none in memory."""
        self.given_up = seqs[0] if self._starts.given_up(seqs[0]) else None
        problem = "" if self.given_up is None else f"generation {seqs[0]} ended this program again and again"
        failed = False
        for seq in seqs:
            if self._starts.given_up(seq):
                continue
            if self._activate(seq):
                break
            problem, failed = problem or self._store_problem, True
            if self._searcher.index is not None:
                break
        self._store_problem = problem and _said(problem, self._store_problem)
        return not failed

    def _activate(self, seq: int) -> bool:
        if seq == self._in_use:
            return True
        self._starts.begin(seq)
        try:
            snapshot = load_snapshot(self._store, seq)
        except LookalikeError as error:
            self._store_problem = _said(f"generation {seq} cannot be used: {error}", self._store_problem)
            return False
        self._bring_in(snapshot, None)
        self._in_use = seq
        self._annoy_problem = ""
        log.info("generation %d is active: %d views, exact scan", seq, len(snapshot.alive))
        return True

    def _bring_in_annoy(self) -> bool:
        index = self._searcher.index
        if not self._annoy or index is None or index.backend == "annoy" or not index.snapshot.annoy_pays:
            return True
        try:
            candidates = self._candidates(index.snapshot.manifest)
            if candidates is None:
                return True
            self._starts.begin(index.snapshot.manifest.seq)
            self._bring_in(self._bare, candidates)
            self._annoy_problem = ""
            log.info("generation %d is searched with Annoy", index.snapshot.manifest.seq)
        except (LookalikeError, OSError) as error:
            self._annoy_problem = _said(f"searching without Annoy: {error}", self._annoy_problem)
            return False
        self._forget_others(cache_path(self._store.index_dir, index.snapshot.manifest))
        return True

    def relay(self) -> None:
        """Lay the taught items over the active generation anew; may be called from any thread."""
        with self._swapping:
            self._bring_in(self._bare, self._candidates_in_use)

    def holds(self, item_id: str) -> bool:
        """Whether the active generation has the item."""
        return self._bare is not None and item_id in self._bare.item_of

    def _bring_in(self, bare: Snapshot | None, candidates: AnnoyCandidates | None) -> None:
        if bare is None:
            return
        with self._swapping:
            snapshot = self._layer(bare)
            # Both share one array of vectors: a copy of each would fill the memory of a small device.
            self._bare = replace(bare, vectors=snapshot.vectors[: len(bare.vectors)])
            self._candidates_in_use = candidates
            self._searcher.index = Index(snapshot, candidates)

    def _let_go(self) -> None:
        with self._swapping:
            self._bare = self._candidates_in_use = self._in_use = self._searcher.index = None

    def _candidates(self, manifest: Manifest) -> AnnoyCandidates | None:
        """What Annoy's file of the generation gives, or None while it is being built."""
        path = cache_path(self._store.index_dir, manifest)
        build, self._build = self._build, None
        if build is not None and build.path != path:
            build.stop()
            build = None
        if build is not None and not build.finished():
            self._build = build
            return None
        candidates = open_cached(path, manifest.dim)
        if candidates is None and build is not None:
            raise FormatError(f"{path} is not whole after it was built: check the disk.")
        if candidates is None:
            self._build = AnnoyBuild(self._store.index_dir, manifest)
        return candidates

    def _forget_others(self, path: Path) -> None:
        self._annoy_files = [path, *(other for other in self._annoy_files[:1] if other != path)]
        remove_others(set(self._annoy_files))


def _said(problem: str, before: str) -> str:
    if problem != before:
        log.warning("%s", problem)
    return problem
