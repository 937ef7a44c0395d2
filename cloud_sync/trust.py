"""Which generations a channel offers, as its signatures prove: python-tuf's client over bytes that others fetch."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from cloud_sync.index.orders import CHANNEL
from components.core.errors import (
    FormatError,
    LookalikeError,
    NotThereError,
    StaleError,
    UnavailableError,
    UntrustedError,
)
from components.core.fields import is_sha256
from components.core.generations import MAX_MANIFEST_BYTES

CHANNEL_FIELD = "lookalike-channel"
"""In the targets: so that keys that sign for two channels do not make one pass for the other."""
MAX_ROOT_BYTES = 64 * 1024
MAX_METADATA_BYTES = 256 * 1024
_TARGET = re.compile(r"([1-9][0-9]{0,17})\.json")
_NOT_THERE = 404
_LIMITS = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=1,
    root_max_length=MAX_ROOT_BYTES,
    timestamp_max_length=16 * 1024,
    snapshot_max_length=MAX_METADATA_BYTES,
    targets_max_length=MAX_METADATA_BYTES,
)

_MEANINGS: dict[type[Exception], str] = {
    BadVersionNumberError: "it is older than what was here before, or not of one piece: take the newest copy",
    UnsignedMetadataError: "other keys signed it than the trusted root.json names: give the 1.root.json of the keys "
    "that publish this channel, and copy it again if they were replaced since",
}

Fetch = Callable[[str, int], bytes]
"""The file at a path of the publisher's place, of at most so many bytes; raises NotThereError, UnavailableError, or
FormatError where it is larger."""


class Trust:
    """A channel's signed metadata as a device sees it, verified by python-tuf; knows no network.

    ``metadata_dir`` keeps what was verified, so that older metadata is refused; it may be lost at any time.
    ``trusted_root`` is a root.json of the channel, got on a way that is trusted.
    """

    def __init__(self, metadata_dir: Path, trusted_root: bytes, fetch: Fetch, channel: str) -> None:
        if not CHANNEL.fullmatch(channel):
            raise FormatError(f"A channel cannot be called {channel!r}: use a to z, 0 to 9 and -, at most 32.")
        self._metadata_dir = metadata_dir
        self._trusted_root = trusted_root
        self._fetch = fetch
        self._channel = channel
        self._updater: Updater | None = None

    def refresh(self) -> None:
        """Fetch and verify the newest metadata; raises UntrustedError (StaleError: expired) or UnavailableError."""
        self._updater = None
        self._require_root()
        with self._converting("metadata"):
            self._metadata_dir.mkdir(parents=True, exist_ok=True)
            for left_over in self._metadata_dir.glob("tmp*"):  # of a process that was killed while it wrote
                left_over.unlink(missing_ok=True)
            updater = Updater(
                str(self._metadata_dir),
                f"{self._channel}/metadata",
                fetcher=_Fetcher(self._fetch),
                config=_LIMITS,
                bootstrap=self._trusted_root,
            )
            updater.refresh()
            of = self._targets().unrecognized_fields.get(CHANNEL_FIELD)
        if of != self._channel:
            # Else its versions would be what this channel must pass, and the true ones be refused for ever.
            for name in ("timestamp", "snapshot", "targets"):
                (self._metadata_dir / f"{name}.json").unlink(missing_ok=True)
            raise UntrustedError(f"What lies as channel {self._channel} was signed for channel {of!r}: it is refused.")
        self._updater = updater

    def versions(self) -> tuple[int, ...]:
        """The ``seq`` of every generation on offer, ascending; asks for a ``refresh`` first."""
        with self._converting("targets"):
            self._refreshed()
            targets = self._targets().targets
        found = (_TARGET.fullmatch(name) for name in targets)
        return tuple(sorted(int(name[1]) for name in found if name))

    def manifest(self, seq: int) -> bytes:
        """The manifest of generation ``seq``, as it was signed; raises as ``refresh``, NotThereError for no such."""
        with self._converting(f"generation {seq}"):
            target = self._target(seq)
            data = self._fetch(f"{self._channel}/targets/{target.hashes['sha256']}.{seq}.json", target.length)
            target.verify_length_and_hashes(data)
        return data

    def digest(self, seq: int) -> str:
        """The sha256 of that manifest; fetches nothing after a ``refresh``, raises as ``manifest``."""
        with self._converting(f"generation {seq}"):
            return self._target(seq).hashes["sha256"]

    def _target(self, seq: int) -> TargetFile:
        target = self._refreshed().get_targetinfo(f"{seq}.json")
        if target is None:
            offered = ", ".join(map(str, self.versions())) or "none"
            raise NotThereError(f"Channel {self._channel} has no generation {seq}: it offers {offered}.")
        self._require_allowed(seq, target)
        return target

    def _require_root(self) -> None:
        """Told apart from what lies in the place: it is not the publisher's fault."""
        try:
            metadata = Metadata[Root].from_bytes(self._trusted_root)
            if metadata.signed.type != Root.type:
                raise ValueError(f"it is a {metadata.signed.type}")
            metadata.signed.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
        except (RepositoryError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UntrustedError(
                f"The trusted root.json of channel {self._channel} is refused ({error}): give the 1.root.json that "
                "`python -m index_builder keys init` made, as it is. The index stays."
            ) from error

    def _refreshed(self) -> Updater:
        if self._updater is None:
            self.refresh()
        assert self._updater is not None  # noqa: S101  # refresh raises or makes it
        return self._updater

    def _targets(self) -> Targets:
        """What the updater has just verified: it has no method that lists the names."""
        return Metadata[Targets].from_file(str(self._metadata_dir / "targets.json")).signed

    def _require_allowed(self, seq: int, target: TargetFile) -> None:
        if not is_sha256(target.hashes.get("sha256")) or target.length > MAX_MANIFEST_BYTES:
            raise UntrustedError(
                f"Channel {self._channel} signs generation {seq} without a sha256 or with {target.length} bytes, more "
                f"than the {MAX_MANIFEST_BYTES} that are allowed: publish it again."
            )

    @contextmanager
    def _converting(self, what: str) -> Iterator[None]:
        """Turn the library's errors into ours."""
        where = f"The {what} of channel {self._channel}"
        try:
            yield
        except LookalikeError:
            raise
        except ExpiredMetadataError as error:
            raise StaleError(
                f"{where} cannot be used: {error}. Have the publisher run `python -m index_builder sign --timestamp`, "
                "and look at the clock of this machine."
            ) from error
        except DownloadError as error:
            raise _cause(error, f"{where} cannot be fetched: {error}.") from error
        except (RepositoryError, LengthOrHashMismatchError) as error:
            meaning = next((f" ({words})" for kind, words in _MEANINGS.items() if isinstance(error, kind)), "")
            said = f"{error or type(error).__name__}{meaning}"
            raise UntrustedError(f"{where} is refused: {said}. The index stays.") from error
        except OSError as error:
            raise UnavailableError(
                f"{self._metadata_dir} cannot be used ({error.strerror}): check its permissions and the room on the "
                "disk."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            # Signed or not: what the library does not understand is no reason to stop.
            raise UntrustedError(f"{where} is refused: it is not understood ({error!r}). The index stays.") from error


class _Fetcher(FetcherInterface):
    """Gives python-tuf what ``fetch`` gives; an error of ours travels as the cause of the library's own."""

    def __init__(self, fetch: Fetch) -> None:
        self._from = fetch

    def download_bytes(self, url: str, max_length: int) -> bytes:
        try:
            return self._from(url, max_length)
        except NotThereError as error:
            raise DownloadHTTPError(str(error), _NOT_THERE) from error
        except LookalikeError as error:
            raise DownloadError(str(error)) from error

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self.download_bytes(url, MAX_METADATA_BYTES)


def _cause(error: DownloadError, otherwise: str) -> LookalikeError:
    cause = error.__cause__
    return cause if isinstance(cause, LookalikeError) else UnavailableError(otherwise)
