"""A channel's one home: the place to which a folder of keys published first."""

from contextlib import suppress
from pathlib import Path

from components.core.errors import LookalikeError
from index_builder.publish.private_keys import read_part, write_part

HOME = "home"
"""A file beside the keys: the address, nothing else."""


def another_home(keys: Path, address: str) -> str:
    """What a publisher to ``address`` should hear, where these keys have published to another place; "" where not."""
    with suppress(LookalikeError):
        home = read_part(keys / HOME).decode(errors="replace").strip()
        if home != _absolute(address):
            return (
                f"These keys have published to {home}. A channel has one home, for devices refuse a place that is "
                "older than one they have seen: publish there, and `copy` it here. If it moves for good, remove "
                f"{keys / HOME}."
            )
    return ""


def remember_home(keys: Path, address: str) -> None:
    """Keep where these keys published first; a folder that may not be written does without."""
    if not (keys / HOME).exists():
        with suppress(LookalikeError):
            write_part(keys / HOME, (_absolute(address) + "\n").encode(errors="replace"))


def _absolute(address: str) -> str:
    return address.rstrip("/") if address.startswith("s3://") else str(Path(address).expanduser().resolve())
