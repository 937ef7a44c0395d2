"""pip against the package registry; a test that cannot reach it is skipped, and only that one."""

import subprocess
import sys
from pathlib import Path

import pytest


def pip(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def pip_or_skip(scratch: Path, *arguments: object) -> None:
    """Run pip; where it fails although it reaches the registry, the test fails."""
    done = pip(*arguments)
    if done.returncode != 0:
        if pip("download", "--quiet", "--no-deps", "--no-cache-dir", "--dest", scratch, "pip").returncode != 0:
            pytest.skip(f"the package registry cannot be reached: {done.stderr[-200:]}")
        pytest.fail(done.stderr)
