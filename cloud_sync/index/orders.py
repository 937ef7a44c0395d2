"""What a process that works on the index is told to do, and what it tells."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from components.core.errors import UnavailableError

LATEST = "latest"
VERSION = re.compile(r"latest|[1-9][0-9]{0,17}")
CHANNEL = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
UPDATE, COLLECT, SCRUB = "update", "collect", "scrub"
_MAX_ROOT_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What is to be done."""

    work: str
    """update, collect or scrub."""
    index_dir: str
    source: str = ""
    """s3://bucket/prefix, a folder or a tar; "" where there is none."""
    endpoint_url: str = ""
    channel: str = "stable"
    version: str = "latest"
    trusted_root: str = ""
    """A root.json, or the path of one."""
    keep_free_bytes: int = 0
    limit_bytes_s: int = 0
    again: bool = False
    """Whether a generation that was refused may be tried again."""

    def root(self) -> bytes:
        """The trusted root.json; raises UnavailableError."""
        if self.trusted_root.lstrip().startswith("{"):
            return self.trusted_root.encode()
        path = Path(self.trusted_root)
        try:
            with path.open("rb") as file:
                return file.read(_MAX_ROOT_BYTES)
        except OSError as error:
            raise UnavailableError(
                f"The trusted root {path} cannot be read ({error.strerror}): set index.trusted_root to the text of the "
                "root.json that `python -m index_builder keys init` made, or to where it lies."
            ) from error


@dataclass(frozen=True)
class Outcome:
    """What became of it."""

    state: str
    """idle (all is as it should be), trial (another generation is active), refused, stale or failed."""
    reason: str = ""
    """Why, one sentence."""


@dataclass(frozen=True)
class Step:
    """How far it is."""

    state: str
    progress: int


def encode_orders(orders: Orders) -> bytes:
    """For the process's standard input."""
    return json.dumps(asdict(orders)).encode()


def decode_orders(data: bytes) -> Orders:
    """What was sent."""
    return Orders(**json.loads(data))


def encode_line(said: Step | Outcome) -> bytes:
    """One line of the process's standard output."""
    return json.dumps(asdict(said)).encode() + b"\n"


def decode_line(line: bytes) -> Step | Outcome | None:
    """What the line says; None where something else wrote it."""
    try:
        fields = json.loads(line)
        return Step(**fields) if "progress" in fields else Outcome(**fields)
    except (ValueError, TypeError):
        return None
