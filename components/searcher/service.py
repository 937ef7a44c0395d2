"""The searcher on the bus: queries in, results and its status out."""

import logging
import threading
import time

from components.bus import Bus
from components.core import messages
from components.core.errors import MessageError, UnavailableError
from components.core.messages import Details, Query, Status
from components.searcher.activation import Activation
from components.searcher.mailbox import Mailbox
from components.searcher.recent import Recent
from components.searcher.recorder import Recorder
from components.searcher.searcher import Searcher
from components.searcher.teaching_service import TaughtItems

log = logging.getLogger(__name__)

COMPONENT = "searcher"


def receive(payload: bytes, mailbox: Mailbox) -> None:
    """Put a query into the mailbox; what is not a query of this version is logged and dropped."""
    try:
        mailbox.put(messages.decode(Query, payload))
    except MessageError as error:
        log.warning("%s", error)


def answer_queries(
    bus: Bus,
    mailbox: Mailbox,
    searcher: Searcher,
    recent: Recent,
    stop: threading.Event,
    recorder: Recorder | None = None,
) -> None:
    """The searcher's share of the way of a frame: take, answer, publish.

    ``recent`` keeps what was answered, ``recorder`` what the cloud is told of it.
    """
    recorder = recorder or Recorder(None)
    while not stop.is_set():
        searcher.means.save(time.monotonic())
        recorder.look()
        query = mailbox.take(timeout_s=0.5)
        if query is None:
            continue
        try:
            result = messages.shortened(searcher.answer(query))
            recent.add(query, result)
            recorder.saw(query, result)
            bus.publish(messages.RESULT_TOPIC, messages.encode(result))
        except (MessageError, UnavailableError) as error:
            log.warning("a result is lost: %s", error)
    recorder.end()


def status(searcher: Searcher, activation: Activation, taught: TaughtItems, recorder: Recorder | None = None) -> Status:
    """How the searcher is now."""
    index = searcher.index
    reason = activation.problem or searcher.mismatch or (recorder.problem if recorder is not None else "")
    given_up: Details = {} if activation.given_up is None else {"given_up": activation.given_up}
    if index is None:
        return Status.of(COMPONENT, reason or taught.problem, works=False, details=given_up)
    manifest = index.snapshot.manifest
    reason = reason or taught.reason(manifest.model.digest)
    details: Details = {
        "generation": manifest.seq,
        "catalog": manifest.name[:200],
        "items": manifest.items,
        "views": len(index.snapshot.alive),
        "taught_items": taught.found(manifest.model.digest),
        "backend": index.backend,
        "model": manifest.model.digest[:12],
        # What cloud_sync goes by while a generation is on trial.
        "mismatch": bool(searcher.mismatch),
        **given_up,
    }
    return Status.of(COMPONENT, reason, details=details)
