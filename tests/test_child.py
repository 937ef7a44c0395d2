"""components/child.py: children never outlive the process that started them."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from nucleus_support import is_alive, wait_for

from components.child import start_child, terminate

ROOT = Path(__file__).parents[1]
PARENT = """
import time
from components.child import start_child
print(start_child(["sleep", "600"]).pid, flush=True)
time.sleep(600)
"""


def test_child_dies_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    with parent.stdout as output:
        child = int(output.readline())
    assert is_alive(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not is_alive(child), "the child ended")


def test_child_whose_parent_is_already_gone_exits_at_once() -> None:
    script = "from components.child import die_with_parent; die_with_parent(parent=1 << 22); print('went on')"
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, b"")


def test_child_of_a_living_parent_goes_on() -> None:
    script = (
        "import os; from components.child import die_with_parent; die_with_parent(parent=os.getppid()); print('on')"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, b"on\n")


def test_child_gets_the_environment_and_directory_that_were_asked_for(tmp_path: Path) -> None:
    script = "import os; print(os.environ['WORD'], os.getcwd())"
    child = start_child([sys.executable, "-c", script], env={"WORD": "hello"}, cwd=tmp_path, stdout=subprocess.PIPE)
    output, _ = child.communicate(timeout=30)
    assert output.decode().split() == ["hello", str(tmp_path)]


def test_program_that_does_not_exist_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        start_child(["/nowhere/program"])


def test_terminate_asks_first() -> None:
    assert terminate(start_child(["sleep", "600"])) == -signal.SIGTERM


def test_terminate_kills_a_child_that_does_not_listen() -> None:
    script = "trap '' TERM; echo ready; while true; do sleep 0.05; done"
    child = start_child(["sh", "-c", script], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout as output:
        assert output.readline() == b"ready\n"
        assert terminate(child, 0.2) == -signal.SIGKILL


def test_terminate_of_an_ended_child_gives_its_exit_code() -> None:
    child = start_child(["sh", "-c", "exit 7"])
    wait_for(lambda: not is_alive(child.pid), "it ended")
    assert terminate(child) == 7
