"""Joins the counter to the bus."""

import logging
import threading

from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.counter import Counter, status_of
from components.bus import Bus
from components.core.errors import MessageError, UnavailableError
from components.core.messages import RESULT_TOPIC, STATUS_TOPIC, SearchResult, decode, encode

_log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 5.0


def run(
    bus: Bus, configuration: CloudSyncConfiguration, stop: threading.Event, status_interval_s: float = STATUS_INTERVAL_S
) -> None:
    """Count results until ``stop``; tell the status every few seconds and write it to the log now and then."""
    counter = Counter()
    bus.subscribe(RESULT_TOPIC, lambda payload: _count(counter, payload))
    rounds_per_report = max(1, round(configuration.report_interval_s / status_interval_s))
    rounds = 0
    while True:
        _tell(bus, counter)
        if rounds % rounds_per_report == 0:
            _log.info("Counted %s.", counter.counts)
        rounds += 1
        if stop.wait(status_interval_s):
            return


def _count(counter: Counter, payload: bytes) -> None:
    try:
        counter.add(decode(SearchResult, payload))
    except MessageError as error:
        counter.add_unreadable()
        _log.warning("%s", error)


def _tell(bus: Bus, counter: Counter) -> None:
    try:
        bus.publish(STATUS_TOPIC, encode(status_of(counter.counts)))
    except UnavailableError as error:
        _log.info("%s", error)
