"""Bad catalogs, networks and addresses of pictures on the command line: one sentence, nothing half written."""

import contextlib
import http.server
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx_networks
import pytest

from components.core.errors import BadContentError, UnavailableError
from components.store import Store
from index_builder.catalog import read_catalog
from index_builder.cli import main
from index_builder.pictures import Pictures
from tests.meanwhile import served
from tests.odd_pictures import REFUSED, TAKEN, pictures

ROOT = Path(__file__).resolve().parents[1]


def start(*arguments: object, before: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
    command = [*before, sys.executable, "-m", "index_builder", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(child: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit code, and what it said about its fault: the lines of standard error that are no progress."""
    _, said = child.communicate(timeout=60)
    return child.returncode, "\n".join(line for line in said.splitlines() if line and not line.startswith("embedding"))


def test_a_catalog_takes_odd_pictures_and_lists_bad_ones(tmp_path: Path, model_dir: Path) -> None:
    folder, out = pictures(tmp_path / "shop"), tmp_path / "out"
    lines = [{"item_id": name, "image": name} for name in (*TAKEN, *REFUSED)]
    (folder / "shop.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, said = end(start("build", "--catalog", folder / "shop.jsonl", "--out", out, "--model", model_dir))
    assert (code, "Traceback" in said) == (0, False)
    listed = {
        one["item_id"]: one["reason"] for one in map(json.loads, (out / "failures.jsonl").read_text().splitlines())
    }
    assert listed.keys() == REFUSED.keys()
    for name, (_, reason) in REFUSED.items():
        assert reason in listed[name]
    assert Store(out).manifest(1).items == len(TAKEN)


CATALOGS: dict[str, tuple[str, bytes | None, str]] = {
    "two items of one id": ("a.csv", b"item_id,image\na,a.jpg\na,b.jpg\n", "item_id 'a' stands twice"),
    "a column that is missing": ("a.csv", b"item_id,title\na,A\n", "lacks image"),
    "no file": ("a.csv", None, "does not exist"),
    "an empty file": ("a.csv", b"", "holds no items"),
    "another encoding": ("a.csv", "item_id,image\ncaf\xe9,a.jpg\n".encode("latin-1"), "is not UTF-8"),
}
MORE_CATALOGS: dict[str, tuple[str, bytes | None, str]] = {
    "half a surrogate in a name": ("a.jsonl", b'{"item_id": "a", "image": "a.jpg", "\\ud800": "x"}\n', "surrogate"),
    "half a surrogate in a path": ("a.jsonl", b'{"item_id": "a", "image": ["\\ud800.jpg"]}\n', "surrogate"),
    "a field of 10 MB": ("a.jsonl", json.dumps({"item_id": "a", "image": "", "title": "x" * 10**7}).encode(), "title"),
    "a name that is too long": ("x" * 300 + ".csv", None, "cannot be read (File name too long)"),
}


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Callable[[str], tuple[int, str]]]:
    """What the command said to each catalog; all run at the same time."""
    folder = tmp_path_factory.mktemp("catalogs")
    children = {}
    for number, (name, (file, data, _)) in enumerate(CATALOGS.items()):
        place = folder / str(number)
        place.mkdir()
        if data is not None:
            (place / file).write_bytes(data)
        children[name] = start("build", "--catalog", place / file, "--out", place / "out", "--model", model_dir)
    ended = {name: (*end(child), (folder / str(n) / "out")) for n, (name, child) in enumerate(children.items())}

    def outcome(name: str) -> tuple[int, str]:
        code, said, out = ended[name]
        assert not out.exists(), "something was half written"
        return code, said

    yield outcome


@pytest.mark.parametrize("name", CATALOGS)
def test_a_wrong_catalog_is_one_sentence_and_leaves_nothing(
    builds: Callable[[str], tuple[int, str]], name: str
) -> None:
    code, said = builds(name)
    assert code == 1
    assert_is_a_sentence(said, CATALOGS[name][2])


@pytest.mark.parametrize("name", MORE_CATALOGS)
def test_a_hostile_catalog_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, model_dir: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, data, reason = MORE_CATALOGS[name]
    if data is not None:
        (tmp_path / file).write_bytes(data)
    out = tmp_path / "out"
    assert main(["build", "--catalog", str(tmp_path / file), "--out", str(out), "--model", str(model_dir)]) == 1
    assert_is_a_sentence(capsys.readouterr().err.strip(), reason)
    assert not out.exists()


def assert_is_a_sentence(said: str, reason: str) -> None:
    assert said.startswith("error: ")
    assert "\n" not in said
    assert reason in said


def test_a_name_that_is_no_text_does_not_end_a_build(tmp_path: Path, model_dir: Path) -> None:
    folder = tmp_path / os.fsdecode(b"shop\xff")
    folder.mkdir()
    (folder / "a.jpg").write_bytes(TAKEN["gray.jpg"])
    (folder / "b.jpg").write_bytes(b"")
    out = tmp_path / "out"
    assert main(["build", "--catalog", str(folder), "--out", str(out), "--model", str(model_dir)]) == 0
    assert Store(out).manifest(1).name == "shop?"
    assert "b.jpg" in json.loads((out / "failures.jsonl").read_text())["picture"]


def test_a_pipe_or_device_is_neither_a_catalog_nor_a_picture(tmp_path: Path) -> None:
    """Reading one might never end, or only when the memory is full."""
    os.mkfifo(tmp_path / "a.csv")
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(BadContentError, match="is no catalog"):
        read_catalog(tmp_path / "a.csv")
    reading = Pictures(tmp_path / "cache")
    try:
        for path in (tmp_path / "a.jpg", Path("/dev/zero"), tmp_path):
            with pytest.raises(BadContentError, match="is no file"):
                reading.read(str(path))
    finally:
        reading.close()


@pytest.mark.parametrize(
    ("how", "said"), [({"outputs": 2}, "has 2 outputs"), ({"image": ["batch", 3, 224, 224]}, "has a dynamic batch")]
)
def test_a_network_of_another_kind_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, how: dict[str, object], said: str
) -> None:
    network = onnx_networks.small(tmp_path / "net.onnx", **how)  # type: ignore[arg-type]
    code, sentence = end(start("model", "--onnx", network, "--out", tmp_path / "made"))
    assert code == 1
    assert sentence.startswith(f"error: net {said}")
    assert "\n" not in sentence
    assert not (tmp_path / "made").exists()


def test_what_is_no_picture_is_not_kept_as_if_it_were_one(tmp_path: Path) -> None:
    """A page of a login or of a fault, with status 200: the picture itself is there a moment later."""
    answers = [b"<html>log in</html>", TAKEN["gray.jpg"]]
    with server(lambda handler: reply(handler, answers.pop(0))) as url:
        reading = Pictures(tmp_path / "cache")
        with contextlib.closing(reading):
            with pytest.raises(BadContentError, match="no format that is known"):
                reading.read(url)
            assert reading.read(url) == TAKEN["gray.jpg"]


def test_an_address_that_leads_on_for_ever_is_one_sentence(tmp_path: Path) -> None:
    def lead_on(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", handler.path + "x")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    reading = Pictures(tmp_path / "cache")
    refused = pytest.raises(UnavailableError, match="could not be fetched")
    with server(lead_on) as url, contextlib.closing(reading), refused:
        reading.read(url)


def test_a_picture_that_trickles_in_is_given_up(tmp_path: Path) -> None:
    def trickle(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"x")
                time.sleep(0.02)

    reading = Pictures(tmp_path / "cache", whole_within_s=0.5)
    given_up = pytest.raises(UnavailableError, match="has not come whole")
    with server(trickle) as url, contextlib.closing(reading), given_up:
        reading.read(url)


def reply(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextlib.contextmanager
def server(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A web server on this machine; gives the address of a picture."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *args: object) -> None:
            pass

    with served(Handler) as address:
        yield f"{address}/picture.jpg"
