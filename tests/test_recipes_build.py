"""python -m recipes: what is built can be deployed, installed without a network, published once, and made again."""

import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from artifacts import HERE, cli, digests, part_of
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from registry import pip_or_skip

from components.core.errors import ConfigurationError, FormatError, UnavailableError
from recipes.annoy_wheel import ANNOY, environment, find_python, flags_for, levels_for
from recipes.archive import write_zip
from recipes.bill import bill_of, licenses_of, read_wheel
from recipes.build import PYTHONS, Made, Order, build, table
from recipes.check import problems
from recipes.closure import files_of
from recipes.gdk_project import write_project
from recipes.locks import LOCKS, PROFILES, lock_name, pins
from recipes.parts import RECIPES, ROOT, UMBRELLA, all_parts
from recipes.wheels import Wanted, collect, platforms

MACHINES = ("x86_64", "aarch64")
EXTRAS = ("featurizer", "searcher", "dashboard", "cloud-sync")
FOREIGN = {
    "featurizer": ("dashboard/", "cloud_sync/", "components/searcher/", "components/nucleus/", "index_builder/"),
    "searcher": ("dashboard/", "cloud_sync/", "components/featurizer/", "components/nucleus/", "index_builder/"),
    "dashboard": ("cloud_sync/", "components/featurizer/", "components/searcher/", "index_builder/"),
    "cloud-sync": ("dashboard/", "components/featurizer/", "components/searcher/", "index_builder/"),
}
# A generation is tried on the device by the code that uses it, before it is used.
SHARED = {
    "cloud-sync": {
        *(f"components/featurizer/{name}.py" for name in ("generation_model", "model")),
        *(f"components/searcher/{name}.py" for name in ("golden_check", "index", "snapshot")),
    }
}


def fake_wheel(folder: Path, name: str = "thing", version: str = "1.0", license: str = "MIT") -> Path:
    about = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: {license}\n"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    entries: dict[str, Path | bytes] = {
        f"{name}.py": b"",
        f"{about}/METADATA": metadata.encode(),
        f"{about}/WHEEL": wheel.encode(),
        f"{about}/licenses/LICENSE": b"Do what you like.\n",
        f"{about}/RECORD": b"",
    }
    file = folder / f"{name}-{version}-py3-none-any.whl"
    write_zip(file, entries, 10**9)
    return file


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Made]]:
    """All components without wheels."""
    out = tmp_path_factory.mktemp("built") / "greengrass-build"
    return out, build(all_parts(), Order(out, with_wheels=False))


def test_the_built_tree_is_what_a_local_deployment_takes(built: tuple[Path, list[Made]]) -> None:
    out, made = built
    assert [one.name for one in made][-1] == UMBRELLA
    for part in all_parts():
        version = part.recipe.version
        assert (out / "recipes" / f"{part.name}-{version}.yaml").read_bytes() == part.file.read_bytes()
        folder = out / "artifacts" / part.name / version
        wanted = {f"{part.artifact}{end}" for end in (".zip", ".cdx.json", ".licenses.txt")} if part.artifact else set()
        assert {file.name for file in folder.iterdir()} == wanted
    # The name that GDK publishes the umbrella by.
    assert (out / "recipes" / f"{UMBRELLA}.yaml").exists()


def test_the_table_names_every_component_with_sizes(built: tuple[Path, list[Made]]) -> None:
    shown = table(built[1])
    assert all(part.name in shown and str(part.file.stat().st_size) in shown for part in all_parts())
    assert "lookalike-searcher.zip" in shown


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_artifact_has_all_the_code_that_it_needs_and_no_other_component(
    built: tuple[Path, list[Made]], extra: str, tmp_path: Path
) -> None:
    part = part_of(extra)
    with zipfile.ZipFile(built[0] / "artifacts" / part.name / part.recipe.version / f"{part.artifact}.zip") as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    assert {"LICENSE", "requirements.txt", f"{part.artifact}.cdx.json"} <= set(names)
    # The doctor knows the others by name, which brings the package's empty first file.
    code = [name for name in names if not name.endswith("/__init__.py")]
    assert {name for name in code if name.startswith(FOREIGN[extra])} == SHARED.get(extra, set())
    modules = [name.removesuffix(".py").replace("/", ".") for name in names if name.endswith(".py")]
    script = (
        "import importlib, sys\n"
        f"for name in {[name.removesuffix('.__init__') for name in modules]!r}:\n"
        "    assert importlib.import_module(name).__file__.startswith(sys.path[1]), name\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, check=False, cwd="/", env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_what_a_child_process_is_started_by_belongs_to_the_artifact(tmp_path: Path) -> None:
    for name, text in {
        "components/__init__.py": "",
        "components/one/__init__.py": "",
        "components/one/__main__.py": "from components import two\nNAME = 'components.three'",
        "components/two.py": "from .four import x",
        "components/three.py": "",
        "components/four.py": "import components.five.six",
        "components/five/__init__.py": "",
        "components/five/six.py": "",
        "components/unused.py": "",
        "components/one/__pycache__/junk.pyc": "",
        "components/one/.hidden": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = set(files_of("components.one", tmp_path))
    assert {f"components/{name}.py" for name in ("two", "three", "four", "five/six", "five/__init__")} <= found
    assert not [name for name in found if "unused" in name or "junk" in name or "hidden" in name]


def test_two_builds_are_the_same_bytes(built: tuple[Path, list[Made]], tmp_path: Path) -> None:
    build(all_parts(), Order(tmp_path / "again", with_wheels=False))
    assert digests(tmp_path / "again") == digests(built[0])


def test_one_component_is_built_alone(tmp_path: Path) -> None:
    done = cli("build", "--only", "featurizer", "--no-wheels", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "com.lookalike.Featurizer" in done.stdout
    assert {path.name for path in (tmp_path / "out" / "artifacts").iterdir()} == {"com.lookalike.Featurizer"}


def test_a_component_that_is_not_known_is_refused_in_a_sentence(tmp_path: Path) -> None:
    done = cli("build", "--only", "toaster", "--no-wheels", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no component 'toaster'; known: com.lookalike.")


def lock_of(folder: Path, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "thing.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_wheels_are_taken_by_their_hashes_and_listed_with_them(tmp_path: Path) -> None:
    wheel = fake_wheel(tmp_path / "house")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    locks = lock_of(tmp_path / "locks", f"thing==1.0 ; python_version < '3.12' \\\n    --hash=sha256:{digest}")
    wanted = Wanted(PYTHONS, "x86_64", tmp_path / "house", locks)
    wheels = collect("thing", wanted, tmp_path / "wheels", 10**9)
    assert [file.name for file in wheels.files] == [wheel.name]
    assert wheels.requirements.decode() == (
        f'thing==1.0 ; python_version == "3.10" or python_version == "3.11" \\\n    --hash=sha256:{digest}\n'
    )


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path) -> None:
    fake_wheel(tmp_path / "house")
    locks = lock_of(tmp_path / "locks", f"thing==1.0 --hash=sha256:{'0' * 64}")
    with pytest.raises(UnavailableError, match=r"(?i)do not match the hashes"):
        collect("thing", Wanted((HERE,), "x86_64", tmp_path / "house", locks), tmp_path / "wheels", 10**9)


@pytest.mark.parametrize("line", ["thing==1.0", f"thing>=1 --hash=sha256:{'0' * 64}", "-r other.txt", "thing @ file:x"])
def test_a_lock_without_exact_versions_and_hashes_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(FormatError, match=r"thing\.txt"):
        pins("thing", "3.11", "x86_64", lock_of(tmp_path, line))


def lock_names() -> list[str]:
    return [*EXTRAS, *(lock_name(PROFILES[profile][0], profile) for profile in PROFILES), "build"]


def test_locks_are_complete_and_name_no_place() -> None:
    assert {file.stem for file in LOCKS.glob("*.txt")} == set(lock_names())
    for name in lock_names():
        assert "/" not in (LOCKS / f"{name}.txt").read_text()
        for python, machine in itertools.product(PYTHONS, MACHINES):
            assert pins(name, python, machine)


def group_of(extra: str) -> list[Requirement]:
    """The requirements of a group in pyproject.toml, those of the groups that it names included."""
    text = (ROOT / "pyproject.toml").read_text()
    listed = re.search(rf"^{extra} = \[(.*?)\]$", text, re.MULTILINE)
    assert listed is not None
    found = []
    for one in re.findall(r'"([^"]+)"', listed[1]):
        requirement = Requirement(one)
        inner = requirement.name == "lookalike"
        found += [deep for name in requirement.extras for deep in group_of(name)] if inner else [requirement]
    return found


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("extra", EXTRAS)
def test_a_lock_fits_what_the_project_says_that_a_component_needs(extra: str, python: str) -> None:
    for profile, machine in itertools.product((None, *PROFILES), MACHINES):
        pinned = {canonicalize_name(pin.name): pin for pin in pins(lock_name(extra, profile), python, machine)}
        assert "numpy" in pinned
        for requirement in group_of(extra):
            assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)].version)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_every_wheel_of_the_locks_but_annoys_is_offered_for_arm64(profile: str | None, tmp_path: Path) -> None:
    machine, extras = "aarch64", EXTRAS if profile is None else (PROFILES[profile][0],)
    needed = {pin.line(): pin for extra in extras for pin in pins(lock_name(extra, profile), HERE, machine)}
    (tmp_path / "all.txt").write_text("\n".join(line for line, pin in needed.items() if pin.name != ANNOY))
    tags = [word for name in platforms(machine) for word in ("--platform", name)]
    asked = ("--dry-run", "--ignore-installed", "--no-deps", "--only-binary=:all:", "--require-hashes", "--quiet")
    where = ("--target", tmp_path / "none", "--implementation", "cp", "--python-version", HERE, *tags)
    pip_or_skip(tmp_path, "install", *asked, *where, "--requirement", tmp_path / "all.txt")


@pytest.mark.parametrize(("machine", "glibc"), [("x86_64", "2_31"), ("aarch64", "2_35")])
def test_a_wheel_for_a_newer_system_than_the_devices_have_is_not_taken(
    machine: str, glibc: str, tmp_path: Path
) -> None:
    wheel = fake_wheel(tmp_path / "house")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    locks = lock_of(tmp_path / "locks", f"thing==1.0 --hash=sha256:{digest}")
    wanted = Wanted((HERE,), machine, tmp_path / "house", locks)
    wheel = wheel.rename(wheel.with_name(f"thing-1.0-py3-none-manylinux_{glibc}_{machine}.whl"))
    assert collect("thing", wanted, tmp_path / "taken", 10**9).files[0].name == wheel.name
    newer = glibc.replace("31", "32").replace("35", "36")
    wheel.rename(wheel.with_name(f"thing-1.0-py3-none-manylinux_{newer}_{machine}.whl"))
    with pytest.raises(UnavailableError, match="thing"):
        collect("thing", wanted, tmp_path / "newer", 10**9)


def test_a_machine_that_no_device_has_is_refused(tmp_path: Path) -> None:
    locks = lock_of(tmp_path / "locks", f"thing==1.0 --hash=sha256:{'0' * 64}")
    with pytest.raises(UnavailableError, match="Nothing is built for riscv64, only for x86_64 and aarch64"):
        collect("thing", Wanted((HERE,), "riscv64", tmp_path, locks), tmp_path / "wheels", 10**9)


def test_the_gen9_profile_pins_the_last_openvino_for_it() -> None:
    pinned = {pin.name: pin.version for pin in pins(lock_name("featurizer", "gen9"), "3.12", "x86_64")}
    assert pinned["openvino"] == "2024.6.0"
    assert lock_name("searcher", "gen9") == "searcher"


def test_annoy_is_built_for_the_oldest_cpu_of_the_class_and_for_newer_ones() -> None:
    flags = [flags_for(level).split(",") for level in levels_for("x86_64")]
    assert [[flag for flag in one if flag.startswith("-m")] for one in flags] == [
        ["-march=x86-64-v2"],
        ["-march=x86-64-v3"],
    ]
    for one in flags:
        assert {"-O3", "-ffast-math", "-DANNOYLIB_MULTITHREADED_BUILD", "-std=c++14", "-fpermissive"} <= set(one)


def test_annoy_is_built_the_same_way_every_time() -> None:
    made = environment(7, "-O3")
    assert (made["SOURCE_DATE_EPOCH"], made["ANNOY_COMPILER_ARGS"], made["CFLAGS"]) == ("7", "-O3", "")


def test_on_arm_no_flag_of_another_processor_gets_to_the_compiler() -> None:
    (level,) = levels_for("aarch64")
    assert [flag for flag in flags_for(level).split(",") if flag.startswith("-m")] == ["-march=armv8-a"]
    assert "x86" not in flags_for(level)


def test_a_machine_that_annoy_is_not_built_on_is_refused() -> None:
    with pytest.raises(UnavailableError, match="is not built on riscv64, only on x86_64 and aarch64"):
        levels_for("riscv64")


def test_an_interpreter_that_is_not_here_is_not_found() -> None:
    assert find_python("3.2") is None
    assert find_python(HERE) == sys.executable


def test_the_bill_names_every_wheel_with_hash_and_license(tmp_path: Path) -> None:
    read = [read_wheel(fake_wheel(tmp_path, name)) for name in ("beta", "alpha")]
    bill = json.loads(bill_of("lookalike-x", "1.0.0", read, 10**9))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert [one["name"] for one in bill["components"]] == ["alpha", "beta"]
    first = bill["components"][0]
    assert first["purl"].startswith("pkg:pypi/alpha@1.0")
    assert first["licenses"] == [{"license": {"name": "MIT"}}]
    assert first["hashes"] == [{"alg": "SHA-256", "content": read[1].sha256}]
    assert bill_of("lookalike-x", "1.0.0", read[::-1], 10**9) == bill_of("lookalike-x", "1.0.0", read, 10**9)
    text = licenses_of(read).decode()
    assert text.index("alpha 1.0: MIT") < text.index("beta 1.0: MIT")
    assert text.count("Do what you like.") == 2


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x-1-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(FormatError, match="is no wheel"):
        read_wheel(tmp_path / "x-1-py3-none-any.whl")


def test_version_and_link_are_the_same_everywhere() -> None:
    assert list(problems(all_parts())) == []
    assert cli("check").returncode == 0


def test_a_project_of_one_component_is_made_for_gdk(tmp_path: Path) -> None:
    write_project(part_of("featurizer"), tmp_path / "project")
    document = json.loads((tmp_path / "project" / "gdk-config.json").read_text())
    assert list(document["component"]) == ["com.lookalike.Featurizer"]
    assert (tmp_path / "project" / "recipe.yaml").resolve() == RECIPES / "com.lookalike.Featurizer.yaml"
    with pytest.raises(ConfigurationError, match="another recipe"):
        write_project(part_of("searcher"), tmp_path / "project")
