"""Index generations on a disk: immutable content-addressed objects, and one manifest per generation.

<index_dir>/objects/aa/<sha256>      written once, never changed
<index_dir>/generations/<seq>.json   the newest one is active
"""

import hashlib
import os
from pathlib import Path

import zstandard

from components.core.errors import FormatError, UnavailableError
from components.core.generations import (
    MAX_MANIFEST_BYTES,
    Manifest,
    ObjectRef,
    decode_manifest,
    encode_manifest,
)
from components.files import write_whole

MAX_ROWS_BYTES = 2**31


class Store:
    """The generations and objects under one folder. Every read is verified, every write appears whole or not at all."""

    def __init__(self, index_dir: Path) -> None:
        self.index_dir = index_dir

    def active(self) -> int | None:
        """``seq`` of the generation to use, or None where there is none yet."""
        folder = self.index_dir / "generations"
        try:
            names = [entry.name for entry in os.scandir(folder)]
        except OSError:
            return None
        seqs = [int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit()]
        return max(seqs, default=None)

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
        path = self._manifest_path(seq)
        data = _read(path, MAX_MANIFEST_BYTES)
        try:
            manifest = decode_manifest(data)
        except FormatError as error:
            raise FormatError(f"{path}: {error}") from error
        if manifest.seq != seq:
            raise FormatError(f"{path} says that it is generation {manifest.seq}: build or fetch it again.")
        return manifest

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
            with zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(packed) as reader:
                data = reader.read(MAX_ROWS_BYTES)
        except zstandard.ZstdError as error:
            path = self.object_path(ref.sha256)
            raise FormatError(f"{path} holds no readable rows ({error}); build or fetch it again.") from error
        return data

    def write_object(self, data: bytes) -> ObjectRef:
        """Keep ``data`` under its hash; what is there already is not written again."""
        digest = hashlib.sha256(data).hexdigest()
        path = self.object_path(digest)
        if not path.exists():
            _write_durably(path, data)
        return ObjectRef(digest, len(data))

    def write_rows(self, ndjson: bytes) -> ObjectRef:
        """Keep a segment's rows, packed."""
        return self.write_object(zstandard.ZstdCompressor(level=10).compress(ndjson))

    def write_manifest(self, manifest: Manifest) -> Path:
        """Publish the generation: everything that it names must be there already."""
        path = self._manifest_path(manifest.seq)
        _write_durably(path, encode_manifest(manifest))
        return path

    def object_path(self, digest: str) -> Path:
        """Where the object lies."""
        return self.index_dir / "objects" / digest[:2] / digest

    def _manifest_path(self, seq: int) -> Path:
        return self.index_dir / "generations" / f"{seq}.json"


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise FormatError(f"{path} is missing: build or fetch the generation again.") from error
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be read ({error.strerror}): check its permissions and the disk."
        ) from error
    if len(data) > max_bytes:
        raise FormatError(f"{path} is larger than the {max_bytes} bytes that it should have; build or fetch it again.")
    return data


def _write_durably(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data, durable=True)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be written ({error.strerror}): check the permissions and the room on the disk."
        ) from error
