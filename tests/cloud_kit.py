"""A small cloud for the outbox: keeps every event once by (thing, epoch, seq), and acknowledges like the IoT rule."""

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cloud_sync.drain import acknowledgement_topic
from components.core.match_events import as_json

Key = tuple[str, str, int]


@dataclass
class Store:
    """What the cloud has kept; may be filled from several threads."""

    events: dict[Key, dict[str, Any]] = field(default_factory=dict)
    """In the order in which they came first."""
    kinds: Counter[str] = field(default_factory=Counter)
    deliveries: int = 0
    """Events that came, those that came again among them."""
    largest: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, payload: bytes) -> tuple[str, bytes]:
        """Keep a batch; gives the topic and the document of its acknowledgement."""
        batch = json.loads(payload)
        with self._lock:
            self.largest = max(self.largest, len(payload))
            for event in batch["events"]:
                self.deliveries += 1
                key = (batch["thing"], batch["epoch"], event["seq"])
                if key not in self.events:
                    self.events[key] = event
                    self.kinds[batch["kind"]] += 1
        names = ("thing", "epoch", "first_seq", "last_seq", "kind")
        return acknowledgement_topic(batch["thing"]), as_json({name: batch[name] for name in names})

    @property
    def gaps(self) -> list[dict[str, Any]]:
        """The gaps among them."""
        return [event for event in list(self.events.values()) if event.get("event") == "gap"]

    @property
    def made(self) -> list[dict[str, Any]]:
        """The others."""
        return [event for event in list(self.events.values()) if event.get("event") != "gap"]

    @property
    def missing(self) -> int:
        """How many events the gaps stand for."""
        return sum(gap["events"] for gap in self.gaps)
