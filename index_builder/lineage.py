"""Keeps beside a generation what its vectors were made of, so that the next build can add to it."""

import base64
import gzip
import hashlib
import json
import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from components.core.errors import UnavailableError
from components.core.generations import Manifest
from components.core.segments import Vectors
from components.files import write_whole
from components.store import Store

log = logging.getLogger(__name__)

_KEPT = 4


@dataclass(frozen=True)
class Lineage:
    """Where a generation's vectors come from."""

    settings: Mapping[str, object]
    """What the build was asked for that shapes the projection and the decisions."""
    rendered_mean: Vectors = field(repr=False, compare=False)
    """Shape (raw_dim,): by which rendered views were centered."""
    keys: tuple[str, ...] = field(repr=False)
    """What each vector is made of, by ordinal; see wanted.Wanted."""


def write_lineage(lineage: Lineage, manifest: Manifest, store: Store) -> None:
    """Keep it under what names the vectors; before the manifest, so that there is no generation without."""
    document = {
        "settings": lineage.settings,
        "rendered_mean": base64.b64encode(lineage.rendered_mean.astype("<f4").tobytes()).decode(),
        "keys": lineage.keys,
    }
    path = _path(manifest, store)
    try:
        write_whole(path, gzip.compress(json.dumps(document).encode(), 3, mtime=0), durable=True)
        older = sorted(path.parent.glob("*.json.gz"), key=lambda one: one.stat().st_mtime)[:-_KEPT]
        for one in older:
            one.unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written ({error.strerror}): check the room on the disk.") from error


def read_lineage(manifest: Manifest, store: Store) -> Lineage | None:
    """That of the generation, or None where there is none that can be used: it only spares work."""
    path = _path(manifest, store)
    try:
        document = json.loads(gzip.decompress(path.read_bytes()))
        mean = np.frombuffer(base64.b64decode(document["rendered_mean"]), "<f4").astype(np.float32)
        lineage = Lineage(dict(document["settings"]), mean, tuple(map(str, document["keys"])))
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        log.info("nothing is known of what generation %d was made of: %s", manifest.seq, error)
        return None
    fits = len(lineage.keys) == sum(ref.count for ref in manifest.segments) and mean.size == manifest.model.dim
    return lineage if fits and bool(np.isfinite(mean).all()) else None


def _path(manifest: Manifest, store: Store) -> Path:
    parts = [manifest.projection, *(ref for segment in manifest.segments for ref in (segment.vectors, segment.rows))]
    digest = hashlib.sha256(" ".join(ref.sha256 for ref in parts).encode()).hexdigest()[:32]
    return store.index_dir / "work" / "lineage" / f"{digest}.json.gz"
