"""Nothing that we import speaks to the network by itself."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import importlib, sys
def refuse(event, arguments):
    if event.startswith("socket.") and event.split(".")[1] in ("connect", "getaddrinfo", "gethostbyname", "sendto"):
        print(event, arguments, flush=True)
sys.addaudithook(refuse)
importlib.import_module(sys.argv[1])
import threading, time
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join(5)
"""


@pytest.mark.parametrize(
    "module", ["components.featurizer.__main__", "components.searcher.__main__", "dashboard.web", "index_builder.model"]
)
def test_importing_us_opens_no_connection(module: str, tmp_path: Path) -> None:
    root = str(Path(__file__).parents[1])
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, module],
        env={"PYTHONPATH": root, "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout == ""
    assert list(tmp_path.rglob("*")) == [], "nothing is left in the user's home"
