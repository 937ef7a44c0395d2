"""Joins the counter and the ways to AWS IoT Core to the bus."""

import logging
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType

from cloud_sync.clock import Clocks, ClockWatch
from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.counter import NAME, Counter, status_of
from cloud_sync.drain import Drain
from cloud_sync.features import Features
from cloud_sync.index_report import IndexReport
from cloud_sync.relay import Relay, RelaySettings, Uplink
from cloud_sync.shadow import Part, Shadow, index_part
from cloud_sync.updates import Updates
from components.bus import Bus
from components.core.errors import MessageError
from components.core.messages import QUERY_TOPIC, RESULT_TOPIC, STATUS_TOPIC, SearchResult, Status, decode
from components.lifecycle import STATUS_INTERVAL_S, in_background, report_status

log = logging.getLogger(__name__)

STATUS_WINDOW_S = 600.0


def legacy_topic(thing: str) -> str:
    """Where the DeepLens project sent everything."""
    return f"$aws/things/{thing}/infer"


def run(
    bus: Bus,
    configuration: CloudSyncConfiguration,
    stop: threading.Event,
    *,
    uplink: Uplink,
    thing: str,
    parts: Mapping[str, Part] = MappingProxyType({}),
    drain: Drain | None = None,
    status_interval_s: float = STATUS_INTERVAL_S,
    soon: bool = False,
) -> None:
    """Until ``stop``: count results, tell the fleet how the device ``thing`` is, tell the device how this component is.

    ``parts`` are those of the device's shadow, by name, beside the index; ``drain`` sends what waits in the outbox.
    ``soon``: see ``Updates``.
    Embeddings are not even heard unless the configuration asks for ``features``.
    """
    counter, relay = Counter(), Relay(uplink, thing, NAME, _relay_settings(configuration, thing))
    clock = ClockWatch(Clocks())
    bus.subscribe(RESULT_TOPIC, lambda payload: _count(counter, payload))
    updates = Updates(configuration, soon=soon)
    bus.subscribe(STATUS_TOPIC, lambda payload: _hear(relay, updates, payload))
    features = _features(bus, uplink, configuration, thing)
    parts = {**parts, "index": index_part(lambda: updates.report().to_dict())}
    if drain is not None:
        parts = {**parts, "outbox": Part(read=drain.report, patience_s=3_600.0)}
    shadow = Shadow(uplink, thing, parts, configuration.shadow_interval_s)

    def say() -> Status:
        return status(counter, relay, features, clock, updates.report(), drain)

    works: list[Callable[[], None]] = [
        lambda: relay.run(stop),
        lambda: shadow.run(stop),
        lambda: updates.run(stop),
        lambda: report_status(bus, say, stop, min(0.5, status_interval_s), status_interval_s),
    ]
    if features is not None:
        works.append(lambda: features.run(stop))
    if drain is not None:
        works.append(lambda: drain.run(stop))
    with in_background(*works):
        while not stop.wait(configuration.report_interval_s):
            log.info("Counted %s; told the fleet %s.", counter.counts, relay.figures)


def status(
    counter: Counter,
    relay: Relay,
    features: Features | None,
    clock: ClockWatch,
    index: IndexReport,
    drain: Drain | None = None,
) -> Status:
    """How the component is; being offline, or without a newer index, is no fault of a device that works offline."""
    more: dict[str, str | int] = {"events": relay.figures.events, "suppressed": relay.figures.suppressed}
    if relay.figures.problem:
        more["offline"] = relay.figures.problem[:200]
    more |= {f"index_{name}": value for name, value in index.to_dict().items() if value not in (None, "", 0)}
    if features is not None:
        more["features"] = features.sent
    if drain is not None:
        more |= {f"outbox_{name}": value for name, value in drain.report().items()}
    problems = [clock.problem(), "" if features is None else features.problem]
    return status_of(counter.counts, more, " ".join(filter(None, problems)))


def _relay_settings(configuration: CloudSyncConfiguration, thing: str) -> RelaySettings:
    return RelaySettings(
        interval_s=configuration.status_interval_s,
        limit=configuration.status_limit,
        limit_window_s=STATUS_WINDOW_S,
        legacy_topic=legacy_topic(thing) if configuration.legacy_topic else None,
    )


def _features(bus: Bus, uplink: Uplink, configuration: CloudSyncConfiguration, thing: str) -> Features | None:
    if not configuration.features:
        return None
    features = Features(uplink, legacy_topic(thing), configuration.features_interval_s)
    bus.subscribe(QUERY_TOPIC, features.hear)
    return features


def _count(counter: Counter, payload: bytes) -> None:
    try:
        counter.add(decode(SearchResult, payload))
    except MessageError as error:
        counter.add_unreadable()
        log.warning("%s", error)


def _hear(relay: Relay, updates: Updates, payload: bytes) -> None:
    try:
        status = decode(Status, payload)
        updates.hear(status)
        relay.hear(status)
    except MessageError as error:
        log.warning("%s", error)
