"""What is built installs and runs on a device without a network, on both nuclei; and is the same when built again."""

import io
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from artifacts import HERE, cli, digests

from components.demo.material import index_of
from components.searcher.instruction_set import level
from index_builder.demo_catalog import write_demo_catalog
from recipes.parts import ROOT, all_parts

MAX_INSTALLED_BYTES = 900_000_000
PARTS = [part for part in all_parts() if part.artifact]

# The first test builds everything: it fetches some 300 MB and compiles.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def no_network() -> list[str]:
    """What runs a command in a network namespace of its own: as root, or as one who may make user namespaces."""
    for command in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0
        ):
            return command
    pytest.skip("no network namespace can be made here: this needs unshare, and root or user namespaces")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Of components that see a rendered shop counter."""
    folder = tmp_path_factory.mktemp("shop")
    catalog = write_demo_catalog(folder / "catalog", items=6)
    index = {"index_dir": str(index_of(catalog, folder, "--camera-views", "4"))}
    ram, outbox = {"ram_dir": str(folder / "ram")}, {"outbox_dir": str(folder / "outbox")}
    return {
        "Featurizer": {**index, **ram, "source": f"synthetic:{catalog}"},
        "Searcher": {**index, **outbox},
        "Dashboard": {**index, **ram},
        "CloudSync": outbox,
    }


@pytest.fixture(scope="module")
def device(
    limits: str,
    greengrass_build: Path,
    no_network: list[str],
    settings: dict[str, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A device's root folder after it ran, and what was seen."""
    root = tmp_path_factory.mktemp("n")
    # Nothing of this machine's pip gets there: neither its cache nor folders with wheels.
    env = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "HOME": str(root), "LANG": "C.UTF-8"}
    env |= {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PIP_CONFIG_FILE": os.devnull}
    script = [sys.executable, str(Path(__file__).with_name("offline_device.py"))]
    command = [*no_network, *script, str(root), str(greengrass_build), limits, json.dumps(settings)]
    done = subprocess.run(command, check=False, cwd=root, env=env, capture_output=True, text=True)
    logs = "".join(f"{file.name}:\n{file.read_text()[-2000:]}\n" for file in root.glob("logs/*"))
    assert done.returncode == 0, f"{done.stderr}\n{logs}"
    yield root, json.loads(done.stdout)
    shutil.rmtree(root)


def test_the_first_match_is_shown_without_a_network(device: tuple[Path, dict[str, Any]]) -> None:
    _, seen = device
    assert seen["network"] is False
    assert seen["match"]["item_id"]
    assert {name: status["starts"] for name, status in seen["components"].items()} == {
        part.name: 1 for part in all_parts()
    }


def test_components_run_from_what_was_installed_alone(device: tuple[Path, dict[str, Any]]) -> None:
    root, seen = device
    assert set(seen["processes"]) == {part.name for part in PARTS}
    for part in PARTS:
        work = root / "work" / part.name
        process = seen["processes"][part.name]
        assert process["command"][0] == str(work / "venv" / "bin" / "python")
        assert all(Path(place).is_relative_to(root) for place in process["path"])
        check = "import importlib.util, sys; sys.exit(importlib.util.find_spec('components') is not None)"
        assert subprocess.run([work / "venv" / "bin" / "python", "-I", "-c", check], check=False).returncode == 0
        # Unpacked by install, which leaves out what it has used.
        assert list((work / str(part.artifact)).glob("wheels*")) == []


def test_annoy_is_the_one_for_this_cpu(device: tuple[Path, dict[str, Any]], greengrass_build: Path) -> None:
    here = level(platform.machine(), Path("/proc/cpuinfo").read_text())
    with zipfile.ZipFile(next(greengrass_build.rglob("lookalike-searcher.zip"))) as archive:
        (wheel,) = (name for name in archive.namelist() if name.startswith(f"wheels-{here}/annoy-"))
        with zipfile.ZipFile(io.BytesIO(archive.read(wheel))) as inner:
            (library,) = (name for name in inner.namelist() if name.endswith(".so"))
            for_here = inner.read(library)
    (installed,) = device[0].glob(f"work/com.lookalike.Searcher/venv/lib/python*/site-packages/{library}")
    assert installed.read_bytes() == for_here


def test_all_environments_together_are_small_enough(
    device: tuple[Path, dict[str, Any]], record_testsuite_property: Any
) -> None:
    root, _ = device
    sizes = {part.name: installed_bytes(root / "work" / part.name / "venv") for part in PARTS}
    record_testsuite_property("installed", json.dumps(sizes))
    assert all(size > 10_000_000 for size in sizes.values())
    assert sum(sizes.values()) <= MAX_INSTALLED_BYTES


def installed_bytes(folder: Path) -> int:
    """What install put into ``folder``; the bytecode that Python adds at the first start is some 2 % more."""
    files = (file for file in folder.rglob("*") if "__pycache__" not in file.parts)
    return sum(file.lstat().st_size for file in files if file.is_file() and not file.is_symlink())


def test_two_full_builds_are_the_same_bytes(greengrass_build: Path, tmp_path: Path) -> None:
    elsewhere = {"TZ": "Asia/Seoul", "LANG": "C", "PYTHONHASHSEED": "7", "TMPDIR": str(tmp_path)}
    done = cli("build", "--python", HERE, "--out", tmp_path / "again", env=elsewhere)
    assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "again") == digests(greengrass_build)
