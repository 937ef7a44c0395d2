"""How the index of this device is: what the fleet's operator is told of it."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from components.core.redaction import redacted_text

STATES = (
    "off",  # no source is configured: what is on the device stays
    "idle",
    "checking",
    "planning",
    "fetching",
    "staging",
    "probing",
    "trial",
    "stale",  # the signed metadata has expired: no update until it is signed again; the index serves
    "failed",  # the last update could not be had; the reason says why, and it is tried again
    "refused",  # what was offered is bad: not tried again
    "rolled_back",
)
"""What an update is at; every other text is refused."""

_MAX_REASON = 300
_MAX_TEXT = 100


@dataclass(frozen=True, kw_only=True)
class IndexReport:
    """The generations on this device, and how far an update is. ``None`` where there is none."""

    active: int | None = None
    previous: int | None = None
    staged: int | None = None
    """On the device and whole, not active yet."""
    state: str = "off"
    """One of ``STATES``."""
    reason: str = ""
    """Why it is in this state, one sentence; "" where nothing is wrong."""
    model: str = ""
    """Digest of the active generation's model and preprocessing."""
    progress: int = 0
    """Of the download, in percent."""
    channel: str = ""
    desired: str = ""
    """The version that the deployment asks for: ``latest`` or a number."""
    since_s: int | None = None
    """When the active generation came to this device: wall clock, seconds since 1970; None where that is not known."""

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"state is {self.state!r}; one of {', '.join(STATES)} was expected")
        if not 0 <= self.progress <= 100:
            raise ValueError(f"progress is {self.progress}; 0 to 100 was expected")

    def to_dict(self) -> dict[str, Any]:
        """All fields, for JSON: texts without credentials and cut to a length, so that a report stays small."""
        said = asdict(self)
        said["reason"] = redacted_text(self.reason)[:_MAX_REASON]
        for name in ("model", "channel", "desired"):
            said[name] = redacted_text(said[name])[:_MAX_TEXT]
        return said


FIELDS = tuple(field.name for field in fields(IndexReport))
