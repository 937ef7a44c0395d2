"""Keeps the device's index as the deployment wants it: asks, has it fetched, watches the trial, keeps or goes back."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from cloud_sync.clock import Clocks
from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.index import recovery
from cloud_sync.index.orders import COLLECT, SCRUB, UPDATE, Orders, Outcome, Step
from cloud_sync.index.transitions import confirm, roll_back
from cloud_sync.index.trial import SEARCHER, Trial
from cloud_sync.index.window import Window
from cloud_sync.index.worker import work
from cloud_sync.index_report import IndexReport
from cloud_sync.schedule import Schedule
from cloud_sync.status_event import EARLIEST_WALL_S
from components.core.errors import LookalikeError
from components.core.messages import Status
from components.index_state import IndexState, read_state
from components.store import Store

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_HEARD_LATELY_S = 12.0
_SOON_S = 30.0
_LOOK_AT_WINDOW_S = 600.0
"""At most so long until it is asked again whether updates may come now."""
_QUIET = ("checking", "planning")
"""Steps that every poll goes through: to tell them would say nothing, again and again."""
Work = Callable[[Orders, Callable[[Step], None], Callable[[], bool]], Outcome]


class Updates:
    """The updates of one round of work; ``report`` may be asked from any thread.

    ``soon`` says that the configuration has just changed: then it asks within half a minute, not spread over a whole
    interval.
    """

    def __init__(
        self,
        configuration: CloudSyncConfiguration,
        *,
        soon: bool = False,
        do: Work = work,
        clocks: Clocks | None = None,
    ) -> None:
        self._configuration, self._do = configuration, do
        self._index_dir, self._wished = Path(configuration.index_dir), configuration.index
        self._store = Store(self._index_dir)
        self._clocks = clocks or Clocks()
        self._schedule = Schedule(configuration.poll_interval_s)
        self._state: IndexState | None = read_state(self._index_dir)
        # One nucleus restarts a component whose configuration has changed.
        is_wish_new = self._state is not None and self._state.desired != self._wished.version
        first_s = self._schedule.first_s(_SOON_S) if soon or is_wish_new else self._schedule.first_s()
        self._poll_at_s = self._clocks.monotonic_s() + first_s
        self._window = Window.of(configuration.download_window)
        self._model: tuple[int | None, str] = (None, "")
        self._searcher: tuple[float, Status] | None = None
        self._trial: Trial | None = None
        self._step: Step | None = None
        self._outcome = Outcome("idle" if self._wished.source else "off")

    def hear(self, status: Status) -> None:
        """A component says how it is."""
        now_s = self._clocks.monotonic_s()
        if status.component == SEARCHER:
            self._searcher = (now_s, status)
        trial = self._trial  # another thread may end it meanwhile
        if trial is not None:
            trial.hear(status, now_s)

    def report(self) -> IndexReport:
        """How the index is, and how far an update."""
        state, step, outcome = self._state or IndexState(active=self._store.active()), self._step, self._outcome
        on_trial = state.trial and state.active is not None
        shown = step.state if step is not None else "trial" if on_trial else outcome.state
        return IndexReport(
            active=state.active,
            previous=state.previous,
            staged=state.staged,
            state=shown,
            reason=self._reason(step, on_trial),
            model=self._model_of(state.active),
            progress=0 if step is None else step.progress,
            channel=self._wished.channel if self._wished.source else state.channel,
            desired=self._wished.version if self._wished.source else "",
            since_s=self._since_s(state.active),
        )

    def _reason(self, step: Step | None, on_trial: bool) -> str:
        trial = self._trial
        if step is None and not on_trial:
            return self._outcome.reason
        return "" if step is not None or trial is None else trial.waits(self._clocks.monotonic_s())

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``: one thing after the other; what fails is told, and done again later."""
        while not stop.is_set():
            self._state = read_state(self._index_dir)
            try:
                self._look(stop)
            except LookalikeError as error:
                self._outcome = Outcome("failed", str(error))
            stop.wait(_LOOK_EVERY_S)

    def _look(self, stop: threading.Event) -> None:
        state = self._state
        if state is not None and state.trial and state.active is not None:
            self._watch_trial(state.active, stop)
            return
        self._trial = None
        if state is not None and state.active is not None and self._is_given_up(state.active):
            self._go_back(
                state.active, f"The searcher could not begin to use generation {state.active} again and again."
            )
        elif self._poll_is_due():
            self._update(stop)
        elif state is not None and recovery.scrub_is_due(self._index_dir, self._configuration.scrub_interval_s):
            self._scrub(stop)

    def _poll_is_due(self) -> bool:
        now_s = self._clocks.monotonic_s()
        if not self._wished.source or now_s < self._poll_at_s:
            return False
        if self._window_is_open():
            return True
        # Whoever only waited for the window would come with all other devices when it opens.
        self._poll_at_s = now_s + self._schedule.first_s(_LOOK_AT_WINDOW_S)
        return False

    def _window_is_open(self) -> bool:
        return self._window.is_open(self._clocks.wall_s())

    def _update(self, stop: threading.Event) -> None:
        active = self._store.active()

        def ended() -> bool:
            return stop.is_set() or not self._window_is_open() or self._is_given_up(active)

        outcome = self._work(UPDATE, ended)
        if stop.is_set():
            return
        failed = outcome.state == "failed"
        pause_s = self._schedule.after_failure_s() if failed else self._schedule.after_success_s()
        self._poll_at_s = self._clocks.monotonic_s() + pause_s
        if (outcome.state, outcome.reason) == ("refused", self._outcome.reason):
            return  # that it went back says more
        if outcome.reason and outcome != self._outcome:
            log.warning("%s", outcome.reason)
        self._outcome = outcome

    def _scrub(self, stop: threading.Event) -> None:
        outcome = self._work(SCRUB, stop.is_set)
        if not stop.is_set():
            recovery.note_scrub(self._index_dir)
        if outcome.state != "idle":
            self._outcome = outcome
            self._poll_at_s = min(self._poll_at_s, self._clocks.monotonic_s() + _SOON_S)

    def _work(self, name: str, ended: Callable[[], bool]) -> Outcome:
        try:
            return self._do(self._orders(name), self._note, ended)
        finally:
            self._step, self._state = None, read_state(self._index_dir)

    def _note(self, step: Step) -> None:
        self._step = None if step.state in _QUIET else step

    def _orders(self, name: str) -> Orders:
        configuration, wished = self._configuration, self._wished
        return Orders(
            work=name,
            index_dir=configuration.index_dir,
            source=wished.source,
            endpoint_url=wished.endpoint_url,
            channel=wished.channel,
            version=wished.version,
            trusted_root=wished.trusted_root,
            keep_free_bytes=configuration.keep_free_mbytes * 1_000_000,
            limit_bytes_s=configuration.download_limit_kbytes_s * 1_000,
        )

    def _watch_trial(self, seq: int, stop: threading.Event) -> None:
        now_s = self._clocks.monotonic_s()
        if self._trial is None or self._trial.seq != seq:
            runs = self._searcher is not None and now_s - self._searcher[0] <= _HEARD_LATELY_S
            self._trial = Trial(seq, now_s, self._configuration.trial_s, searcher_runs=runs)
        failure = self._trial.failure(now_s)
        if failure:
            self._go_back(seq, failure)
        elif self._trial.passed(now_s):
            confirm(self._index_dir, seq)
            self._outcome = Outcome("idle" if self._wished.source else "off")
            self._work(COLLECT, stop.is_set)

    def _go_back(self, seq: int, reason: str) -> None:
        roll_back(self._index_dir, seq, reason)
        self._trial, self._state = None, read_state(self._index_dir)
        self._outcome = Outcome("rolled_back", reason)

    def _is_given_up(self, seq: int | None) -> bool:
        return self._searcher is not None and seq is not None and self._searcher[1].details.get("given_up") == seq

    def _since_s(self, seq: int | None) -> int | None:
        try:
            changed_s = 0.0 if seq is None else self._store.manifest_path(seq).stat().st_mtime
        except OSError:
            return None
        return int(changed_s) if changed_s > EARLIEST_WALL_S else None

    def _model_of(self, seq: int | None) -> str:
        if self._model[0] != seq:
            try:
                self._model = (seq, "" if seq is None else self._store.manifest(seq).model.digest)
            except LookalikeError:
                return ""
        return self._model[1]
