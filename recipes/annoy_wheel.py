"""Annoy's wheels: one for every CPU of the device class, and where that pays a faster one for newer CPUs.

Annoy is offered as source only and compiles for the CPU that it is built on; a wheel's name does not tell, so neither
such a wheel nor one out of pip's cache may get to a device.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from components.core.errors import UnavailableError
from components.searcher.instruction_set import LEVELS
from recipes.locks import BUILD, LOCKS, Pin

ANNOY = "annoy"
# The list replaces annoy's own. Without debug information the result does not tell where it was built.
_FLAGS = "-D_CRT_SECURE_NO_WARNINGS,-fpermissive,-O3,-ffast-math,-DANNOYLIB_MULTITHREADED_BUILD,-std=c++14,-g0"


def flags_for(level: str) -> str:
    """The compiler's arguments for the CPUs of ``level`` (gcc's ``-march``), as ANNOY_COMPILER_ARGS takes them."""
    return f"{_FLAGS},-march={level}"


def levels_for(machine: str) -> tuple[str, ...]:
    """For which CPUs wheels are built on ``machine``; raises UnavailableError where that is not known."""
    if machine not in LEVELS:
        raise UnavailableError(f"{ANNOY}'s wheel is not built on {machine}, only on {' and '.join(LEVELS)}.")
    return LEVELS[machine]


def build_annoy(pin: Pin, python: str, targets: Mapping[str, Path], epoch: int) -> bool:
    """Build the wheel of ``pin`` for Python ``python`` once per entry of ``targets``: compiler's arguments -> folder.

    False where that Python is not on this machine. Raises UnavailableError where the source cannot be fetched or
    compiled.
    """
    interpreter = find_python(python)
    if interpreter is None:
        return False
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _run([interpreter, "-m", "venv", str(folder / "venv")], python)
        own = str(folder / "venv" / "bin" / "python")
        install = ["install", "--require-hashes", "--no-deps", "--requirement", str(LOCKS / f"{BUILD}.txt")]
        _run([own, "-m", "pip", *install], python)
        (folder / "annoy.txt").write_text(pin.line() + "\n")
        wheel = ["wheel", "--no-cache-dir", "--no-deps", "--require-hashes", "--no-binary", ANNOY]
        wheel += ["--no-build-isolation", "--use-pep517", "--requirement", str(folder / "annoy.txt")]
        for flags, target in targets.items():
            target.mkdir(parents=True, exist_ok=True)
            _run([own, "-m", "pip", *wheel, "--wheel-dir", str(target)], python, environment(epoch, flags))
    return True


def environment(epoch: int, flags: str) -> dict[str, str]:
    """In which annoy is built with the compiler's arguments ``flags``: the same bytes every time."""
    return {
        **os.environ,
        "ANNOY_COMPILER_ARGS": flags,
        "CFLAGS": "",
        "LDFLAGS": "-Wl,--build-id=none -s",
        "SOURCE_DATE_EPOCH": str(epoch),
    }


def find_python(version: str) -> str | None:
    """An interpreter of ``version`` ("3.11") that works and has pip: this one, one on the path, or one of pyenv."""
    mine = [sys.executable] if f"{sys.version_info.major}.{sys.version_info.minor}" == version else []
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = [shutil.which(f"python{version}"), *map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))]
    for candidate in (*mine, *filter(None, found)):
        check = f"import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != {version!r})"
        if subprocess.run([candidate, "-c", check], check=False, capture_output=True).returncode == 0:
            return candidate
    return None


def _run(command: list[str], python: str, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
    if done.returncode != 0:
        words = " ".join((done.stderr or done.stdout).split())[-400:]
        raise UnavailableError(f"{ANNOY}'s wheel for Python {python} could not be built: ... {words}")
