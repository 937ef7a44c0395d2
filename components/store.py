"""Index generations on a disk: immutable content-addressed objects, and one manifest per generation.

<index_dir>/objects/aa/<sha256>      written once, never changed
<index_dir>/generations/<seq>.json   the newest one is active,
<index_dir>/state.json               unless this names another: see index_state
"""

import hashlib
import os
import re
from pathlib import Path

import zstandard

from components.core.errors import FormatError, LookalikeError, UnavailableError
from components.core.generations import (
    MAX_MANIFEST_BYTES,
    MAX_OBJECT_BYTES,
    Manifest,
    ObjectRef,
    decode_manifest_of,
    encode_manifest,
)
from components.files import make_durable, write_whole
from components.index_state import read_state

MAX_ROWS_BYTES = 2**30
_MANIFEST_NAME = re.compile(r"(0|[1-9][0-9]{0,17})\.json")


class Store:
    """The generations and objects under one folder. Every read is verified, every write appears whole or not at all."""

    def __init__(self, index_dir: Path, manifests: str = "generations") -> None:
        self.index_dir = index_dir
        self._manifests = index_dir / manifests
        self._fresh: set[Path] = set()
        """Written, but perhaps not on the disk yet."""

    def active(self) -> int | None:
        """``seq`` of the generation to use, or None where there is none yet."""
        return next(iter(self.usable()), None)

    def usable(self) -> tuple[int, ...]:
        """The generations to use, best first: the others are for a case of need."""
        state = read_state(self.index_dir)
        if state is None:
            return self.seqs()[-1:]
        return tuple(seq for seq in state.kept if seq != state.staged)

    def is_given_up(self) -> bool:
        """Whether no generation may be used, because the only one that was there proved to be bad."""
        state = read_state(self.index_dir)
        return state is not None and state.active is None

    def seqs(self) -> tuple[int, ...]:
        """Every generation whose manifest is there, ascending."""
        try:
            names = [entry.name for entry in os.scandir(self._manifests)]
        except OSError:
            return ()
        found = (_MANIFEST_NAME.fullmatch(name) for name in names)
        return tuple(sorted(int(name[1]) for name in found if name))

    def require_active(self) -> int:
        """``seq`` of the generation to use; raises UnavailableError with what to do where there is none."""
        seq = self.active()
        if seq is None:
            raise UnavailableError(
                f"There is no index generation in {self.index_dir}: make one with `python -m index_builder build`."
            )
        return seq

    def manifest(self, seq: int) -> Manifest:
        """The manifest of generation ``seq``; raises FormatError or UnavailableError."""
        path = self.manifest_path(seq)
        try:
            return decode_manifest_of(seq, self.read_manifest_bytes(seq))
        except FormatError as error:
            raise FormatError(f"{path}: {error}") from error

    def read_manifest_bytes(self, seq: int) -> bytes:
        """The file of ``manifest(seq)``; raises FormatError or UnavailableError where there is none."""
        return _read(self.manifest_path(seq), MAX_MANIFEST_BYTES)

    def read_object(self, digest: str, max_bytes: int) -> bytes:
        """The object with the hash ``digest``; raises FormatError where it is damaged, too large or missing."""
        path = self.object_path(digest)
        data = _read(path, max_bytes)
        if hashlib.sha256(data).hexdigest() != digest:
            raise FormatError(
                f"{path} is damaged: its content does not have the hash of its name; build or fetch it again."
            )
        return data

    def read_ref(self, ref: ObjectRef) -> bytes:
        """The bytes of an object that a manifest names."""
        return self.read_object(ref.sha256, ref.size)

    def read_rows(self, ref: ObjectRef) -> bytes:
        """The NDJSON of a segment's rows, unpacked; raises FormatError."""
        packed = self.read_ref(ref)
        try:
            size = zstandard.frame_content_size(packed)
            if not 0 <= size <= MAX_ROWS_BYTES:
                raise zstandard.ZstdError(f"{size} bytes of content")
            return zstandard.ZstdDecompressor(max_window_size=2**27).decompress(packed) if size else b""
        except zstandard.ZstdError as error:
            path = self.object_path(ref.sha256)
            raise FormatError(f"{path} holds no readable rows ({error}); build or fetch it again.") from error

    def write_object(self, data: bytes) -> ObjectRef:
        """Keep ``data`` under its hash, on the disk for good with the next manifest; what is there whole stays."""
        digest = hashlib.sha256(data).hexdigest()
        if not self.holds(digest):
            path = self.object_path(digest)
            _write(path, data)
            self._fresh.add(path)
        return ObjectRef(digest, len(data))

    def holds(self, digest: str) -> bool:
        """Whether the object is there and whole."""
        try:
            self.read_object(digest, MAX_OBJECT_BYTES)
        except LookalikeError:
            return False
        return True

    def write_rows(self, ndjson: bytes) -> ObjectRef:
        """Keep a segment's rows, packed."""
        return self.write_object(zstandard.ZstdCompressor(level=10).compress(ndjson))

    def write_manifest(self, manifest: Manifest) -> Path:
        """Publish the generation: everything that it names must be there already."""
        path = self.manifest_path(manifest.seq)
        try:
            make_durable(
                self._fresh, self.index_dir
            )  # all at once: to wait for each of 10,000 thumbnails takes much longer
        except OSError as error:
            raise UnavailableError(f"{self.index_dir} cannot be written ({error.strerror}): check the disk.") from error
        self._fresh.clear()
        _write(path, encode_manifest(manifest), durable=True)
        return path

    def write_manifest_bytes(self, seq: int, data: bytes) -> None:
        """Keep a manifest as it was signed: everything that it names must be there already."""
        _write(self.manifest_path(seq), data, durable=True)

    def object_path(self, digest: str) -> Path:
        """Where the object lies."""
        return self.index_dir / "objects" / digest[:2] / digest

    def manifest_path(self, seq: int) -> Path:
        """Where the manifest lies."""
        return self._manifests / f"{seq}.json"


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(size) if size <= max_bytes else b""
    except FileNotFoundError as error:
        raise FormatError(f"{path} is missing: build or fetch the generation again.") from error
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be read ({error.strerror}): check its permissions and the disk."
        ) from error
    if size > max_bytes:
        raise FormatError(f"{path} is larger than the {max_bytes} bytes that it should have; build or fetch it again.")
    return data


def _write(path: Path, data: bytes, *, durable: bool = False) -> None:
    try:
        write_whole(path, data, durable=durable)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be written ({error.strerror}): check the permissions and the room on the disk."
        ) from error
