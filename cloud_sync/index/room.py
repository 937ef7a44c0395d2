"""Whether what is to be fetched has room on the disk."""

import shutil
from pathlib import Path

from components.core.errors import UnavailableError
from components.core.generations import Manifest

_ANNOY_FACTOR = 4
"""Annoy's file holds the base in float32, twice as large, and its trees."""


def require_room(index_dir: Path, missing_bytes: int, keep_free_bytes: int) -> None:
    """Raise UnavailableError unless ``missing_bytes`` fit and ``keep_free_bytes`` stay free."""
    try:
        free = shutil.disk_usage(index_dir).free
    except OSError as error:
        raise UnavailableError(f"The room in {index_dir} cannot be told ({error.strerror}).") from error
    if missing_bytes + keep_free_bytes > free:
        raise UnavailableError(
            f"The disk of {index_dir} has {free / 1e6:.0f} MB free; the new generation takes "
            f"{missing_bytes / 1e6:.1f} MB, and {keep_free_bytes / 1e6:.0f} MB must stay free: make room, or set "
            "keep_free_mbytes."
        )


def annoy_bytes(manifest: Manifest) -> int:
    """What the searcher's own file about the generation will take, about."""
    return sum(_ANNOY_FACTOR * segment.vectors.size for segment in manifest.segments if not segment.tail)
