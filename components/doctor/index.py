"""The index generation on the disk: is it whole, and is its model its own."""

import json
from typing import TYPE_CHECKING

from components.core.errors import FormatError, LookalikeError, UnavailableError
from components.doctor.finding import FAULT, OK, SKIPPED, Device, Finding

if TYPE_CHECKING:
    from components.core.generations import Manifest
    from components.store import Store

_AGAIN = "build or fetch the generation again"
_MAX_THUMBNAIL_BYTES = 64 * 1024


def check_index(device: Device) -> list[Finding]:
    """Every object of the active generation is read and its hash computed; then the model."""
    try:
        # Not every component's venv has what this needs.
        from components.store import Store
    except ImportError as error:
        said = f"it cannot be checked with this Python ({error.name} is missing)"
        return [Finding("index", SKIPPED, said, "run the doctor with the Searcher's or the Featurizer's venv")]
    store = Store(device.index_dir)
    try:
        manifest = store.manifest(store.require_active())
        read = _read_all(store, manifest)
    except UnavailableError as error:
        return [Finding("index", FAULT, str(error), "check the folder, its owner, and the setting index_dir")]
    except LookalikeError as error:
        return [Finding("index", FAULT, str(error), _AGAIN)]
    said = f"generation {manifest.seq} ({manifest.name}) is whole: {manifest.items} items, {manifest.views} views"
    return [Finding("index", OK, f"{said}, {read / 1e6:.1f} MB"), _model(store, manifest)]


def _read_all(store: "Store", manifest: "Manifest") -> int:
    """Read every object that the generation names; gives their bytes. Raises FormatError or UnavailableError."""
    from components.core.items import decode_rows

    refs = [manifest.projection, *manifest.model.files.values()]
    refs += [ref for segment in manifest.segments for ref in (segment.vectors, segment.rows)]
    size = sum(len(store.read_ref(ref)) for ref in refs)
    thumbnails = set()
    for segment in manifest.segments:
        rows = decode_rows(store.read_rows(segment.rows), first_ordinal=segment.first_ordinal, count=segment.count)
        thumbnails |= {row.item.thumbnail for row in rows if row.item.thumbnail}
    return size + sum(len(store.read_object(digest, _MAX_THUMBNAIL_BYTES)) for digest in thumbnails)


def _model(store: "Store", manifest: "Manifest") -> Finding:
    model = manifest.model
    try:
        said = json.loads(store.read_ref(model.file("model.json")))
        files = {name: model.file(name).sha256 for name in ("model.xml", "model.bin")}
        agrees = (said["digest"], said["dim"], dict(said["files"])) == (model.digest, model.dim, files)
    except FormatError as error:
        return Finding("model", FAULT, str(error), _AGAIN)
    except (ValueError, KeyError, TypeError) as error:
        return Finding("model", FAULT, f"model.json cannot be read ({error!r})", _AGAIN)
    if not agrees:
        text = f"model.json describes another model than generation {manifest.seq}, which names {model.digest[:12]}"
        return Finding("model", FAULT, text, _AGAIN)
    return Finding("model", OK, f"{model.name}, digest {model.digest[:12]}, {model.dim} numbers")
