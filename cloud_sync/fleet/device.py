"""One device as its shadow describes it; a shadow is written by the device, so nothing in it is believed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_LONGEST = 300


@dataclass(frozen=True, kw_only=True)
class Device:
    """What one device reported last."""

    thing: str
    group: str
    active: int | None = None
    previous: int | None = None
    staged: int | None = None
    state: str = ""
    """Of ``cloud_sync.index_report.STATES``; "" where it never reported."""
    reason: str = ""
    model: str = ""
    channel: str = ""
    desired: str = ""
    progress: int = 0
    since_s: int | None = None
    """When the active generation came to it."""
    heard_s: int | None = None
    """When the shadow took the last report: the cloud's clock, seconds since 1970; None for never."""
    outbox: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, thing: str, group: str, shadow: Mapping[str, Any] | None) -> "Device":
        """The device whose shadow, as AWS IoT gives it, is ``shadow``; None where it has none."""
        reported = _part(_part(shadow, "state"), "reported")
        index = _part(reported, "index")
        times = list(_timestamps(_part(_part(shadow, "metadata"), "reported")))
        said: dict[str, Any] = {name: _count(index.get(name)) for name in ("active", "previous", "staged", "since_s")}
        said |= {name: _text(index.get(name, "")) for name in ("state", "reason", "model", "channel", "desired")}
        return cls(
            thing=thing,
            group=group,
            **said,
            progress=_count(index.get("progress")) or 0,
            heard_s=max(times) if times else None,
            outbox={_text(name): _plain(value) for name, value in _part(reported, "outbox").items()},
        )

    def silent_s(self, now_s: float) -> float:
        """For how long it has not reported; infinite where it never did."""
        return float("inf") if self.heard_s is None else max(0.0, now_s - self.heard_s)


def _part(value: object, name: str) -> Mapping[str, Any]:
    part = value.get(name) if isinstance(value, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _timestamps(metadata: Mapping[str, Any]) -> Iterator[int]:
    for name, value in metadata.items():
        if name == "timestamp" and _count(value) is not None:
            yield value
        elif isinstance(value, Mapping):
            yield from _timestamps(value)


def _count(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
    return value if is_count else None  # type: ignore[return-value]  # just looked at


def _text(value: object) -> str:
    # A terminal obeys control characters.
    return "".join(one if one.isprintable() else "?" for one in str(value)[:_LONGEST])


def _plain(value: object) -> Any:
    return value if isinstance(value, (int, float)) else _text(value)
