"""The whole product as one: catalog, index, nucleus, components, a kiosk's event stream; and its processes killed."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.demo.material import index_of
from components.store import Store
from index_builder.demo_catalog import write_demo_catalog

SOURCE_TREE = Path(__file__).parents[1]
COMPONENTS = ("components.featurizer", "components.searcher", "dashboard", "cloud_sync")


class Demo:
    """A running demo with a root of its own."""

    def __init__(self, root: Path, catalog: Path, *options: str) -> None:
        self.root = root
        self.port = _free_port()
        command = [sys.executable, "-m", "components.demo", "--root", str(root), "--catalog", str(catalog)]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), *options],
            cwd=SOURCE_TREE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def processes(self) -> dict[str, int]:
        """The process of each component, by its module's name."""
        found = {}
        for pid, command, parent in _processes():
            module = command[command.index("-m") + 1] if "-m" in command else ""
            if parent == self.process.pid and module in COMPONENTS:
                found[module] = pid
        return found

    def family(self) -> set[int]:
        """Every process that comes from this demo: they all know its root."""
        marker = str(self.root).encode()
        return {pid for pid, _, _ in _processes() if marker in _environment(pid) and pid != os.getpid()}

    def get(self, path: str) -> tuple[int, dict[str, object]]:
        """The answer of the dashboard; status 0 while there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            return 0, {}
        finally:
            connection.close()

    def is_ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def newest(self) -> object:
        result = self.get("/api/v1/matches/latest")[1].get("result")
        return result["query_id"] if isinstance(result, dict) else None

    def end(self) -> str:
        """Ctrl-C; what it printed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        printed, _ = self.process.communicate(timeout=20)
        return printed


def _processes() -> Iterator[tuple[int, list[str], int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                yield int(entry.name), command, int(fields[1])


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes() + bytes(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return b""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    drawn = write_demo_catalog(tmp_path_factory.mktemp("catalog"), items=24)
    index_of(drawn, root, "--camera-views", "6")
    return drawn


@pytest.fixture
def demo(root: Path, catalog: Path, limits: str) -> Iterator[Demo]:
    running = Demo(root, catalog, "--limits", limits)
    try:
        wait_for(running.is_ready, "the demo is ready")
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()


def test_item_held_up_is_the_first_match(root: Path, catalog: Path, limits: str) -> None:
    demo = Demo(root, catalog, "--seconds", "12", "--limits", limits)
    printed, _ = demo.process.communicate(timeout=120)
    assert demo.process.returncode == 0, printed
    summary = json.loads((root / "summary.json").read_text())
    assert f"http://127.0.0.1:{demo.port}/" in printed
    assert "summary: " in printed.splitlines()[-1]
    assert summary["held_up"] >= 12
    assert summary["share_right"] >= 0.9
    assert summary["empty"] >= 1
    assert summary["frames"] >= summary["queries"] >= summary["results"] - 1
    assert not list(Path("/dev/shm").glob(f"lookalike-demo-*-{demo.port}")), "no picture and no folder stays in RAM"


def test_replaced_picture_is_noticed(tmp_path: Path) -> None:
    catalog = write_demo_catalog(tmp_path / "catalog", items=2)
    first = index_of(catalog, tmp_path)
    assert index_of(catalog, tmp_path) == first
    assert Store(first).active() == 1
    pictures = sorted((tmp_path / "catalog" / "pictures").iterdir())
    pictures[0].write_bytes(pictures[1].read_bytes())
    index_of(catalog, tmp_path)
    assert Store(first).active() == 2


def test_killed_component_is_back_and_results_go_on(demo: Demo) -> None:
    for module in COMPONENTS:
        before = demo.processes()[module]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda m=module, b=before: demo.processes().get(m, b) != b, f"{module} is started again")
        wait_for(demo.is_ready, f"ready again after {module} was killed")
        newest = demo.newest()
        wait_for(lambda n=newest: demo.newest() not in (None, n), f"results go on after {module} was killed")
    printed = demo.end()
    assert "summary: " in printed.splitlines()[-1]


def test_no_process_outlives_a_killed_nucleus(demo: Demo) -> None:
    assert len(demo.family()) >= len(COMPONENTS)
    os.kill(demo.process.pid, signal.SIGKILL)
    wait_for(lambda: not demo.family() - {demo.process.pid}, "every process is gone", timeout_s=10)
    broken = [path for path in demo.root.rglob(".*.[0-9]*") if path.is_file()]
    assert not broken, "no file is half written"


def test_port_in_use_is_said_at_once(root: Path, catalog: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "components.demo", "--root", str(root), "--catalog", str(catalog)]
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [*command, "--port", port], check=False, cwd=SOURCE_TREE, capture_output=True, text=True, timeout=60
        )
    assert ended.returncode == 1
    assert ended.stderr.strip() == f"error: Port {port} is in use: choose another one, such as `make demo PORT=8090`."


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--catalog", "nowhere.csv"], "nowhere.csv does not exist"),
        (["--camera", "usbb:0"], "The source 'usbb:0' is not known; possible are usb:0,"),
        (["--camera", "folder:nowhere"], "nowhere does not exist"),
        (["--camera", "file:nowhere.mp4"], "nowhere.mp4 does not exist"),
    ],
)
def test_what_cannot_be_shown_is_said_at_once(tmp_path: Path, options: list[str], said: str) -> None:
    command = [sys.executable, "-m", "components.demo", "--root", str(tmp_path), *options]
    ended = subprocess.run(
        [*command, "--port", str(_free_port())],
        check=False,
        cwd=SOURCE_TREE,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""
