"""The self-tests that a person runs on a device: what is right passes, what is wrong is said in one sentence."""

import dataclasses
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from components.core.errors import FormatError, ModelMismatchError, UnavailableError
from components.featurizer.embedder import Embedder
from components.featurizer.model import Model
from components.featurizer.self_test import Kept, compare, compute, load, save
from components.searcher.self_test import MIN_RECALL, recall

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def kept(model: Model) -> Kept:
    return compute(Embedder(model, "CPU"), model.preprocessing.size, 3)


def test_embeddings_that_were_saved_agree_with_themselves(kept: Kept, tmp_path: Path) -> None:
    save(kept, tmp_path / "kept.npz")
    read = load(tmp_path / "kept.npz")
    assert (read.model, read.vectors.shape) == (kept.model, (3, 1280))
    compare(kept, read)
    compare(dataclasses.replace(kept, vectors=kept.vectors[:2]), read)


def test_other_embeddings_do_not_pass(kept: Kept) -> None:
    turned = dataclasses.replace(kept, vectors=np.roll(kept.vectors, 1, axis=0))
    with pytest.raises(UnavailableError, match=r"computes wrong embeddings: its embeddings differ .*: cosine 0\.\d+"):
        compare(kept, turned)


def test_embeddings_that_are_all_alike_do_not_pass(kept: Kept) -> None:
    alike = dataclasses.replace(kept, vectors=np.repeat(kept.vectors[:1], 3, axis=0))
    with pytest.raises(UnavailableError, match="all alike"):
        compare(alike, alike)


def test_embeddings_of_another_model_are_not_compared(kept: Kept) -> None:
    with pytest.raises(ModelMismatchError, match="save them with the same model"):
        compare(kept, dataclasses.replace(kept, model="b" * 64))


def npy() -> bytes:
    data = io.BytesIO()
    np.save(data, np.zeros(3))
    return data.getvalue()


@pytest.mark.parametrize("data", [b"", b"text", b"PK\x03\x04 no archive", npy()])
def test_what_no_self_test_saved_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(FormatError, match=r"x\.npz does not hold embeddings"):
        load(tmp_path / "x.npz")


def test_a_file_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="No such file"):
        load(tmp_path / "x.npz")


def test_without_an_index_the_command_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "components.featurizer.self_test", "--index-dir", str(tmp_path)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: There is no index generation in ")


def test_annoy_finds_here_what_an_exact_scan_finds() -> None:
    assert recall() >= MIN_RECALL
