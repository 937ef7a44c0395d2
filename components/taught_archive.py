"""Taught items as one file: for a backup, for another device, and for the builder who adopts them for the whole fleet.

A zip of ``manifest.json`` (format, and the sha256 of every other member), ``items.jsonl``, ``views.jsonl``, one
``embeddings/<model>.npy`` per model (fp16, one row per view of it, in their order) and ``thumbnails/<sha256>.webp``.
"""

import hashlib
import io
import json
import tokenize
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.core.errors import FormatError, UnavailableError
from components.core.taught import TaughtCatalog, TaughtItem, TaughtView
from components.files import write_whole

FORMAT = 1
KIND = "lookalike-taught"
MANIFEST = "manifest.json"
MAX_MEMBER_BYTES = 2**28
MAX_MEMBERS = 200_000
MAX_TOTAL_BYTES = 2**31
_AGAIN = "export the taught items again."


@dataclass(frozen=True)
class TaughtArchive:
    """What an archive holds, verified."""

    catalog: TaughtCatalog
    thumbnails: Mapping[str, bytes] = field(repr=False)
    """sha256 -> WebP."""


def exported(taught: TaughtCatalog) -> TaughtCatalog:
    """What of ``taught`` belongs into an archive: no drafts, and nothing that was taught here and removed."""
    items = {
        item_id: item
        for item_id, item in taught.items.items()
        if item.state in ("active", "hidden") or (item.state == "removed" and not item.own)
    }
    return TaughtCatalog(items, tuple(view for view in taught.views if view.item_id in items))


def write_archive(path: Path, catalog: TaughtCatalog, thumbnail: Callable[[str], bytes | None]) -> None:
    """Write ``catalog`` with the pictures that ``thumbnail`` gives for their digests; whole or not at all."""
    try:
        write_whole(path, encode_archive(catalog, thumbnail), durable=True)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written ({error.strerror}): choose another place.") from error


def encode_archive(catalog: TaughtCatalog, thumbnail: Callable[[str], bytes | None]) -> bytes:
    """The bytes of the archive: the same items give the same ones."""
    members: dict[str, bytes] = {
        "items.jsonl": _lines(asdict(item) for item in sorted(catalog.items.values(), key=lambda item: item.item_id)),
        "views.jsonl": _lines(_view_fields(view) for view in catalog.views),
    }
    for model in sorted({view.model for view in catalog.views}):
        members[f"embeddings/{model}.npy"] = _npy([view for view in catalog.views if view.model == model])
    for digest in sorted({view.thumbnail for view in catalog.views if view.thumbnail}):
        picture = thumbnail(digest)
        if picture is not None:
            members[f"thumbnails/{digest}.webp"] = picture
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    manifest = {"format": FORMAT, "kind": KIND, "members": hashes}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in ((MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode()), *members.items()):
            archive.writestr(zipfile.ZipInfo(name), data)  # of 1980: the time of writing must not change the bytes
    return buffer.getvalue()


def read_archive(path: Path) -> TaughtArchive:
    """The items in the file, every member verified; raises FormatError or UnavailableError."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path)
        items = [TaughtItem(**fields) for fields in _parsed(members["items.jsonl"])]
        views = _views(members)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read ({error.strerror or error}): check the path.") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        EOFError,
        SyntaxError,  # numpy reads the header of its files as Python
        tokenize.TokenError,
        MemoryError,
    ) as error:
        raise FormatError(f"{path} is no whole archive of taught items ({error!r:.200}): {_AGAIN}") from error
    pictures = {Path(name).stem: data for name, data in members.items() if name.startswith("thumbnails/")}
    if any(hashlib.sha256(data).hexdigest() != digest for digest, data in pictures.items()):
        raise FormatError(f"{path}: a picture does not have the hash of its name: {_AGAIN}")
    return TaughtArchive(TaughtCatalog({item.item_id: item for item in items}, tuple(views)), pictures)


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, bytes]:
    infos = archive.infolist()
    sizes = [max(info.file_size, info.compress_size) for info in infos]  # both are claims, and memory is taken for both
    if len(infos) > MAX_MEMBERS or max(sizes, default=0) > MAX_MEMBER_BYTES or sum(sizes) > MAX_TOTAL_BYTES:
        raise FormatError("the archive is larger than what is allowed")
    manifest = json.loads(archive.read(MANIFEST))
    if manifest.get("kind") != KIND:
        raise FormatError("this is no archive of taught items")
    if manifest["format"] != FORMAT:
        raise FormatError(f"the archive has format {manifest['format']}; this version reads {FORMAT}: update it")
    hashes: dict[str, str] = manifest["members"]
    if {info.filename for info in infos} != {*hashes, MANIFEST} or len(infos) != len(hashes) + 1:
        raise FormatError(f"the archive does not hold what its manifest lists: {_AGAIN}")
    members = {name: archive.read(name) for name in hashes}
    for name, data in members.items():
        if hashlib.sha256(data).hexdigest() != hashes[name]:
            raise FormatError(f"{name} is damaged: {_AGAIN}")
    return members


def _views(members: Mapping[str, bytes]) -> list[TaughtView]:
    rows: dict[str, int] = {}
    embeddings = {
        name.removeprefix("embeddings/").removesuffix(".npy"): np.load(io.BytesIO(data), allow_pickle=False)
        for name, data in members.items()
        if name.startswith("embeddings/")
    }
    views = []
    for fields in _parsed(members["views.jsonl"]):
        model = fields["model"]
        row = rows.setdefault(model, 0)
        rows[model] += 1
        views.append(TaughtView(**fields, embedding=np.asarray(embeddings[model][row], np.float32)))
    if any(len(matrix) != rows.get(model, 0) for model, matrix in embeddings.items()):
        raise FormatError(f"the embeddings do not fit the views: {_AGAIN}")
    if len({view.view_id for view in views}) != len(views):
        raise FormatError(f"a view is there twice: {_AGAIN}")
    return views


def _view_fields(view: TaughtView) -> dict[str, Any]:
    fields = asdict(view)
    del fields["embedding"]
    return fields


def _npy(views: list[TaughtView]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.stack([view.embedding for view in views]).astype("<f2"), allow_pickle=False)
    return buffer.getvalue()


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows).encode()


def _parsed(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.decode().splitlines() if line]
