"""The directory in RAM through which pictures pass: written aside, renamed, removed by the reader; never on flash."""

import contextlib
from pathlib import Path

from components.files import write_whole

DEFAULT_RAM_DIR = "/dev/shm/lookalike"  # noqa: S108  # RAM on purpose: frames never touch flash


def preview_path(ram_dir: Path, camera: str) -> Path:
    """Where the newest preview JPEG of ``camera`` lies."""
    return ram_dir / "preview" / f"{camera}.jpg"


def picture_path(ram_dir: Path, query_id: str) -> Path:
    """Where an uploaded picture waits for the featurizer (JPEG, PNG or WebP bytes)."""
    return ram_dir / "pictures" / query_id


def taught_picture_path(ram_dir: Path, request_id: str) -> Path:
    """Where the small picture of a taught view waits for the searcher (WebP bytes)."""
    return ram_dir / "taught" / request_id


def forget_pictures(ram_dir: Path) -> None:
    """Remove the pictures on their way to another component: nobody waits for an answer any more."""
    for path in (*(ram_dir / "pictures").glob("*"), *(ram_dir / "taught").glob("*")):
        with contextlib.suppress(OSError):
            path.unlink()


def remove_empty(ram_dir: Path) -> None:
    """Remove what is empty of the directory in RAM; where another component still has something, it stays."""
    for folder in (ram_dir / "preview", ram_dir / "pictures", ram_dir / "taught", ram_dir):
        with contextlib.suppress(OSError):
            folder.rmdir()


def write_aside(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``, readable by this user alone, whole or not at all. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, data)
