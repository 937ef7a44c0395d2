"""The model of the active index generation: found, loaded, and exchanged when a generation brings another."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from components.core.errors import LookalikeError
from components.core.generations import Manifest
from components.featurizer.generation_model import load_model_of
from components.featurizer.model import Model
from components.featurizer.pipeline import Embeds
from components.pauses import GrowingPause
from components.store import Store

log = logging.getLogger(__name__)

POLL_S = 1.0


class Closable(Embeds, Protocol):
    """An embedder that holds something, such as a process."""

    def close(self) -> None:
        """Give it back."""


E = TypeVar("E", bound=Closable)


class ActiveModel(Generic[E]):
    """Holds the embedder that ``make`` makes of the active model, and makes a new one when the model changes.

    Until a new one is made, the one before is used; then that is closed.
    """

    def __init__(
        self,
        index_dir: Path,
        make: Callable[[Model], E],
        *,
        on_health: Callable[[str], None],
        pauses_s: tuple[float, float] = (2 * POLL_S, 60.0),
    ) -> None:
        self.embedder: E | None = None
        self._pauses_s = pauses_s
        self._store = Store(index_dir)
        self._make = make
        self._on_health = on_health
        self._seq: int | None = None

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``: look for a generation with another model.

        One that failed is tried again after growing pauses, another that arrives meanwhile at once.
        """
        pause, said, failed = GrowingPause(*self._pauses_s), "", None
        while not stop.is_set():
            tried = self._store.active()
            problem = self.step()
            if problem and problem != said:
                log.warning("%s", problem)
            if not problem or tried != failed:
                pause.reset()
            said, failed = problem, tried if problem else None
            self._rest(pause.next_s() if failed is not None else POLL_S, tried, stop)

    def _rest(self, pause_s: float, tried: int | None, stop: threading.Event) -> None:
        """Wait for ``pause_s``, but no longer than until another generation than ``tried`` is active."""
        until_s = time.monotonic() + pause_s
        while not stop.is_set() and (left_s := until_s - time.monotonic()) > 0 and self._store.active() == tried:
            stop.wait(min(POLL_S, left_s))

    def step(self) -> str:
        """Use the active generation's model; gives why that did not work out, "" if it did."""
        try:
            if self._store.active() != self._seq or self._seq is None:
                manifest = self._store.manifest(self._store.require_active())
                self._use(manifest)
                self._seq = manifest.seq
            problem = ""
        except LookalikeError as error:
            problem = str(error)
        self._on_health(problem)
        return problem

    def close(self) -> None:
        """Close the embedder; for when ``run`` has come to its end."""
        if self.embedder is not None:
            self.embedder.close()

    def _use(self, manifest: Manifest) -> None:
        if self.embedder is not None and self.embedder.model_digest == manifest.model.digest:
            return
        before, self.embedder = self.embedder, self._make(load_model_of(self._store, manifest))
        if before is not None:
            before.close()
        log.info("Model %s (%s) is in use.", manifest.model.name, manifest.model.digest[:12])
