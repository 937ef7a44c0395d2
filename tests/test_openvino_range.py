"""Both ends of the supported range of OpenVINO make the same model and compute the same embeddings."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import GROCERY
from packaging.requirements import Requirement
from registry import pip_or_skip

from components.featurizer.model import BIN, DESCRIPTION, XML
from components.featurizer.qualification import MIN_COSINE
from components.featurizer.self_test import Kept, load
from index_builder.demo_catalog import write_demo_catalog
from recipes.locks import lock_name, pins
from recipes.parts import ROOT

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PICTURES = 60
# What a device of either kind gets; everything else is the same in both.
LOCKS = {"oldest": lock_name("featurizer", "gen9"), "newest": lock_name("featurizer", None)}
SCRIPT = """
import sys
from pathlib import Path

import cv2
import numpy as np
import openvino

from components.featurizer.embedder import Embedder
from components.featurizer.self_test import Kept, save
from index_builder.model import make_default_model

target, listed, out = map(Path, sys.argv[1:])
assert Path(openvino.__file__).is_relative_to(target), openvino.__file__
assert Path(np.__file__).is_relative_to(target), np.__file__
pictures = (cv2.imread(line) for line in listed.read_text().splitlines())
model = make_default_model(out)
vectors = np.stack(list(Embedder(model, "CPU").embed_all(pictures, 2)))
save(Kept(model.digest, vectors), out / "kept.npz")
print(openvino.__version__)
"""


@dataclass(frozen=True)
class End:
    """What one version of OpenVINO made."""

    version: str
    folder: Path
    kept: Kept


def install(lock: str, target: Path) -> None:
    """Install OpenVINO and the numpy that goes with it, as ``lock`` names them."""
    wanted = [pin for pin in pins(lock, HERE, os.uname().machine) if pin.name in ("openvino", "numpy")]
    target.mkdir(parents=True)
    listed = target.parent / "requirements.txt"
    listed.write_text("".join(pin.line() + "\n" for pin in wanted))
    what = ("--quiet", "--no-deps", "--no-compile", "--only-binary=:all:", "--require-hashes", "--requirement", listed)
    pip_or_skip(target.parent, "install", "--target", target, *what)


def photos(folder: Path) -> list[Path]:
    """Real photos where they are beside the project, the pictures of the demo's catalog elsewhere."""
    if GROCERY.exists():
        found = sorted((GROCERY / "photos").rglob("*.jpg"))
    else:
        found = sorted((write_demo_catalog(folder, items=PICTURES).parent / "pictures").iterdir())
    return found[:: max(1, len(found) // PICTURES)][:PICTURES]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, End]:
    root = tmp_path_factory.mktemp("ends")
    listed = root / "photos.txt"
    listed.write_text("".join(f"{photo}\n" for photo in photos(root / "drawn")))
    return {name: make_end(lock, root / name, listed) for name, lock in LOCKS.items()}


def make_end(lock: str, folder: Path, listed: Path) -> End:
    target, out = folder / "target", folder / "out"
    install(lock, target)
    env = {**os.environ, "PYTHONPATH": f"{target}:{ROOT}"}
    command = [sys.executable, "-c", SCRIPT, target, listed, out]
    done = subprocess.run(command, check=False, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return End(done.stdout.split("-")[0].strip(), out, load(out / "kept.npz"))


def supported() -> Requirement:
    """OpenVINO as pyproject.toml asks for it."""
    found = re.search(r'"(openvino[^"]*)"', (ROOT / "pyproject.toml").read_text())
    assert found is not None
    return Requirement(found[1])


def locked() -> dict[str, str]:
    """The version of OpenVINO in each lock."""
    found = {name: pins(lock, HERE, os.uname().machine) for name, lock in LOCKS.items()}
    return {name: pin.version for name, needed in found.items() for pin in needed if pin.name == "openvino"}


def test_the_locks_are_the_ends_of_the_range_that_the_project_asks_for() -> None:
    versions = locked()
    years = {name: tuple(map(int, version.split(".")[:2])) for name, version in versions.items()}
    specifier = supported().specifier
    assert all(specifier.contains(version) for version in versions.values())
    assert not specifier.contains(f"{years['oldest'][0]}.{years['oldest'][1] - 1}.99")
    assert not specifier.contains(f"{years['newest'][0]}.{years['newest'][1] + 1}.0")


@pytest.mark.timeout(600)
def test_both_make_the_same_model(ends: dict[str, End]) -> None:
    assert {name: end.version for name, end in ends.items()} == locked()
    for name in (XML, BIN, DESCRIPTION):
        assert (ends["oldest"].folder / name).read_bytes() == (ends["newest"].folder / name).read_bytes()


@pytest.mark.timeout(600)
def test_both_compute_the_same_embeddings(ends: dict[str, End]) -> None:
    oldest, newest = (ends[name].kept.vectors for name in LOCKS)
    assert oldest.shape == newest.shape == (PICTURES, 1280)
    assert float(np.sum(oldest * newest, axis=1).min()) >= MIN_COSINE
    # Pictures that are all alike would agree, too.
    assert float(np.median(oldest @ oldest.T)) < 0.9
