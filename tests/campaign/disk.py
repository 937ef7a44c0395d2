"""A small disk of its own that may become full or read-only."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

SIZE_MB = 96


class Disk:
    """A mounted file system of 96 MB at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, left_bytes: int = 16_384) -> None:
        """Leave room for one small file: all others fail with ENOSPC."""
        with self._ballast.open("ab", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(65_536))
            file.truncate(file.tell() - left_bytes)

    def make_room(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def set_read_only(self, read_only: bool) -> None:
        """As a kernel does to a disk with errors; here once nobody writes any more."""
        subprocess.run(["mount", "-o", f"remount,{'ro' if read_only else 'rw'}", self.path], check=True)


def why_not() -> str:
    """Why no disk can be mounted here; "" where it can."""
    if os.geteuid() != 0:
        return "only root may mount a disk"
    done = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], check=False, capture_output=True
    )
    return "" if done.returncode == 0 else "no disk can be mounted here: " + done.stderr.decode().strip()


@contextlib.contextmanager
def mounted(path: Path) -> Iterator[Disk]:
    """A disk at ``path`` until the end of the block; where none can be mounted, a folder."""
    path.mkdir()
    real = not why_not()
    if real:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "campaign", path], check=True)
    try:
        yield Disk(path)
    finally:
        if real:
            subprocess.run(["umount", "--lazy", path], check=True)
