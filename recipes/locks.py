"""Hash-locked requirements, one file per component for all platforms; which of them one Python on Linux needs."""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from components.core.errors import FormatError, UnavailableError
from recipes.parts import ROOT

LOCKS = ROOT / "recipes" / "locks"
PROFILES = {"gen9": ("featurizer", ("openvino==2024.6.0",))}
"""Which component's lock a profile replaces, and what it pins."""
# What builds the wheels that their project does not offer, and what installs all of them on a device.
BUILD = "build"
_BUILD_NEEDS = "pip>=24\nsetuptools>=77\n"
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One distribution of a lock: exactly this version, one of these files."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def line(self) -> str:
        """As a line of a requirements file."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash={value}" for value in self.hashes)])


def lock_name(extra: str, profile: str | None) -> str:
    """The lock of a component, in a profile that may replace it."""
    replaced = profile is not None and PROFILES[profile][0] == extra
    return f"{extra}-{profile}" if replaced else extra


def pins(name: str, python: str, machine: str, locks: Path = LOCKS) -> list[Pin]:
    """What the lock ``name`` holds for Python ``python`` ("3.11") on Linux ``machine``; raises FormatError."""
    file = locks / f"{name}.txt"
    try:
        text = file.read_text(encoding="ascii").replace("\\\n", " ")
    except FileNotFoundError as error:
        raise FormatError(f"{file} is missing: make it with python -m recipes lock.") from error
    environment = _environment(python, machine)
    found = []
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        pin, requirement = _pin(line, file)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found.append(pin)
    return found


def _pin(line: str, file: Path) -> tuple[Pin, Requirement]:
    try:
        requirement = Requirement(line.partition("--hash")[0].strip())
        (only,) = requirement.specifier
    except (InvalidRequirement, ValueError) as error:
        raise FormatError(f"{file} has the line {line[:60]!r}, not name==version --hash=...: make it again.") from error
    hashes = tuple(_HASH.findall(line))
    if only.operator != "==" or not hashes:
        raise FormatError(f"{file} does not pin {requirement.name} with hashes: make it again.")
    return Pin(requirement.name, only.version, hashes), requirement


def _environment(python: str, machine: str) -> dict[str, str]:
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        # Markers that tell patch releases apart mean the newest one.
        "python_full_version": f"{python}.99",
        "python_version": python,
        "sys_platform": "linux",
        "extra": "",
    }


def make_locks(extras: list[str], locks: Path = LOCKS) -> list[Path]:
    """Resolve the groups ``extras`` of pyproject.toml, every profile of them, and the build's own tools.

    Raises UnavailableError where uv is missing or finds no solution.
    """
    locks.mkdir(exist_ok=True)
    made = [_compile(locks / f"{extra}.txt", str(ROOT / "pyproject.toml"), "--extra", extra) for extra in extras]
    with tempfile.TemporaryDirectory() as scratch:
        for profile, (extra, needs) in PROFILES.items():
            if extra in extras:
                pinned = Path(scratch, f"{profile}.txt")
                pinned.write_text("\n".join(needs))
                more = ("--extra", extra, "--constraint", str(pinned))
                made.append(_compile(locks / f"{extra}-{profile}.txt", str(ROOT / "pyproject.toml"), *more))
        tools = Path(scratch, "build.in")
        tools.write_text(_BUILD_NEEDS)
        made.append(_compile(locks / f"{BUILD}.txt", str(tools)))
    return made


def _compile(target: Path, source: str, *more: str) -> Path:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise UnavailableError("uv is needed to make the locks: pip install uv.")
    command = [uv, "pip", "compile", source, *more, "--universal", "--python-version", "3.10", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--no-python-downloads"]
    command += ["--quiet", "--output-file", str(target)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise UnavailableError(f"uv could not make {target.name}: {' '.join(done.stderr.split())}")
    return target
