"""Fills greengrass-build/: a recipe and an artifact for every component, deployable as it stands."""

import platform
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.archive import epoch_of, write_zip
from recipes.bill import bill_of, licenses_of, read_wheel
from recipes.closure import files_of
from recipes.locks import lock_name
from recipes.parts import ROOT, UMBRELLA, Part
from recipes.wheels import Wanted, Wheels, collect, fetch_pip

PYTHONS = ("3.10", "3.11", "3.12")
BUILD_DIR = "greengrass-build"


@dataclass(frozen=True)
class Order:
    """What to build, and for whom."""

    out: Path
    pythons: tuple[str, ...] = PYTHONS
    profile: str | None = None
    with_wheels: bool = True
    wheelhouse: Path | None = None
    """A folder to take wheels from, instead of the network."""


@dataclass(frozen=True)
class Made:
    """What was built for one component."""

    name: str
    version: str
    recipe: Path
    artifact: Path | None
    wheels: int = 0
    missing: tuple[str, ...] = ()
    """Sentences: what this machine could not make."""


def build(parts: Sequence[Part], order: Order) -> list[Made]:
    """Build ``parts`` into ``order.out``, which is emptied before; raises UnavailableError where a wheel is not had."""
    shutil.rmtree(order.out, ignore_errors=True)
    epoch = epoch_of(ROOT)
    made = [_build(part, order, epoch) for part in parts]
    names = [part.name for part in parts]
    for part in parts:
        # GDK publishes the recipe that is called like the file behind its project's recipe.yaml; both nuclei skip it.
        if part.name == UMBRELLA or names == [part.name]:
            shutil.copyfile(part.file, order.out / "recipes" / part.file.name)
    return made


def _build(part: Part, order: Order, epoch: int) -> Made:
    version = part.recipe.version
    recipe = order.out / "recipes" / f"{part.name}-{version}.yaml"
    folder = order.out / "artifacts" / part.name / version
    folder.mkdir(parents=True)
    recipe.parent.mkdir(exist_ok=True)
    shutil.copyfile(part.file, recipe)
    if part.artifact is None or part.module is None:
        return Made(part.name, version, recipe, None)
    with tempfile.TemporaryDirectory() as scratch:
        wheels, tools = _wheels(part, order, Path(scratch), epoch)
        target = folder / f"{part.artifact}.zip"
        read = [read_wheel(file) for file in (*wheels.files, *tools)]
        beside = {
            f"{part.artifact}.cdx.json": bill_of(part.artifact, version, read, epoch),
            f"{part.artifact}.licenses.txt": licenses_of(read),
        }
        code = {name: file for module in part.modules for name, file in files_of(module, ROOT).items()}
        entries: dict[str, Path | bytes] = {**code, "LICENSE": ROOT / "LICENSE"}
        entries |= {f"{file.parent.name}/{file.name}": file for file in wheels.files}
        # Python runs pip where it lies, whatever the file is called.
        entries |= dict(zip(("pip.whl",), tools, strict=False))
        entries |= {"requirements.txt": wheels.requirements, **beside}
        write_zip(target, entries, epoch)
        for name, content in beside.items():
            (folder / name).write_bytes(content)
    return Made(part.name, version, recipe, target, len(wheels.files), wheels.missing)


def _wheels(part: Part, order: Order, scratch: Path, epoch: int) -> tuple[Wheels, tuple[Path, ...]]:
    """What is installed, and what installs it."""
    if not order.with_wheels:
        return Wheels((), b"", ()), ()
    wanted = Wanted(order.pythons, platform.machine(), order.wheelhouse)
    wheels = collect(lock_name(part.extra, order.profile), wanted, scratch / "collected", epoch)
    return wheels, (fetch_pip(wanted, scratch / "tools"),)


def table(made: Sequence[Made]) -> str:
    """What was built, a line each: component, version, bytes of the recipe, the artifact with its size and wheels."""
    rows = [("component", "version", "recipe", "artifact", "wheels")]
    for one in made:
        size = f"{one.artifact.name} {megabytes(one.artifact.stat().st_size)}" if one.artifact else "-"
        rows.append((one.name, one.version, f"{one.recipe.stat().st_size} bytes", size, str(one.wheels or "-")))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def megabytes(size: int) -> str:
    """``size`` bytes for a person."""
    return f"{size / 1e6:.1f} MB"
