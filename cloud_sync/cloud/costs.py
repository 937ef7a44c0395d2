"""What a fleet costs in AWS a month: a price list times what the devices and the template do."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from components.core.errors import ConfigurationError, FormatError
from components.core.outbox_documents import MAX_BODY_BYTES

DAYS = 30
_GB = 1e9
_MESSAGE_BYTES = 5_000
_HEAD_BYTES = 150
_REPORTS_PER_UPDATE = 6
"""Changes of the shadow while a device takes one generation."""
_METADATA_OBJECTS = 4
"""New with each generation: root that is not there, targets, snapshot, manifest."""
_SEGMENT_OBJECTS = 4
"""A segment, its rows, golden queries, and what else a generation may bring."""
_COMPACTED_SHARE = 0.1
"""The builder begins a fresh generation when so much of the catalog has changed."""
_DIVISORS = ("devices", "open_hours", "poll_interval_s", "status_interval_s")
_MOST = 1e12
_AT_MOST = {"open_hours": 24.0}


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """What a fleet does; the defaults are guesses of an ordinary one."""

    devices: int
    matches_per_day: float
    """Of one device."""
    updates_per_day: float
    """Generations that are published."""
    items: int
    changed_items: int = 50
    """Of one generation, against the one before."""
    dimension: int = 192
    thumbnail_bytes: int = 8_000
    row_bytes: int = 120
    """Of one item, compressed."""
    events_per_match: float = 2.0
    """An item entered, and left."""
    event_bytes: int = 350
    open_hours: float = 12.0
    """Of a day, in which the matches come."""
    gather_s: float = 60.0
    poll_interval_s: float = 300.0
    status_interval_s: float = 900.0
    components: int = 4
    keep_events_days: int = 400
    """In the bucket ..."""
    keep_table_days: int = 30
    """... and in the table."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            is_divisor, most = field.name in _DIVISORS, _AT_MOST.get(field.name, _MOST)
            if not 0 <= value <= most or (is_divisor and value == 0):
                allowed = "above 0, up" if is_divisor else "from 0"
                name = field.name.replace("_", "-")
                raise ConfigurationError(f"--{name} is {value:g}; expected a number {allowed} to {most:g}.")

    @property
    def events_per_batch(self) -> float:
        """The first one, and those that come while it waits, as far as they fit."""
        per_s = self.matches_per_day * self.events_per_match / (self.open_hours * 3_600)
        return max(1.0, min(1.0 + per_s * self.gather_s, MAX_BODY_BYTES // max(1, self.event_bytes)))

    @property
    def batches(self) -> float:
        """Of all devices, a month."""
        return self.devices * DAYS * self.matches_per_day * self.events_per_match / self.events_per_batch

    @property
    def batch_bytes(self) -> float:
        """Of one batch, with what it says of itself."""
        return self.events_per_batch * self.event_bytes + _HEAD_BYTES

    @property
    def item_bytes(self) -> int:
        """Of one item without its thumbnail, as a device downloads it."""
        return 2 * self.dimension + self.row_bytes

    @property
    def updates(self) -> float:
        """Taken by all devices, a month."""
        return self.devices * DAYS * self.updates_per_day

    @property
    def update_bytes(self) -> float:
        """Downloaded by one device for one generation, its share of the fresh ones included."""
        share = min(1.0, self.changed_items / max(1.0, _COMPACTED_SHARE * self.items))
        changed = self.changed_items * (self.item_bytes + self.thumbnail_bytes)
        return 20_000 + changed + share * self.items * self.item_bytes

    @property
    def polls(self) -> float:
        """Of all devices, a month."""
        return self.devices * DAYS * 86_400 / self.poll_interval_s


@dataclass(frozen=True)
class Price:
    """``usd`` for ``per`` units; raises ValueError or TypeError for what is no price."""

    usd: float
    per: float
    unit: str
    source: str

    def __post_init__(self) -> None:
        if not (0 <= self.usd <= _MOST and 0 < self.per <= _MOST):
            raise ValueError(f"{self.usd} for {self.per} is no price")


@dataclass(frozen=True)
class Prices:
    """A price list of one day and region."""

    date: str
    region: str
    currency: str
    note: str
    of: Mapping[str, Price]

    @classmethod
    def from_json(cls, text: str) -> "Prices":
        """The list of a file; raises FormatError."""
        try:
            document: dict[str, Any] = json.loads(text)
            of = {name: Price(**one) for name, one in document.pop("prices").items()}
            return cls(of=of, **document)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise FormatError(
                f"The price list cannot be read ({error!r}): change a copy of cloud_sync/cloud/prices.json."
            ) from error


@dataclass(frozen=True)
class Line:
    """One line of the bill."""

    what: str
    quantity: float
    unit: str
    usd: float


def monthly(fleet: Fleet, prices: Prices) -> list[Line]:
    """The bill of an ordinary month, when what is kept has reached its age; for the very first see ``first_fill``."""
    return [_line(prices, what, name, quantity) for what, name, quantity in (*_iot(fleet), *_storage(fleet))]


def first_fill(fleet: Fleet, prices: Prices) -> list[Line]:
    """Once: every device fetches the whole index."""
    gigabytes = fleet.devices * fleet.items * (fleet.item_bytes + fleet.thumbnail_bytes) / _GB
    return [
        _line(prices, "transfer", "transfer_out", gigabytes),
        _line(prices, "objects fetched", "s3_get", fleet.devices * (fleet.items + _SEGMENT_OBJECTS)),
    ]


def _line(prices: Prices, what: str, name: str, quantity: float) -> Line:
    price = prices.of.get(name)
    if price is None:
        raise FormatError(f"The price list has no {name!r}: change a copy of cloud_sync/cloud/prices.json.")
    return Line(what, quantity, price.unit, quantity / price.per * price.usd)


def _iot(fleet: Fleet) -> Iterator[tuple[str, str, float]]:
    statuses = fleet.devices * DAYS * fleet.components * 86_400 / fleet.status_interval_s
    reports = fleet.updates * _REPORTS_PER_UPDATE + fleet.devices * DAYS
    yield "Greengrass: devices", "greengrass_device", fleet.devices
    yield "IoT: connection", "iot_connection", fleet.devices * DAYS * 24 * 60
    yield "IoT: matches", "iot_message", fleet.batches * math.ceil(fleet.batch_bytes / _MESSAGE_BYTES)
    yield "IoT: acknowledgements", "iot_message", fleet.batches
    yield "IoT: status", "iot_message", statuses
    yield "IoT: shadow, as messages", "iot_message", reports
    yield "IoT: shadow", "iot_shadow", reports
    yield "IoT: shadow, indexed", "iot_indexing", reports
    # Keep and acknowledge; bucket, table and acknowledgement.
    yield "IoT: rules", "iot_rule", 2 * fleet.batches
    yield "IoT: rules' actions", "iot_action", 3 * fleet.batches


def _storage(fleet: Fleet) -> Iterator[tuple[str, str, float]]:
    gb_a_day = fleet.batches / DAYS * fleet.batch_bytes / _GB
    index_gb = fleet.items * (fleet.item_bytes + fleet.thumbnail_bytes) / _GB
    fetched = fleet.updates * (_METADATA_OBJECTS + _SEGMENT_OBJECTS + fleet.changed_items)
    written = DAYS * fleet.updates_per_day * (_METADATA_OBJECTS + _SEGMENT_OBJECTS + fleet.changed_items)
    # Each poll reads the timestamp, and asks for a newer root in vain; both answers have some KB with their headers.
    yield "S3: polls", "s3_get", 2 * fleet.polls
    yield "S3: polls, transfer", "transfer_out", fleet.polls * 2_000 / _GB
    yield "S3: updates", "s3_get", fetched
    yield "S3: updates, transfer", "transfer_out", fleet.updates * fleet.update_bytes / _GB
    yield "S3: index, published", "s3_put", written
    yield "S3: index, kept", "s3_storage", index_gb
    yield "S3: matches, written", "s3_put", fleet.batches
    yield "S3: matches, kept", "s3_storage", gb_a_day * fleet.keep_events_days
    yield "DynamoDB: matches, written", "dynamodb_write", fleet.batches * math.ceil(fleet.batch_bytes / 1_024)
    yield "DynamoDB: matches, kept", "dynamodb_storage", gb_a_day * fleet.keep_table_days
    yield "DynamoDB: backup", "dynamodb_backup", gb_a_day * fleet.keep_table_days
