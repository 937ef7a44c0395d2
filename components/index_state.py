"""Which generation a device runs: ``<index_dir>/state.json``, written by cloud_sync alone, read by all.

Two copies, each whole or not there: where a disk lost one, the other one counts. A folder without them is one that
a builder filled: its newest generation counts.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from components.core.errors import FormatError, UnavailableError
from components.core.fields import count, is_sha256, text
from components.core.generations import FORMAT as MANIFEST_FORMAT
from components.files import write_whole

FORMAT = 1
STATE_FILES = ("state.json", "state-copy.json")
MAX_STATE_BYTES = 64 * 1024
_MAX_REFUSED = 20
_MAX_REASON = 300


@dataclass(frozen=True)
class Refusal:
    """A generation that proved to be bad."""

    reason: str
    desired: str
    """The version that was asked for then; another one may bring the generation back."""
    channel: str = ""
    """Where it was to come from: another channel's generation of the same number is another one."""
    by_format: int = MANIFEST_FORMAT
    """What this program could read then; a newer program may find it good."""


@dataclass(frozen=True)
class IndexState:
    """One state of a device's index; every method gives the next one."""

    active: int | None = None
    """``seq`` of the generation in use; None is the empty index."""
    previous: int | None = None
    """The last one that proved itself, to go back to."""
    staged: int | None = None
    """Whole on the disk, not proved yet."""
    trial: bool = False
    """Whether the active one still has to prove itself."""
    channel: str = ""
    """Where the active one came from ..."""
    desired: str = ""
    """... and the version that was asked for then."""
    high_water_mark: Mapping[str, int] = field(default_factory=dict)
    """Channel -> the highest ``seq`` that was ever active; ``latest`` never goes below it."""
    manifests: Mapping[int, str] = field(default_factory=dict)
    """sha256 of the manifests that count, by ``seq``."""
    refused: Mapping[int, Refusal] = field(default_factory=dict)

    @property
    def kept(self) -> tuple[int, ...]:
        """The generations whose objects must stay, best first."""
        several = (self.active, self.previous, self.staged)
        return tuple(dict.fromkeys(seq for seq in several if seq is not None))

    def refusal(self, seq: int, desired: str, channel: str) -> Refusal | None:
        """Why ``seq`` of ``channel`` is not to be tried though ``desired`` is asked for; None where it may be."""
        found = self.refused.get(seq)
        asked = (desired, channel, MANIFEST_FORMAT)
        return found if found is not None and (found.desired, found.channel, found.by_format) == asked else None

    def with_staged(self, seq: int, digest: str) -> "IndexState":
        """``seq``, whose manifest has the hash ``digest``, is whole on the disk."""
        return replace(self, staged=seq, manifests={**self.manifests, seq: digest})._pruned()

    def committed(self, channel: str, desired: str = "") -> "IndexState":
        """The staged one is active, on trial, as ``desired``; what proved itself before it is what to go back to."""
        if self.staged is None:
            raise ValueError("no generation is staged")
        proved = self.previous if self.trial or self.active == self.staged else self.active
        mark = max(self.staged, self.high_water_mark.get(channel, 0))
        return replace(
            self,
            active=self.staged,
            previous=None if proved == self.staged else proved,
            staged=None,
            trial=True,
            channel=channel,
            desired=desired,
            high_water_mark={**self.high_water_mark, channel: mark},
            refused={seq: refusal for seq, refusal in self.refused.items() if seq != self.staged},
        )._pruned()

    def confirmed(self) -> "IndexState":
        """The active one has proved itself."""
        return replace(self, trial=False)

    def rolled_back(self, reason: str) -> "IndexState":
        """The previous one is active again, and the one that was it is refused."""
        back = replace(self, active=self.previous, previous=None, trial=False)
        return back if self.active is None else back.with_refused(self.active, reason, self.desired, self.channel)

    def without_active(self) -> "IndexState":
        """The disk lost the active one: the previous one takes its place, and nothing is refused."""
        return replace(self, active=self.previous, previous=None, trial=False)._pruned()

    def taken_from(self, channel: str) -> "IndexState":
        """The active one is that of ``channel``, too."""
        mark = max(self.active or 0, self.high_water_mark.get(channel, 0))
        return replace(self, channel=channel, high_water_mark={**self.high_water_mark, channel: mark})

    def with_refused(self, seq: int, reason: str, desired: str, channel: str) -> "IndexState":
        """``seq`` is not to be tried again while ``desired`` of ``channel`` is asked for."""
        others = [(other, refusal) for other, refusal in self.refused.items() if other != seq]
        refused = dict([*others, (seq, Refusal(reason[:_MAX_REASON], desired, channel))][-_MAX_REFUSED:])
        return replace(self, staged=None if self.staged == seq else self.staged, refused=refused)._pruned()

    def _pruned(self) -> "IndexState":
        return replace(self, manifests={seq: digest for seq, digest in self.manifests.items() if seq in self.kept})


def encode_state(state: IndexState) -> bytes:
    """The state's file: JSON with a checksum."""
    document: dict[str, Any] = {"format": FORMAT, **asdict(state)}
    return json.dumps({**document, "crc": _crc(document)}, ensure_ascii=False, indent=1).encode()


def decode_state(data: bytes) -> IndexState:
    """The state in the bytes of a file; raises FormatError."""
    try:
        document = json.loads(data)
        said = document.pop("crc")
        if document["format"] != FORMAT or said != _crc(document):
            raise ValueError("its checksum or format is another")
        return _state(document)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise FormatError(
            f"The state of the index is damaged ({error!r}): the copy or what is there counts."
        ) from error


def read_state(index_dir: Path) -> IndexState | None:
    """The first whole one of both copies; None where there is none."""
    for name in STATE_FILES:
        try:
            with (index_dir / name).open("rb") as file:
                return decode_state(file.read(MAX_STATE_BYTES))
        except (OSError, FormatError):
            continue
    return None


def write_state(index_dir: Path, state: IndexState) -> None:
    """Make ``state`` count, by one rename; it has reached the disk then. Raises UnavailableError."""
    data = encode_state(state)
    try:
        for name in STATE_FILES:
            write_whole(index_dir / name, data, durable=True)
    except OSError as error:
        raise UnavailableError(
            f"The state of the index cannot be written to {index_dir} ({error.strerror}): check the permissions and "
            "the room on the disk."
        ) from error


def _crc(document: Mapping[str, Any]) -> int:
    # Keys of a mapping are text once they were in a file.
    return zlib.crc32(json.dumps(json.loads(json.dumps(document)), sort_keys=True).encode())


def _state(document: Mapping[str, Any]) -> IndexState:
    manifests = {_seq(seq): text(digest) for seq, digest in document["manifests"].items()}
    if not all(is_sha256(digest) for digest in manifests.values()):
        raise ValueError("a manifest has no sha256")
    trial = document["trial"]
    if not isinstance(trial, bool):
        raise TypeError(f"{trial!r} is not true or false")
    return IndexState(
        active=_maybe(document["active"]),
        previous=_maybe(document["previous"]),
        staged=_maybe(document["staged"]),
        trial=trial,
        channel=text(document["channel"]),
        desired=text(document["desired"]),
        high_water_mark={text(channel): count(seq) for channel, seq in document["high_water_mark"].items()},
        manifests=manifests,
        refused={
            _seq(seq): Refusal(
                text(refusal["reason"]),
                text(refusal["desired"]),
                text(refusal["channel"]),
                count(refusal["by_format"]),
            )
            for seq, refusal in document["refused"].items()
        },
    )


def _maybe(value: object) -> int | None:
    return None if value is None else count(value)


def _seq(value: str) -> int:
    if not value.isascii() or not value.isdecimal():
        raise ValueError(f"{value!r} is no generation")
    return int(value)
