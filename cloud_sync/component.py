"""Joins the counter to the bus."""

import logging
import threading

from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.counter import Counter, status_of
from components.bus import Bus
from components.core.errors import MessageError
from components.core.messages import RESULT_TOPIC, SearchResult, decode
from components.lifecycle import STATUS_INTERVAL_S, in_background, report_status

log = logging.getLogger(__name__)


def run(
    bus: Bus, configuration: CloudSyncConfiguration, stop: threading.Event, status_interval_s: float = STATUS_INTERVAL_S
) -> None:
    """Count results until ``stop``; tell the status every few seconds and write the counts to the log now and then."""
    counter = Counter()
    bus.subscribe(RESULT_TOPIC, lambda payload: _count(counter, payload))
    check_interval_s = min(0.5, status_interval_s)
    with in_background(
        lambda: report_status(bus, lambda: status_of(counter.counts), stop, check_interval_s, status_interval_s)
    ):
        while not stop.wait(configuration.report_interval_s):
            log.info("Counted %s.", counter.counts)


def _count(counter: Counter, payload: bytes) -> None:
    try:
        counter.add(decode(SearchResult, payload))
    except MessageError as error:
        counter.add_unreadable()
        log.warning("%s", error)
