"""Zip files that depend on nothing but their content and one point in time."""

import os
import subprocess
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

# The first moment that a zip file can name.
_EARLIEST = 315_532_800


def epoch_of(root: Path) -> int:
    """The time that everything made from ``root`` bears: SOURCE_DATE_EPOCH, or that of its commit, in s since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH") or _commit_time(root)
    return max(int(given), _EARLIEST) if given.isdecimal() else _EARLIEST


def _commit_time(root: Path) -> str:
    try:
        command = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def write_zip(target: Path, entries: Mapping[str, Path | bytes], epoch: int) -> None:
    """Write ``entries`` (a file, or bytes, by name) to ``target``, sorted; wheels are not compressed again."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in sorted(entries.items()):
            info = zipfile.ZipInfo(name, time.gmtime(epoch)[:6])
            info.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            info.external_attr = 0o100644 << 16
            info.create_system = 3
            archive.writestr(info, content if isinstance(content, bytes) else content.read_bytes(), compresslevel=9)
