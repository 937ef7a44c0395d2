"""The directory in RAM through which pictures pass: written aside, renamed, removed by the reader; never on flash."""

import os
from pathlib import Path

DEFAULT_RAM_DIR = "/dev/shm/lookalike"  # noqa: S108  # RAM on purpose: frames never touch flash


def preview_path(ram_dir: Path, camera: str) -> Path:
    """Where the newest preview JPEG of ``camera`` lies."""
    return ram_dir / "preview" / f"{camera}.jpg"


def picture_path(ram_dir: Path, query_id: str) -> Path:
    """Where an uploaded picture waits for the featurizer (JPEG, PNG or WebP bytes)."""
    return ram_dir / "pictures" / query_id


def write_aside(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` so that a reader sees the old bytes or the new ones, never a part."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(path)
