"""What a device without AVX gets runs there: the self-tests under an emulated Atom, and what is chosen at install."""

import os
import platform
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from components.core.errors import UnavailableError
from components.searcher.instruction_set import LEVELS, level
from recipes.annoy_wheel import ANNOY, build_annoy
from recipes.locks import pins
from recipes.parts import ROOT

QEMU = shutil.which("qemu-x86_64")
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
SIGILL_WORDS = "Illegal instruction"
FEW = "2"
V2_FLAGS = "fpu sse sse2 pni ssse3 sse4_1 sse4_2 popcnt cx16 lahf_lm xsave"
V3_FLAGS = f"{V2_FLAGS} avx avx2 bmi1 bmi2 f16c fma abm movbe"

# Fetches, compiles and emulates.
pytestmark = pytest.mark.timeout(600)
emulated = pytest.mark.skipif(
    QEMU is None or platform.machine() != "x86_64",
    reason="needs qemu-x86_64 on an x86-64 host (Debian: apt-get install qemu-user)",
)


def run(module: str, *arguments: object, atom: bool = True, path: Path | None = None) -> tuple[int, str]:
    """Exit code and words of a self-test on an emulated Atom without AVX; packages are taken from ``path`` first."""
    before = [str(QEMU), "-cpu", "Denverton"] if atom else []
    places = os.pathsep.join(map(str, filter(None, [path, ROOT])))
    done = subprocess.run(
        [*before, sys.executable, "-m", module, *map(str, arguments)],
        check=False,
        env={**os.environ, "PYTHONPATH": places, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if "TCG doesn't support" not in line]
    return done.returncode, "\n".join(lines)


@emulated
def test_featurizer_computes_without_avx_what_it_computes_here(model_dir: Path, tmp_path: Path) -> None:
    asked = ("--model", model_dir, "--pictures", FEW)
    kept = tmp_path / "here.npz"
    code, said = run("components.featurizer.self_test", *asked, "--save", kept, atom=False)
    assert code == 0, said
    code, said = run("components.featurizer.self_test", *asked, "--against", kept)
    assert code == 0, said
    assert f"{FEW} embeddings of efficientnet-lite0 on CPU: cosine of at least 0.999" in said


def unpacked(folder: Path, target: Path) -> Path:
    """The only wheel of annoy in ``folder``, as it lies when it is installed."""
    (wheel,) = folder.glob("annoy-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


@pytest.fixture(scope="module")
def annoy_of(greengrass_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder to import annoy from, as it is in the searcher's artifact for a level."""
    scratch = tmp_path_factory.mktemp("artifact")
    (artifact,) = greengrass_build.rglob("lookalike-searcher.zip")
    with zipfile.ZipFile(artifact) as archive:
        archive.extractall(scratch)
    return lambda name: unpacked(scratch / f"wheels-{name}", scratch / name)


def test_artifact_brings_annoy_once_per_level_and_nowhere_else(greengrass_build: Path) -> None:
    (artifact,) = greengrass_build.rglob("lookalike-searcher.zip")
    with zipfile.ZipFile(artifact) as archive:
        folders = sorted(name.split("/")[0] for name in archive.namelist() if "/annoy-" in name)
        requirements = archive.read("requirements.txt").decode()
    assert folders == [f"wheels-{name}" for name in LEVELS[platform.machine()]]
    (needed,) = (one for one in requirements.replace("\\\n", " ").splitlines() if one.startswith("annoy=="))
    assert needed.count("--hash=sha256:") == len(folders)


@emulated
def test_searcher_runs_without_avx(annoy_of: Callable[[str], Path]) -> None:
    code, said = run("components.searcher.self_test", path=annoy_of("x86-64-v2"))
    assert (code, said) == (0, "Annoy 1.17.3 finds 1.000 of the nearest neighbors among 2000 vectors.")


@emulated
def test_annoy_for_newer_cpus_does_not_run_without_avx(annoy_of: Callable[[str], Path]) -> None:
    code, said = run("components.searcher.self_test", path=annoy_of("x86-64-v3"))
    assert code != 0
    assert SIGILL_WORDS in said


@emulated
@pytest.mark.skipif("avx" not in Path("/proc/cpuinfo").read_text(), reason="this host has no AVX to compile for")
def test_annoy_as_it_builds_itself_does_not_run_without_avx(tmp_path: Path) -> None:
    (pin,) = (pin for pin in pins("searcher", HERE, "x86_64") if pin.name == ANNOY)
    try:
        build_annoy(pin, HERE, {"": tmp_path / "own"}, 10**9)
    except UnavailableError as error:
        pytest.skip(f"annoy's source cannot be fetched here: {error}")
    path = unpacked(tmp_path / "own", tmp_path / "path")
    assert run("components.searcher.self_test", atom=False, path=path)[0] == 0
    code, said = run("components.searcher.self_test", path=path)
    assert code != 0
    assert SIGILL_WORDS in said


def test_the_fastest_build_is_chosen_only_where_every_processor_runs_it() -> None:
    assert level("x86_64", f"flags\t\t: {V3_FLAGS} avx512f\n") == "x86-64-v3"
    assert (
        level("x86_64", f"processor\t: 0\nflags\t\t: {V3_FLAGS}\n\nprocessor\t: 1\nflags\t\t: {V3_FLAGS}")
        == "x86-64-v3"
    )
    assert level("x86_64", f"flags\t\t: {V3_FLAGS}\nflags\t\t: {V2_FLAGS}\n") == "x86-64-v2"


@pytest.mark.parametrize("missing", sorted(set(V3_FLAGS.split()) - set(V2_FLAGS.split()) | {"xsave"}))
def test_a_processor_that_lacks_anything_gets_the_build_for_all(missing: str) -> None:
    flags = " ".join(flag for flag in V3_FLAGS.split() if flag != missing)
    assert level("x86_64", f"flags : {flags}") == "x86-64-v2"
    assert level("x86_64", f"flags : {flags} {missing}x no{missing}") == "x86-64-v2"


@pytest.mark.parametrize(
    "cpuinfo", ["", "flags", "flags :", f"vmx flags : {V3_FLAGS}", f"Features : {V3_FLAGS}", V3_FLAGS]
)
def test_in_doubt_the_build_for_all_is_chosen(cpuinfo: str) -> None:
    assert level("x86_64", cpuinfo) == "x86-64-v2"


def test_arm_has_one_build() -> None:
    assert level("aarch64", "Features : fp asimd") == level("aarch64", f"flags : {V3_FLAGS}") == "armv8-a"


def test_a_machine_without_a_build_is_refused() -> None:
    with pytest.raises(ValueError, match="no build for armv7l"):
        level("armv7l", "")


def test_install_asks_before_anything_is_installed() -> None:
    """With nothing but the standard library."""
    script = ROOT / "components" / "searcher" / "instruction_set.py"
    done = subprocess.run([sys.executable, "-I", "-S", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() in LEVELS[platform.machine()]
