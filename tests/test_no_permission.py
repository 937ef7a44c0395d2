"""Folders that may not be written: one sentence, or the work goes on without."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from generations import make_store

from tests.odd_pictures import TAKEN

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65_534

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can start a process of another user"
)
READS_ALL = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")  # also a Python below /root
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *READS_ALL)


def as_nobody(code: str, *arguments: object) -> str:
    """What the code printed, run as a user who may read everything and write nothing."""
    command = [*AS_NOBODY, sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"}
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if "No module named" in ended.stderr or "can't open file" in ended.stderr:
        pytest.skip("another user cannot read this Python")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that every user may read and only its owner may write; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory(prefix="lookalike-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


BUILD = """
import sys
from contextlib import redirect_stderr
from index_builder.cli import main
with redirect_stderr(sys.stdout):
    print(main(["build", "--catalog", sys.argv[1], "--out", sys.argv[2], "--model", sys.argv[3]]))
"""


@needs_root
def test_an_index_that_may_not_be_written_is_one_sentence(readable: Path, model_dir: Path) -> None:
    shutil.copytree(model_dir, readable / "model")
    (readable / "model").chmod(0o755)
    (readable / "shop").mkdir()
    (readable / "shop" / "a.jpg").write_bytes(TAKEN["gray.jpg"])
    (readable / "out").mkdir()
    said = as_nobody(BUILD, readable / "shop", readable / "out", readable / "model")
    sentence, code = said.strip().splitlines()[-2:]
    assert code == "1"
    assert sentence.startswith(f"error: {readable / 'out'}")
    assert "cannot be written (Permission denied)" in sentence
    assert list((readable / "out").iterdir()) == []


SEARCH = """
import sys, time
from pathlib import Path
from components.searcher.activation import Activation
from components.searcher.searcher import Searcher
from components.store import Store
searcher = Searcher()
activation = Activation(Store(Path(sys.argv[1])), searcher)
until = time.monotonic() + 30
while not activation.problem and time.monotonic() < until:
    activation.step()
    time.sleep(0.05)
print(searcher.index.backend, activation.problem)
"""


@needs_root
def test_without_permission_for_annoys_folder_the_exact_scan_goes_on(readable: Path) -> None:
    make_store(readable / "index")
    said = as_nobody(SEARCH, readable / "index")
    assert said.startswith("exact searching without Annoy: ")
    assert "Permission denied" in said


RAM = """
import sys
from pathlib import Path
import numpy as np
from components.bus import LocalBus
from components.core.errors import UnavailableError
from components.featurizer.preview import Preview
from dashboard.live import Live
from dashboard.search import Search
Preview(Path(sys.argv[1]), "camera").offer(np.zeros((48, 64, 3), np.uint8), 0.0)
try:
    Search(Live("camera"), LocalBus(), Path(sys.argv[1]), 1.0).ask(b"jpeg", 5, {})
except UnavailableError as error:
    print(error)
"""


@needs_root
def test_without_permission_for_the_ram_there_is_no_preview_and_uploads_say_why(readable: Path) -> None:
    assert as_nobody(RAM, readable / "ram") == "The picture found no place in RAM (Permission denied): try again.\n"
