"""A command in a terminal: Ctrl-C at any moment, and an output that nobody reads, are no reason for a traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.command import run_command

ROOT = Path(__file__).parents[1]
IMPATIENT = """
import os, runpy, signal, sys

MAIN = f"{sys.argv[1]}.__main__"
CHEAP = {sys.argv[1], MAIN, "components", "components.command", "components.core", "components.core.errors"}

class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name not in CHEAP and name.partition(".")[0] not in sys.stdlib_module_names:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

package = sys.argv.pop(1)
__import__(package)
sys.meta_path.insert(0, Impatient())
runpy.run_module(package, run_name="__main__", alter_sys=True)
"""
"""Ctrl-C as soon as a command loads the first module that may take a while."""
SHORT = {"index_builder": ("keys", "init", "--keys", "keys"), "cloud_sync": ("status", "--index-dir", "index")}


def command(package: str, folder: Path, **more: object) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", package, *SHORT[package]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        line, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, check=False, **more
    )


@pytest.mark.parametrize("package", SHORT)
def test_ctrl_c_while_the_libraries_load_is_one_sentence(package: str, tmp_path: Path) -> None:
    line = [sys.executable, "-c", IMPATIENT, package, *SHORT[package]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.startswith("stopped; ")
    assert done.stderr.count("\n") == 1
    assert done.returncode in (130, -2), "where Ctrl-C came, Python ends by that very signal"


@pytest.mark.parametrize("kind", [RuntimeError, ImportError])
def test_ctrl_c_that_python_tells_as_another_error_is_ctrl_c(
    kind: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> int:
        raise kind("initialization failed") from KeyboardInterrupt()

    def failed() -> int:
        raise kind("initialization failed")

    before = signal.getsignal(signal.SIGINT)
    assert run_command(interrupted, "as it was") == 130
    signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "stopped; as it was\n"
    with pytest.raises(kind):
        run_command(failed, "as it was")


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("package", SHORT)
def test_who_reads_no_further_sees_no_traceback(
    package: str, buffered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", buffered)
    reader, writer = os.pipe()
    os.close(reader)
    done = command(package, tmp_path, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("package", SHORT)
def test_a_command_needs_no_output(package: str, tmp_path: Path) -> None:
    done = command(package, tmp_path, preexec_fn=lambda: os.close(1))  # what `>&-` does
    assert (done.returncode, done.stderr) == (0, "")
