"""The wheels of one artifact: fetched by the hashes of its lock, or built where their project offers none."""

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from components.core.errors import UnavailableError
from recipes.annoy_wheel import ANNOY, build_annoy, flags_for, levels_for
from recipes.locks import BUILD, LOCKS, Pin, pins

# The newest glibc that a wheel may need. x86: that of Ubuntu 20.04. arm64: that of Ubuntu 22.04, for OpenVINO offers
# nothing for older ones since 2025.3.
_GLIBC_MINOR = {"x86_64": 31, "aarch64": 35}
_WORDS = 400


@dataclass(frozen=True)
class Wanted:
    """For which devices wheels are fetched."""

    pythons: tuple[str, ...]
    """Like "3.11"."""
    machine: str
    wheelhouse: Path | None = None
    """A folder to take wheels from, instead of the network."""
    locks: Path = LOCKS


@dataclass(frozen=True)
class Wheels:
    """What was fetched, and what could not be made here."""

    files: tuple[Path, ...]
    """Each in the folder that it has in the artifact: ``wheels``, or ``wheels-`` and the level of CPU that it needs."""
    requirements: bytes
    """For ``pip install --require-hashes``: exactly these files."""
    missing: tuple[str, ...]
    """Sentences."""


def collect(lock: str, wanted: Wanted, scratch: Path, epoch: int) -> Wheels:
    """The wheels of ``lock`` in folders of ``scratch``; raises UnavailableError where one cannot be had."""
    common = scratch / "wheels"
    common.mkdir(parents=True)
    by_python = {python: pins(lock, python, wanted.machine, wanted.locks) for python in wanted.pythons}
    missing = []
    for python, needed in by_python.items():
        _fetch([pin for pin in needed if pin.name != ANNOY], python, wanted, common)
        for pin in (pin for pin in needed if pin.name == ANNOY):
            targets = {flags_for(level): scratch / f"wheels-{level}" for level in levels_for(wanted.machine)}
            if not build_annoy(pin, python, targets, epoch):
                missing.append(f"there is no Python {python} here to build {ANNOY}'s wheel for it")
    files = tuple(sorted(scratch.glob("*/*.whl")))
    return Wheels(files, requirements(by_python, files), tuple(missing))


def fetch_pip(wanted: Wanted, scratch: Path) -> Path:
    """The wheel of pip in ``scratch``, for devices that have none; raises UnavailableError where it cannot be had."""
    python = wanted.pythons[0]
    _fetch(
        [pin for pin in pins(BUILD, python, wanted.machine, wanted.locks) if pin.name == "pip"], python, wanted, scratch
    )
    (found,) = scratch.glob("pip-*.whl")
    return found


def platforms(machine: str) -> list[str]:
    """The tags of wheels that the devices take, the oldest first; raises UnavailableError for another machine."""
    if machine not in _GLIBC_MINOR:
        raise UnavailableError(f"Nothing is built for {machine}, only for {' and '.join(_GLIBC_MINOR)}.")
    newer = (f"manylinux_2_{minor}" for minor in range(5, _GLIBC_MINOR[machine] + 1))
    return [f"{name}_{machine}" for name in ("linux", "manylinux1", "manylinux2010", "manylinux2014", *newer)]


def _fetch(needed: Sequence[Pin], python: str, wanted: Wanted, target: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("".join(pin.line() + "\n" for pin in needed))
        listed.flush()
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--require-hashes", "--requirement", listed.name, "--dest", str(target)]
        command += ["--implementation", "cp", "--python-version", python]
        command += [word for name in platforms(wanted.machine) for word in ("--platform", name)]
        if wanted.wheelhouse is not None:
            command += ["--no-index", "--find-links", str(wanted.wheelhouse)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise UnavailableError(f"pip could not fetch the wheels for Python {python}: {_last_words(done.stderr)}")


def _last_words(text: str) -> str:
    errors = [line for line in text.splitlines() if line.startswith("ERROR")] or text.splitlines()
    return " ".join(" ".join(errors).split())[:_WORDS]


def requirements(by_python: Mapping[str, Iterable[Pin]], files: Iterable[Path]) -> bytes:
    """A requirements file that names exactly ``files`` by their hashes, with a marker where not all need one."""
    hashes: dict[tuple[str, str], list[str]] = {}
    for file in files:
        name, version = file.name.split("-")[:2]
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        hashes.setdefault((canonicalize_name(name), version), []).append(f"--hash=sha256:{digest}")
    pythons: dict[tuple[str, str], list[str]] = {}
    for python, needed in by_python.items():
        for pin in needed:
            pythons.setdefault((canonicalize_name(pin.name), pin.version), []).append(python)
    lines = []
    for (name, version), users in sorted(pythons.items()):
        marker = " or ".join(f'python_version == "{python}"' for python in users)
        text = f"{name}=={version}" + (f" ; {marker}" if len(users) < len(by_python) else "")
        lines.append(" \\\n    ".join([text, *sorted(hashes.get((name, version), ()))]) + "\n")
    return "".join(lines).encode()


def is_version(text: str) -> bool:
    """Whether ``text`` names a Python like "3.11"."""
    return re.fullmatch(r"3\.\d+", text) is not None
