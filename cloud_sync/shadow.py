"""Reports how this device is to its named shadow ``lookalike``: what changed, seldom, and the newest only."""

import json
import logging
import threading
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from cloud_sync.clock import Clocks
from cloud_sync.index_report import FIELDS
from cloud_sync.relay import Uplink
from cloud_sync.token_bucket import TokenBucket
from components.core.errors import MessageError, UnavailableError
from components.pauses import GrowingPause

log = logging.getLogger(__name__)

SHADOW = "lookalike"
_LIMIT, _LIMIT_WINDOW_S = 20, 600.0

Fields = Mapping[str, Any]


def shadow_topic(thing: str) -> str:
    """Where AWS IoT Core takes what ``thing`` reports; its answers, which nobody reads, come below it."""
    return f"$aws/things/{thing}/shadow/name/{SHADOW}/update"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the report, like ``index``."""

    read: Callable[[], Fields]
    """How it is now. It is called twice a second and returns at once."""
    at_once: Set[str] = frozenset()
    """The fields of which a change is told at once ..."""
    patience_s: float = 900.0
    """... and how long those of the others may wait."""


def index_part(read: Callable[[], Fields]) -> Part:
    """The part ``index``, of ``IndexReport``'s fields: all at once, but the progress of a download once a minute."""
    return Part(read=read, at_once=set(FIELDS) - {"progress"}, patience_s=60.0)


class Shadow:
    """Reports ``parts`` of ``thing``, by name, as the shadow's ``state.reported``.

    A message holds only what changed since the last one that was taken; after a start, and every ``interval_s``, it
    holds everything. While there is no way, and above twenty messages in ten minutes, changes wait, and only the newest
    is kept. A part that was there and is not any more is removed from the shadow.
    """

    def __init__(
        self,
        uplink: Uplink,
        thing: str,
        parts: Mapping[str, Part],
        interval_s: float = 86_400.0,
        clocks: Clocks | None = None,
    ) -> None:
        self._uplink, self._topic, self._parts, self._interval_s = uplink, shadow_topic(thing), parts, interval_s
        self._monotonic_s = (clocks or Clocks()).monotonic_s
        self._bucket = TokenBucket(_LIMIT, _LIMIT_WINDOW_S)
        self._pause = GrowingPause(1.0, 300.0)
        self._not_before_s = 0.0
        self._told: Mapping[str, Fields] = {}
        self._told_s: dict[str, float] = {}
        self._whole_s: float | None = None
        self.problem = ""
        """Why the newest report waits; "" while AWS IoT Core is reached."""

    def run(self, stop: threading.Event) -> None:
        """Send what there is to send, until ``stop``."""
        while not stop.is_set():
            self.send_due()
            stop.wait(0.5)

    def send_due(self) -> None:
        """Send what may be sent now; never raises for lack of a way."""
        now_s = self._monotonic_s()
        if now_s < self._not_before_s:
            return
        newest = {name: dict(part.read()) for name, part in self._parts.items()}
        is_whole = self._whole_s is None or now_s - self._whole_s >= self._interval_s
        changes: Mapping[str, Fields] = newest if is_whole else self._changes(newest)
        if changes and (is_whole or self._is_due(changes, now_s)) and self._bucket.take(now_s):
            # What changed meanwhile in the other parts travels along.
            self._send(changes, newest, now_s, is_whole)

    def _changes(self, newest: Mapping[str, Fields]) -> dict[str, Fields]:
        compared = {name: _changed(self._told.get(name, {}), fields) for name, fields in newest.items()}
        return {name: fields for name, fields in compared.items() if fields}

    def _is_due(self, changes: Mapping[str, Fields], now_s: float) -> bool:
        return any(
            self._parts[name].at_once & set(fields) or now_s - self._told_s[name] >= self._parts[name].patience_s
            for name, fields in changes.items()
        )

    def _send(self, changes: Mapping[str, Fields], newest: Mapping[str, Fields], now_s: float, is_whole: bool) -> None:
        # A part without a field would leave its old fields in the shadow: null removes it.
        reported = {name: fields or None for name, fields in changes.items()}
        payload = json.dumps({"state": {"reported": reported}}, ensure_ascii=False, separators=(",", ":"))
        try:
            self._uplink.publish_to_iot_core(self._topic, payload.encode(errors="replace"), 1)
        except (UnavailableError, MessageError) as error:
            self._bucket.put_back()
            self._not_before_s = now_s + self._pause.next_s()
            if not self.problem:
                log.info("The shadow waits: %s", error)
            self.problem = str(error)
            return
        self.problem = ""
        self._pause.reset()
        self._told = newest
        self._told_s |= dict.fromkeys(changes, now_s)
        if is_whole:
            self._whole_s = now_s


def _changed(told: Fields, newest: Fields) -> Fields:
    """What of ``newest`` is new; None, which removes it from a shadow, for what is gone."""
    gone = dict.fromkeys(told.keys() - newest.keys())
    return {**gone, **{name: value for name, value in newest.items() if name not in told or told[name] != value}}
