"""What a power failure may leave on the disk, and that a reader starts on all of it; the short version."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash_cases import CASES, suffer
from tests.crash_states import History, states
from tests.file_operations import Operation, environment, record, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
PER_CUT, MOST = 8, 100
SLOW = {"an update": 20, "a publication on a stick": 8}


@pytest.mark.parametrize("name", CASES)
def test_after_a_power_failure_everything_that_was_promised_is_there(name: str) -> None:
    assert not suffer(name, PER_CUT, most=SLOW.get(name, MOST)).problems


@pytest.mark.parametrize("name", [name for name in CASES if name != "a publication on a stick"])
def test_without_waiting_for_the_disk_it_would_not_be(name: str) -> None:
    assert suffer(name, 8, most=30, synced=False).problems


def _operations(folder: Path, *, sync: bool) -> list[Operation]:
    program = f"""
import os
file = os.open({str(folder / "new")!r}, os.O_CREAT | os.O_WRONLY)
os.write(file, b"content")
{"os.fsync(file)" if sync else ""}
os.close(file)
os.rename({str(folder / "new")!r}, {str(folder / "name")!r})
"""
    return record(folder, ["-c", program])


def _trees(folder: Path, operations: list[Operation]) -> set[tuple[tuple[str, bytes | None], ...]]:
    before = folder.parent / "before"
    before.mkdir()
    return {state.tree for state in states(History(folder, before, operations), 200)}


def test_content_that_was_not_synced_may_be_missing_behind_a_new_name(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    trees = _trees(folder, _operations(folder, sync=False))
    assert {(), (("name", b""),), (("name", b"content"),), (("name", b"con"),), (("new", b"content"),)} <= trees


def test_content_that_was_synced_is_there_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    trees = _trees(folder, _operations(folder, sync=True))
    assert (("name", b"content"),) in trees
    assert () in trees, "the folder was never synced"
    assert (("name", b""),) not in trees


def test_a_process_dies_at_the_operation_that_was_chosen(tmp_path: Path) -> None:
    program = f"open({str(tmp_path / 'a')!r}, 'w').write('12345678')"
    left = []
    for kill_at in (1, 2, 3):
        (tmp_path / "a").unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-c", program], env=environment(tmp_path, kill_at=kill_at), check=False)
        left.append((done.returncode, (tmp_path / "a").read_text() if (tmp_path / "a").exists() else None))
    assert left == [(-9, None), (-9, "1234"), (0, "12345678")]
