"""Bad input, met at the doors of the product: the command line, an upload, a camera, the bus of a real nucleus."""

import contextlib
import http.server
import io
import itertools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx_networks
import pytest
from dashboard_kit import (
    MULTIPART,
    Client,
    Device,
    MemorySource,
    free_port,
    make_app,
    multipart,
    result,
    wait_until,
    write_generation,
)
from generations import MODEL, flip_byte, items, make_store, unit_vectors
from generations import query as query_of
from generations import write_generation as write_vectors
from nucleus_support import binary, client, wait_for
from PIL import Image

from components.bus import LocalBus
from components.core import messages
from components.core.errors import BadContentError, MessageError, UnavailableError
from components.core.generations import ModelRef
from components.core.items import Item
from components.core.messages import PICTURE_TOPIC, RESULT_TOPIC, PictureQuery, SearchResult, Status
from components.featurizer.model import Model, describe
from components.featurizer.sources import parse_source
from components.greengrass import GreengrassBus
from components.nucleus.deployment import Deployment
from components.nucleus.limits import LIMITS
from components.nucleus.nucleus import Nucleus
from components.picture_header import MAX_SCANS, check_picture
from components.ram import picture_path
from components.store import Store
from index_builder.catalog import read_catalog
from index_builder.cli import main
from index_builder.pictures import Pictures

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65_534
COMPONENTS = {"featurizer", "searcher", "dashboard", "cloud_sync"}


# --- pictures: in a catalog, in an upload, in the folder of a camera


def scene(size: int = 120) -> np.ndarray:
    ramp = np.linspace(20, 230, size * size * 3).reshape(size, size, 3).astype(np.uint8)
    return np.asarray(cv2.circle(ramp, (size // 2, size // 2), size // 3, (10, 200, 90), -1))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_png() -> bytes:
    """3 GB of pixels, by its header and in a few bytes."""
    head = struct.pack(">IIBBBBB", 32_000, 32_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan stands there ``count`` times: each of them costs what a picture costs."""
    plain = saved(Image.new("L", (64, 64)), "JPEG", progressive=True)
    last = plain.rindex(b"\xff\xda")
    return plain[:-2] + plain[last:-2] * count + b"\xff\xd9"


PLAIN = Image.fromarray(scene())
TAKEN = {
    "gray.jpg": saved(PLAIN.convert("L"), "JPEG"),
    "cmyk.jpg": saved(PLAIN.convert("CMYK"), "JPEG"),
    "sixteen-bits.png": cv2.imencode(".png", scene().astype(np.uint16) * 257)[1].tobytes(),
    "gray-sixteen-bits.png": cv2.imencode(".png", scene()[:, :, 0].astype(np.uint16) * 257)[1].tobytes(),
}
REFUSED = {
    "unreadable.jpg": (b"hello, I am a picture", "in no format that is known here"),
    "cut-off.jpg": (saved(PLAIN, "JPEG")[:-200], "cut off"),
    "cut-off.png": (saved(PLAIN, "PNG")[:-200], "cut off"),
    "huge.png": (huge_png(), "megapixels"),
    "zero.jpg": (b"", "empty"),
    "animated.webp": (saved(PLAIN, "WEBP", save_all=True, append_images=[Image.new("RGB", PLAIN.size)]), "animated"),
    "animated.png": (saved(PLAIN, "GIF", save_all=True, append_images=[Image.new("RGB", PLAIN.size)]), "a GIF"),
    "endless.jpg": (many_scans(20_000), f"more than {MAX_SCANS} scans"),
}


def pictures(folder: Path) -> Path:
    folder.mkdir()
    for name, data in {**TAKEN, **{name: data for name, (data, _) in REFUSED.items()}}.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def model_dir(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    for name, data in (("model.xml", model.xml), ("model.bin", model.bin), ("model.json", describe(model))):
        (folder / name).write_bytes(data)
    return folder


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


class Featurizer:
    """Keeps the pictures that reach the device, and answers."""

    def __init__(self, bus: LocalBus, ram_dir: Path) -> None:
        self.seen: list[bytes] = []

        def take(payload: bytes) -> None:
            wanted = messages.decode(PictureQuery, payload)
            self.seen.append(picture_path(ram_dir, wanted.query_id).read_bytes())
            bus.publish(RESULT_TOPIC, messages.encode(result(wanted.query_id, origin="upload")))

        bus.subscribe(PICTURE_TOPIC, take)


def test_an_upload_of_any_color_kind_reaches_the_device_as_a_color_jpeg(tmp_path: Path) -> None:
    bus = LocalBus()
    device, ask = Featurizer(bus, tmp_path), Client(make_app(bus, tmp_path))
    for name, data in TAKEN.items():
        answer = ask("/api/v1/search", "POST", data=multipart(data), content_type=MULTIPART)
        assert answer.status_code == 200, name
        assert Image.open(io.BytesIO(device.seen[-1])).mode == "RGB", name


def test_a_bad_upload_is_refused_in_words_and_never_reaches_the_device(tmp_path: Path) -> None:
    bus = LocalBus()
    device, ask = Featurizer(bus, tmp_path), Client(make_app(bus, tmp_path))
    for name, (data, reason) in REFUSED.items():
        answer = ask("/api/v1/search", "POST", data=multipart(data), content_type=MULTIPART)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_picture"), name
        assert reason in answer.get_json()["error"]["message"]
    assert device.seen == []


def test_a_camera_of_a_folder_shows_odd_pictures_and_leaves_bad_ones_out(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "shop")
    frames = parse_source(f"folder:{folder}?fps=240").frames(threading.Event())
    shown = list(itertools.islice(frames, 2 * len(TAKEN)))
    assert {(frame.image.shape, frame.image.dtype.name) for frame in shown} == {((120, 120, 3), "uint8")}
    first_round = {frame.image.tobytes() for frame in shown[: len(TAKEN)]}
    assert first_round == {frame.image.tobytes() for frame in shown[len(TAKEN) :]}


def test_scans_are_counted_in_the_picture_alone() -> None:
    check_picture(many_scans(40))
    check_picture(saved(PLAIN, "JPEG") + b"\xff\xda" * 1_000)  # as behind a picture that moves a little
    with pytest.raises(BadContentError, match=f"more than {MAX_SCANS} scans"):
        check_picture(many_scans(MAX_SCANS + 1))


@pytest.mark.parametrize("filling", [b"\n", b"\r", b"\r\n-", b"\0"])
def test_no_upload_within_the_bound_is_called_too_large(tmp_path: Path, filling: bytes) -> None:
    """Line ends look like the beginning of a boundary, wherever the server cuts what it reads."""
    bus = LocalBus()
    Featurizer(bus, tmp_path)
    picture = TAKEN["gray.jpg"] + filling * (2_000_000 // len(filling))
    answer = Client(make_app(bus, tmp_path))("/api/v1/search", "POST", data=multipart(picture), content_type=MULTIPART)
    assert answer.status_code == 200


# --- numbers and addresses


@pytest.mark.parametrize(
    "digits", ["0" * 8 + "1" + "9" * 5_000, "0" * 17 + "1" + "9" * 5_000, "0" * 17 + "1" + "9" * 20, "9" * 19]
)
def test_numbers_of_many_digits_are_refused(tmp_path: Path, digits: str) -> None:
    ask = Client(make_app(LocalBus(), tmp_path))
    for path in (f"/api/v1/matches?limit={digits}", f"/api/v1/items/apple?generation={digits}"):
        assert ask(path).status_code == 400
    body = multipart(TAKEN["gray.jpg"], fields={"k": digits})
    answer = ask("/api/v1/search", "POST", data=body, content_type=MULTIPART)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_k")


def test_an_address_with_raw_bytes_is_refused_with_all_headers(tmp_path: Path) -> None:
    write_generation(tmp_path / "index")
    with Device(tmp_path) as device:
        device.wait_until_up()
        head = f"GET /api/v1/matches?limit=٣ HTTP/1.1\r\nHost: 127.0.0.1:{device.port}\r\nConnection: close\r\n\r\n"
        answer = talk(device.port, head.encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"x-content-type-options: nosniff" in answer
    assert b'"bad_request"' in answer


class CountingSource(MemorySource):
    """Notes which generations are read from the disk."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[int] = set()

    def load(self, seq: int) -> dict[str, Item]:
        self.asked.add(seq)
        return super().load(seq)


def test_no_address_has_a_generation_loaded(tmp_path: Path) -> None:
    """Else strangers' numbers would stand in line before the generation that is to be shown next."""
    source = CountingSource()
    app = make_app(LocalBus(), tmp_path, source=source)
    ask = Client(app)
    for seq in range(10**12 - 50, 10**12):
        assert ask(f"/api/v1/items/apple?generation={seq}").status_code == 404
    source.seq = 8
    wait_until(lambda: 8 in source.asked)
    assert source.asked == {7, 8}


def test_a_web_process_that_hangs_is_replaced(tmp_path: Path) -> None:
    write_generation(tmp_path / "index")
    with Device(tmp_path, silent_s=7) as device:
        pid = device.wait_until_up().web_pid()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: device.web_pid() not in (pid, None), 30)
        device.wait_until_up()
    assert any("said nothing for 7 s" in status.reason for status in device.statuses)


def talk(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


# --- the command line


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

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}/picture.jpg"
        finally:
            running.shutdown()
            thread.join()


# --- the bus of a real nucleus, with all components as processes


class Running:
    """All components on a nucleus; what the searcher and the others say of themselves, and the answers."""

    def __init__(self, nucleus: Nucleus, store: Store) -> None:
        self.nucleus, self.store = nucleus, store
        self.bus = GreengrassBus.from_environment(nucleus.client_environment())
        self.statuses: dict[str, Status] = {}
        self.counts: Counter[str] = Counter()
        self.results: dict[str, SearchResult] = {}
        self.bus.subscribe(messages.STATUS_TOPIC, self._status)
        self.bus.subscribe(RESULT_TOPIC, self._result)

    def _status(self, payload: bytes) -> None:
        with contextlib.suppress(MessageError):
            status = messages.decode(Status, payload)
            self.statuses[status.component] = status
            self.counts[status.component] += 1

    def _result(self, payload: bytes) -> None:
        with contextlib.suppress(MessageError):
            found = messages.decode(SearchResult, payload)
            self.results[found.query_id] = found

    def ask(self, vector: np.ndarray, query_id: str, model: str = MODEL) -> SearchResult:
        message = messages.encode(query_of(vector, query_id=query_id, model=model))

        def asked() -> bool:
            with contextlib.suppress(UnavailableError):
                self.bus.publish(messages.QUERY_TOPIC, message)
            return query_id in self.results

        wait_for(asked, f"{query_id} is answered")
        return self.results[query_id]

    def pids(self) -> dict[str, int | None]:
        return {name: state.pid for name, state in self.nucleus.states().items() if state.pid}


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory, limits: str) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("device")
    store, _ = make_store(folder / "index")
    (folder / "photos").mkdir()
    (folder / "photos" / "a.jpg").write_bytes(saved(PLAIN, "JPEG"))
    places = {"index_dir": str(folder / "index"), "ram_dir": str(folder / "ram")}
    deployment = Deployment(
        root=folder / "root",
        recipes=ROOT / "recipes",
        source=ROOT,
        python_env=Path(sys.prefix),
        limits=LIMITS[limits],
        overrides={
            "Featurizer": {**places, "source": f"folder:{folder / 'photos'}"},
            "Searcher": {"index_dir": str(folder / "index")},
            "Dashboard": {**places, "port": free_port()},
        },
    )
    with Nucleus(deployment) as nucleus:
        running = Running(nucleus, store)
        wait_for(lambda: running.statuses.keys() >= COMPONENTS, "all components say how they are", 60)
        yield running
        running.bus.close()


def test_messages_of_another_version_and_too_large_ones_stop_no_component(device: Running) -> None:
    before = device.pids()
    bad = [b'{"format":2,"kind":"%s"}' % kind for kind in (b"query", b"picture", b"result", b"status")]
    bad += [b"", b"\xff", b"[" * 6_999, b"x" * (messages.MAX_MESSAGE_BYTES + 100)]
    topics = (messages.QUERY_TOPIC, PICTURE_TOPIC, RESULT_TOPIC, messages.STATUS_TOPIC)
    with client(device.nucleus.client_environment()) as operator:
        for topic in topics:
            for data in bad:
                operator.publish_to_topic(topic=topic, publish_message=binary(data))
        future = messages.encode(query_of(unit_vectors(200)[7], query_id="future")).replace(
            b'"format":1', b'"format":2'
        )
        operator.publish_to_topic(topic=messages.QUERY_TOPIC, publish_message=binary(future))
    with contextlib.suppress(Exception), client(device.nucleus.client_environment()) as operator:
        operator.publish_to_topic(topic=topics[0], publish_message=binary(b"x" * 50_000))
    told = dict(device.counts)
    wait_for(lambda: all(device.counts[name] > told[name] for name in COMPONENTS), "all components go on", 30)
    assert device.pids() == before
    vectors = unit_vectors(200)
    assert device.ask(vectors[7], "after").matches[0].item_id == "item-7"
    assert "future" not in device.results
    wait_for(lambda: "could not be read" in device.statuses["cloud_sync"].reason, "what was not understood is told")


def test_a_query_of_another_model_is_refused_on_the_bus(device: Running) -> None:
    found = device.ask(unit_vectors(200)[7], "foreign", model="b" * 64)
    assert (found.decision, found.matches) == ("no_match", ())
    assert "was built with model" in found.reason
    wait_for(lambda: device.statuses["searcher"].state == "degraded", "the searcher says so")
    assert "build the index with the camera's model" in device.statuses["searcher"].reason


def flip(store: Store, seq: int) -> None:
    flip_byte(vectors_of(store, seq))


def lose(store: Store, seq: int) -> None:
    vectors_of(store, seq).unlink()


def date_ahead(store: Store, seq: int) -> None:
    path = store.index_dir / "generations" / f"{seq}.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 9'))


def vectors_of(store: Store, seq: int) -> Path:
    return store.object_path(store.manifest(seq).segments[0].vectors.sha256)


@pytest.mark.parametrize(
    ("seq", "damage", "said"),
    [(2, flip, "is damaged"), (3, lose, "is missing"), (4, date_ahead, "format 9; this version reads 1")],
)
def test_a_damaged_generation_is_told_and_the_one_before_answers(
    device: Running, tmp_path: Path, seq: int, damage: Callable[[Store, int], None], said: str
) -> None:
    brought = Store(tmp_path)
    write_vectors(brought, unit_vectors(150, dim=16, seed=seq), items(150), seq=seq)
    damage(brought, seq)
    for part in ("objects", "generations"):  # the manifest last, as everything that brings generations does
        shutil.copytree(tmp_path / part, device.store.index_dir / part, dirs_exist_ok=True)
    wait_for(lambda: said in device.statuses["searcher"].reason, said, 30)
    assert device.ask(unit_vectors(200)[7], f"under-{seq}").generation == 1


def test_a_generation_for_another_model_refuses_the_queries_of_the_one_before(device: Running) -> None:
    other = ModelRef("other", "c" * 64, 16, "Apache-2.0", "test", {})
    write_vectors(device.store, unit_vectors(150, dim=16, seed=9), items(150), seq=9, model=other)
    wait_for(lambda: device.statuses["searcher"].details.get("generation") == 9, "the generation is in use", 30)
    found = device.ask(unit_vectors(200)[7], "too-old")
    assert (found.generation, found.decision, found.matches) == (9, "no_match", ())
    assert "was built with model cccccccccccc (other)" in found.reason


# --- no permission to write


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
