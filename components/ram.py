"""The directory in RAM through which pictures pass: written aside, renamed, removed by the reader; never on flash."""

from pathlib import Path

from components.files import write_whole

DEFAULT_RAM_DIR = "/dev/shm/lookalike"  # noqa: S108  # RAM on purpose: frames never touch flash


def preview_path(ram_dir: Path, camera: str) -> Path:
    """Where the newest preview JPEG of ``camera`` lies."""
    return ram_dir / "preview" / f"{camera}.jpg"


def picture_path(ram_dir: Path, query_id: str) -> Path:
    """Where an uploaded picture waits for the featurizer (JPEG, PNG or WebP bytes)."""
    return ram_dir / "pictures" / query_id


def write_aside(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``, readable by this user alone, whole or not at all. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, data)
