"""The commands that build and publish, and how their results are compared."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from recipes.parts import ROOT, Part, all_parts, chosen

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def cli(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``python -m recipes`` in the source tree."""
    command = [sys.executable, "-m", "recipes", *map(str, arguments)]
    return subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **(env or {})}
    )


def part_of(name: str) -> Part:
    """The component that ``name`` means."""
    return chosen(all_parts(), [name])[0]


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in ``folder``, by its path there."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


def digest(file: Path) -> str:
    """SHA-256 of ``file``."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
