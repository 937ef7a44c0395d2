"""Empties the outbox into AWS IoT Core: paced, the urgent first; what the cloud has acknowledged is gone."""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.downlink import Downlink
from cloud_sync.flight import Flight, Sent
from cloud_sync.outbox_queue import OutboxQueue
from cloud_sync.relay import Uplink
from components.core.errors import LookalikeError, MessageError, UnavailableError
from components.core.outbox_documents import REFUSED, Acknowledgement, Batch
from components.outbox import Figures, Outbox
from components.pauses import GrowingPause

log = logging.getLogger(__name__)

_FIGURES_S = 5.0
_REMOVE_S = 1.0
"""What was acknowledged is removed together, once a second: each time the flash is written."""
_MOST_HEARD = 10_000
"""What is not heard any more is sent again, and acknowledged again."""


def outbox_topic(thing: str, kind: str) -> str:
    """Where AWS IoT Core gets the batches of ``kind``."""
    return f"lookalike/{thing}/{kind}"


def acknowledgement_topic(thing: str) -> str:
    """Where a rule says which batches the cloud has kept."""
    return f"lookalike/{thing}/acks"


@dataclass(frozen=True, kw_only=True)
class DrainSettings:
    """How the outbox is emptied."""

    batches_per_s: float = 5.0
    gather_s: float = 60.0
    """So long matches are gathered for one message."""
    acknowledged: bool = True
    """False: there is no rule that acknowledges."""
    first_wait_s: float = 15.0
    """For an acknowledgement, before a batch is sent again; while none comes at all, longer and longer ..."""
    longest_wait_s: float = 900.0
    """... up to this. Without a rule: how long after the nucleus took a batch it counts as arrived."""
    first_pause_s: float = 1.0
    """After the nucleus did not take a batch; longer and longer, too ..."""
    longest_pause_s: float = 300.0


class Drain:
    """Sends what waits in ``outbox`` for the device ``thing``; ``hear`` takes the acknowledgements.

    That the nucleus took a batch says little: one of them says so once it has written it to a socket, the other keeps
    it in memory. So a row stays in the outbox until the cloud itself acknowledges it, and is sent again until then.
    """

    def __init__(
        self,
        outbox: Outbox,
        uplink: Uplink,
        thing: str,
        settings: DrainSettings | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings = settings or DrainSettings()
        self._outbox, self._uplink, self._thing, self._monotonic_s = outbox, uplink, thing, monotonic_s
        self._wall_s = wall_s
        self._queue = OutboxQueue(outbox, settings.gather_s)
        self._flight = Flight(settings.first_wait_s, settings.longest_wait_s, acknowledged=settings.acknowledged)
        self._pause = GrowingPause(settings.first_pause_s, settings.longest_pause_s)
        self._not_before_s = self._remove_s = self._figures_s = 0.0
        self._arrived: list[int] = []
        self._heard: deque[Acknowledgement] = deque(maxlen=_MOST_HEARD)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self.figures: Figures | None = None
        """What waits; None until that was read."""
        self.sent = 0
        """Batches that the nucleus took."""
        self.problem = ""
        """Why nothing is sent; "" while it is."""

    def hear(self, payload: bytes) -> None:
        """Note what the cloud acknowledges; returns at once."""
        try:
            acknowledged = Acknowledgement.of(payload)
        except MessageError as error:
            log.warning("%s", error)
            return
        if acknowledged.thing == self._thing:
            with self._lock:
                self._heard.append(acknowledged)
            self._wake.set()

    def report(self) -> dict[str, str | int]:
        """What waits, and what was lost, as far as it is known."""
        now = self.figures
        if now is None:
            return {"problem": self.problem[:200]} if self.problem else {}
        oldest_s = int(max(0.0, self._wall_s() - now.oldest_at)) if now.depth else 0
        said: dict[str, str | int] = {"depth": now.depth, "oldest_s": oldest_s, "bytes": now.bytes}
        said |= {"lost": now.lost, "quarantined": now.quarantined}
        return {**said, "problem": self.problem[:200]} if self.problem else said

    def run(self, stop: threading.Event) -> None:
        """Send until ``stop``."""
        while not stop.is_set():
            self._wake.wait(self.send_due())
            self._wake.clear()
        with contextlib.suppress(LookalikeError):  # it is sent again then
            self._let_go(self._monotonic_s(), at_once=True)
        self._outbox.close()

    def send_due(self) -> float:
        """Send what may be sent now; gives how many seconds may pass until it is worth asking again. Never raises."""
        now_s = self._monotonic_s()
        try:
            self._settle(now_s)
            self._read_figures(now_s)
            return self._send_one(now_s)
        except LookalikeError as error:  # the disk; the searcher says the same of it
            if str(error) != self.problem:
                log.warning("%s", error)
            self.problem = str(error)
            self._not_before_s = now_s + self._pause.next_s()
            return 0.5

    def _settle(self, now_s: float) -> None:
        """Forget what arrived, put aside what the cloud takes from nobody."""
        self._notice_epoch()  # it may have been read just before the disk failed
        with self._lock:
            heard = list(self._heard)
            self._heard.clear()
        for acknowledged in heard:
            if acknowledged.epoch == self._queue.epoch:
                self._arrived += self._flight.arrived(acknowledged.range, now_s)
        self._arrived += self._flight.counts_as_arrived(now_s)
        for row in self._flight.refused():
            why = "the cloud acknowledged others, and this one never"
            log.warning("Event %d of kind %s is put aside: %s.", row.seq, row.kind, why)
            self._outbox.quarantine(self._queue.epoch, row, why, REFUSED)
        self._let_go(now_s)

    def _let_go(self, now_s: float, at_once: bool = False) -> None:
        if self._arrived and (at_once or now_s >= self._remove_s):
            self._remove_s = now_s + _REMOVE_S
            self._outbox.remove(self._queue.epoch, self._arrived)
            self._arrived = []

    def _read_figures(self, now_s: float) -> None:
        if now_s >= self._figures_s:
            self._figures_s = now_s + _FIGURES_S
            self.figures = self._outbox.figures()

    def _send_one(self, now_s: float) -> float:
        if now_s < self._not_before_s:
            return min(0.5, self._not_before_s - now_s)
        overdue = self._flight.overdue(now_s)
        if overdue is not None:
            return self._send(overdue.batch, now_s, again=overdue)
        batch = self._queue.next(now_s) if self._flight.has_room else None
        self._notice_epoch()
        return 0.5 if batch is None else self._send(batch, now_s)

    def _notice_epoch(self) -> None:
        if self._queue.began_anew():  # the numbers of another epoch are others
            self._flight.clear()
            self._arrived = []

    def _send(self, batch: Batch, now_s: float, again: Sent | None = None) -> float:
        payload = batch.encoded(self._thing, self._queue.epoch)
        try:
            self._uplink.publish_to_iot_core(outbox_topic(self._thing, batch.kind), payload, 1)
        except (UnavailableError, MessageError) as error:
            self._not_sent(batch, str(error), now_s, again)
            return 0.5
        self.problem = ""
        self.sent += 1
        self._pause.reset()
        self._flight.took_off(batch, now_s, again)
        wait_s = 1.0 / self._settings.batches_per_s
        self._not_before_s = now_s + wait_s
        return wait_s

    def _not_sent(self, batch: Batch, problem: str, now_s: float, again: Sent | None) -> None:
        if not self.problem:
            log.info("The outbox waits: %s", problem)
        self.problem = problem
        self._not_before_s = now_s + self._pause.next_s()
        if not self._settings.acknowledged:
            # What the nucleus took lately may have gone nowhere: all that does not count as arrived is sent again.
            self._flight.clear()
            self._queue.rewind()
        elif again is None:
            self._queue.put_back(batch)


def drain_of(configuration: CloudSyncConfiguration, uplink: Uplink, downlink: Downlink, thing: str) -> Drain | None:
    """What empties the outbox as the deployment wants it, with its acknowledgements; None without an outbox."""
    if not configuration.outbox_dir:
        return None
    settings = DrainSettings(
        batches_per_s=configuration.batches_per_s,
        gather_s=configuration.gather_s,
        acknowledged=configuration.acknowledged,
    )
    drain = Drain(Outbox(Path(configuration.outbox_dir)), uplink, thing, settings)
    if configuration.acknowledged:
        downlink.hear(acknowledgement_topic(thing), drain.hear)
    return drain
