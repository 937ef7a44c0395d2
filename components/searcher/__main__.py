"""The searcher component: what is joined to what."""

import logging
import sys
import threading
from pathlib import Path

from components.bus import Bus
from components.core import messages
from components.core.errors import MessageError, UnavailableError
from components.core.messages import Query, Status
from components.greengrass import GreengrassBus
from components.lifecycle import in_background, report_status, run_component
from components.searcher.activation import Activation
from components.searcher.configuration import SearcherConfiguration
from components.searcher.mailbox import Mailbox
from components.searcher.searcher import Searcher
from components.store import Store

COMPONENT = "searcher"

log = logging.getLogger(COMPONENT)


def run(bus: Bus, configuration: SearcherConfiguration, stop: threading.Event) -> None:
    """Until ``stop``: answer queries from the newest generation."""
    searcher, mailbox = Searcher(), Mailbox()
    activation = Activation(
        Store(Path(configuration.index_dir)),
        searcher,
        annoy=configuration.annoy,
        poll_interval_s=configuration.poll_interval_s,
    )
    bus.subscribe(messages.QUERY_TOPIC, lambda payload: receive(payload, mailbox))
    with in_background(
        lambda: activation.run(stop), lambda: report_status(bus, lambda: status(searcher, activation), stop)
    ):
        answer_queries(bus, mailbox, searcher, stop)


def receive(payload: bytes, mailbox: Mailbox) -> None:
    """Put a query into the mailbox; what is not a query of this version is logged and dropped."""
    try:
        mailbox.put(messages.decode(Query, payload))
    except MessageError as error:
        log.warning("%s", error)


def answer_queries(bus: Bus, mailbox: Mailbox, searcher: Searcher, stop: threading.Event) -> None:
    """The searcher's share of the way of a frame: take, answer, publish."""
    while not stop.is_set():
        query = mailbox.take(timeout_s=0.5)
        if query is None:
            continue
        try:
            result = messages.shortened(searcher.answer(query))
            bus.publish(messages.RESULT_TOPIC, messages.encode(result))
        except (MessageError, UnavailableError) as error:
            log.warning("a result is lost: %s", error)


def status(searcher: Searcher, activation: Activation) -> Status:
    """How the searcher is now."""
    index = searcher.index
    reason = activation.problem or searcher.mismatch
    state = "starting" if index is None and not reason else "degraded" if reason else "running"
    if index is None:
        return Status(component=COMPONENT, state=state, reason=reason[:500])
    manifest = index.snapshot.manifest
    details: dict[str, str | int | float | bool] = {
        "generation": manifest.seq,
        "catalog": manifest.name[:200],
        "items": manifest.items,
        "views": len(index.snapshot.alive),
        "backend": index.backend,
        "model": manifest.model.digest[:12],
    }
    return Status(component=COMPONENT, state=state, reason=reason[:500], details=details)


if __name__ == "__main__":
    sys.exit(run_component(COMPONENT, SearcherConfiguration, GreengrassBus.from_environment, run))
