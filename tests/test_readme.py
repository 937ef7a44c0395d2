"""Every command of the README is run as it stands there; only ports and durations are shortened."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from nucleus_support import wait_for

from components.index_state import read_state
from index_builder.demo_catalog import write_demo_catalog

pytestmark = pytest.mark.timeout(600)  # the demo draws and learns a whole shop

SOURCE_TREE = Path(__file__).parents[1]
README = (SOURCE_TREE / "README.md").read_text()
COMMANDS = [
    line.split("   #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]
CAMERAS = re.findall(r"^\| (`[^|]+`) \| ", README.split("`CAMERA=`", 1)[1].split("\n\n", 1)[0], re.MULTILINE)
PHOTOS_OF_EACH = 5
MEANT_FOR_ELSEWHERE = {
    "make test": "this is it",
    "make demo CATALOG=my-products CAMERA=0": "needs a camera",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: products, photos of them, and the environment that make has made."""
    home = tmp_path_factory.mktemp("home")
    catalog = write_demo_catalog(home / "drawn", items=6)
    (catalog.parent / "pictures").rename(home / "my-products")
    pictures = sorted((home / "my-products").iterdir())
    for picture in pictures:
        image = cv2.imread(str(picture))
        for n in range(PHOTOS_OF_EACH):
            part = np.ascontiguousarray(image[20 + n : -10, 10 : -20 - n])
            cv2.imwrite(str(home / f"photo-{n}-{picture.name}"), part)
    listed = "".join(f"photo-{n}-{one.name},{one.stem}\n" for one in pictures for n in range(PHOTOS_OF_EACH))
    (home / "my-photos.csv").write_text("photo,item_id\n" + listed)
    shutil.copy(pictures[0], home / "my-photo.jpg")
    (home / ".venv").symlink_to(sys.prefix)
    return home


def run(command: str, cwd: Path, **environment: str) -> str:
    ended = subprocess.run(
        ["bash", "-c", command],
        check=False,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
    )
    assert ended.returncode == 0, f"{command}:\n{ended.stdout}"
    return ended.stdout


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_the_readme_has_commands() -> None:
    assert {"make demo", "make test"} <= set(COMMANDS)
    assert set(MEANT_FOR_ELSEWHERE) <= set(COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make demo") and c not in MEANT_FOR_ELSEWHERE])
def test_demo_runs_from_the_readme(command: str, home: Path) -> None:
    if not (SOURCE_TREE / ".venv" / ".ready").exists():
        pytest.skip("make has not made .venv here: the tests were started in another way")
    command = command.replace("my-products", str(home / "my-products"))
    root = str(home / "demo")
    printed = run(f"{command} DEMO_SECONDS=4 PORT={free_port()} DEMO_ROOT={root}", SOURCE_TREE)
    assert "summary: " in printed


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(".venv/bin/python -m index_builder")])
def test_index_builder_runs_from_the_readme(command: str, home: Path) -> None:
    run(command, home)


@pytest.mark.parametrize("command", [c for c in COMMANDS if "components.nucleus" in c])
def test_nucleus_runs_from_the_readme(command: str, home: Path) -> None:
    short = re.sub(r"--seconds \d+", "--seconds 4", command)
    assert "The nucleus runs" in run(f"{short} --set dashboard.port={free_port()}", home)


@pytest.mark.parametrize("command", [c for c in COMMANDS if "cloudsync.index.source" in c])
def test_a_device_follows_what_was_published_from_the_readme(command: str, home: Path) -> None:
    long = re.sub(r"--seconds \d+", "--seconds 150", command)
    command = f"{long} --set dashboard.port={free_port()}".replace("$PWD", str(home))
    device = subprocess.Popen(command.split(), cwd=home, stdout=subprocess.DEVNULL)

    def uses(generation: int) -> bool:
        state = read_state(home / "my-device" / "index")
        return state is not None and state.active == generation

    (publish,) = (c for c in COMMANDS if "index_builder publish " in c)
    try:
        wait_for(lambda: uses(1), "the index came", 120)
        assert "Published as generation 2" in run(f"{publish} --seq 2", home)  # the calibrated one
        wait_for(lambda: uses(2), "it changed over", 40)
    finally:
        device.terminate()
        device.wait(20)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("curl")])
def test_curl_searches_from_the_readme(command: str, home: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    port = free_port()
    options = f"--root {home / 'curl'} --catalog my-products --port {port} --seconds 200"
    demo = subprocess.Popen(
        [".venv/bin/python", "-m", "components.demo", *options.split()],
        cwd=home,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert demo.stdout is not None
        silent = command.replace("curl", "curl --silent --max-time 20", 1).replace("8080", port)
        until = f"until {silent} | grep --quiet item_id; do sleep 1; done"  # first it is not there, then not running
        run(f"timeout 150 bash -c '{until}'", home)
    finally:
        demo.terminate()
        demo.communicate(timeout=20)


def test_every_command_of_the_readme_is_run_by_a_test() -> None:
    tested = ("make demo", ".venv/bin/python -m index_builder", "curl")
    left = [c for c in COMMANDS if not c.startswith(tested) and "components.nucleus" not in c]
    assert left == ["make test"]


@pytest.mark.parametrize("text", [name for cell in CAMERAS for name in re.findall(r"`([^`]+)`", cell)])
def test_cameras_of_the_readme_are_understood(text: str) -> None:
    from components.featurizer.sources import parse_source

    parse_source(text)
