"""GDK itself, as the manual has it installed, builds and publishes the components; skipped where it is not."""

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from artifacts import HERE, cli, digests
from aws_stub import ACCOUNT, REGION, Aws, aws_stub

from components.nucleus.recipe import MAX_RECIPE_BYTES, parse_recipe
from recipes.locks import BUILD, pins
from recipes.parts import ROOT, UMBRELLA, Part, all_parts

PARTS = all_parts()
BUCKET = f"lookalike-artifacts-{REGION}-{ACCOUNT}"
# Wheels for one Python: what is tested does not depend on it, and others would be fetched for minutes.
OPTIONS = f"--python {HERE}"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def gdk() -> str:
    """The command: LOOKALIKE_GDK, or gdk where it is on the path."""
    found = os.environ.get("LOOKALIKE_GDK") or shutil.which("gdk")
    if found is None:
        pytest.skip("GDK is not installed here (docs/greengrass.md): put it on PATH, or name it with LOOKALIKE_GDK")
    version = subprocess.check_output([found, "--version"], text=True)
    assert version.strip() == "gdk 1.6.2"
    return found


@pytest.fixture
def aws() -> Iterator[Aws]:
    with aws_stub() as served:
        yield served


def run_gdk(gdk: str, command: str, folder: Path, aws: Aws | None = None, build: str = OPTIONS) -> None:
    env = {**os.environ, "BUILD": build, "SOURCE_DATE_EPOCH": "1700000000", **(aws.environment() if aws else {})}
    line = [gdk, "component", command]
    done = subprocess.run(line, check=False, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tree(gdk: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree in which GDK has built everything; make finds its environment made."""
    tree = tmp_path_factory.mktemp("gdk") / "tree"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "tests", "greengrass-build")
    shutil.copytree(ROOT, tree, symlinks=True, ignore=left_out)
    python = tree / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tree / ".venv" / ".ready").touch()
    run_gdk(gdk, "build", tree)
    return tree


@pytest.fixture(scope="module")
def wheelhouse(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels that were fetched already."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    (pip,) = (pin for pin in pins(BUILD, HERE, platform.machine()) if pin.name == "pip")
    for archive in (tree / "greengrass-build").rglob("*.zip"):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                if name.endswith(".whl"):
                    called = f"pip-{pip.version}-py3-none-any.whl" if name == "pip.whl" else Path(name).name
                    (folder / called).write_bytes(opened.read(name))
    return folder


def sent(built: Path, part: Part) -> dict[str, str]:
    """What publishing ``part`` puts into the bucket."""
    folder = Path(part.name, part.recipe.version)
    return {f"{folder}/{name}": value for name, value in digests(built / "artifacts" / folder).items()}


def check_received(aws: Aws, part: Part) -> None:
    received = aws.recipes[part.name, part.recipe.version]
    assert len(received) <= MAX_RECIPE_BYTES
    assert parse_recipe(received, part.name) == part.recipe


def test_recipes_pass_the_schema_of_gdk(gdk: str) -> None:
    """GDK's Python, which has all that the check needs, sees GDK's schema."""
    python = Path(gdk).resolve().parent / "python"
    done = subprocess.run([python, "-m", "recipes", "check"], check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "good by our rules and GDK's schema" in done.stdout


def test_the_root_is_built_with_everything_in_it(tree: Path) -> None:
    built = tree / "greengrass-build"
    assert {file.name for file in (built / "recipes").iterdir()} == {
        f"{UMBRELLA}.yaml",
        *(f"{part.name}-{part.recipe.version}.yaml" for part in PARTS),
    }
    archives = {file.name for file in (built / "artifacts").rglob("*.zip")}
    assert archives == {f"{part.artifact}.zip" for part in PARTS if part.artifact}


def test_what_gdk_built_is_published_by_one_command(tree: Path, aws: Aws) -> None:
    built = tree / "greengrass-build"
    done = cli("publish", "--out", built, env=aws.environment())
    assert done.returncode == 0, done.stderr
    expected: dict[str, str] = {}
    for part in PARTS:
        expected |= sent(built, part)
        check_received(aws, part)
    assert aws.stored(BUCKET) == expected
    assert aws.created()[-1] == UMBRELLA


@pytest.mark.parametrize("part", [part for part in PARTS if part.artifact], ids=lambda part: part.extra)
def test_a_component_is_built_and_published_alone(
    gdk: str, part: Part, tree: Path, wheelhouse: Path, aws: Aws, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    assert cli("gdk-project", part.extra, project).returncode == 0
    run_gdk(gdk, "build", project, build=f"{OPTIONS} --wheelhouse {wheelhouse}")
    built = project / "greengrass-build"
    assert sent(built, part) == sent(tree / "greengrass-build", part)
    run_gdk(gdk, "publish", project, aws)
    assert aws.created() == [part.name]
    assert aws.stored(BUCKET) == sent(built, part)
    check_received(aws, part)


def test_the_component_that_names_all_is_published_from_the_root(gdk: str, tree: Path, aws: Aws) -> None:
    run_gdk(gdk, "publish", tree, aws)
    assert aws.created() == [UMBRELLA]
    assert aws.stored(BUCKET) == {}
    check_received(aws, next(part for part in PARTS if part.name == UMBRELLA))
