"""components.doctor: names fault and remedy; its support bundle holds no secret, no picture, no embedding."""

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import cv2
import numpy as np
import pytest
from generations import flip_byte, items, make_store, unit_vectors, write_generation

from components.core.generations import ModelRef
from components.core.outbox_documents import Document
from components.core.redaction import redacted_text, redacted_value
from components.doctor.bundle import MAX_LOG_BYTES, readable_log, write_bundle
from components.doctor.cameras import check_cameras, read_capability
from components.doctor.checkup import CHECKS, examine, exit_code
from components.doctor.finding import FAULT, OK, SKIPPED, WARN, Device, Finding
from components.doctor.index import check_index
from components.doctor.inference import (
    ask_devices,
    check_devices,
    check_embeddings,
    check_gpu,
    check_openvino,
    installed,
)
from components.doctor.machine import (
    check_clock,
    check_cpu,
    check_disk,
    check_memory,
    check_python,
    check_ram_dir,
)
from components.doctor.outbox import check_outbox
from components.doctor.running import check_components, check_nucleus, check_port
from components.doctor.updates import check_updates
from components.featurizer.model import Model, describe
from components.index_state import STATE_FILES, IndexState, Refusal, write_state
from components.outbox import Outbox
from components.store import Store
from tests.meanwhile import served

ROOT = Path(__file__).parents[1]
ATOM = "sse sse2 ssse3 sse4_1 sse4_2 popcnt aes"


def put(root: Path, path: str, text: str = "") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def cpu(root: Path, flags: str) -> Device:
    put(root, "proc/cpuinfo", f"model name\t: Intel Atom E3930\nflags\t\t: {flags}\n")
    return Device(root=root)


@pytest.mark.parametrize(
    ("version", "machine", "mark"),
    [
        ((3, 10), "x86_64", OK),
        ((3, 13), "aarch64", OK),
        ((3, 9), "x86_64", FAULT),
        ((3, 14), "x86_64", FAULT),
        ((3, 11), "armv7l", FAULT),
    ],
)
def test_python_and_architecture(version: tuple[int, int], machine: str, mark: str) -> None:
    assert check_python(version, machine).mark == mark


@pytest.mark.parametrize(
    ("flags", "mark", "words"),
    [(ATOM, OK, "no AVX"), (f"{ATOM} avx avx2", OK, "AVX2"), ("sse sse2 ssse3 popcnt", FAULT, "no SSE4.2")],
)
def test_cpu_flags(tmp_path: Path, flags: str, mark: str, words: str) -> None:
    found = check_cpu(cpu(tmp_path, flags), "x86_64")
    assert found.mark == mark
    assert words in found.text


def test_cpu_of_another_architecture_needs_no_flags(tmp_path: Path) -> None:
    assert check_cpu(Device(root=tmp_path), "aarch64").mark == OK


@pytest.mark.parametrize(("total", "free", "mark"), [(8e6, 4e6, OK), (1e6, 5e5, WARN), (8e6, 1e5, WARN)])
def test_memory(tmp_path: Path, total: float, free: float, mark: str) -> None:
    put(tmp_path, "proc/meminfo", f"MemTotal: {total:.0f} kB\nMemAvailable: {free:.0f} kB\n")
    assert check_memory(Device(root=tmp_path)).mark == mark


def test_disk_is_that_of_the_index_even_before_its_folder_is_there(tmp_path: Path) -> None:
    found = check_disk(Device(index_dir=tmp_path / "not" / "yet"))
    assert found.mark in (OK, FAULT)
    assert "GB free" in found.text


def test_ram_dir_on_a_disk_is_a_fault_with_a_remedy(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/mounts", f"/dev/sda / ext4 rw 0 0\ntmpfs {tmp_path}/ram tmpfs rw 0 0\n")
    (tmp_path / "ram").mkdir()
    on_disk = check_ram_dir(Device(root=tmp_path, ram_dir=tmp_path / "pictures"))
    assert (on_disk.mark, "ext4" in on_disk.text, "/dev/shm" in on_disk.remedy) == (FAULT, True, True)
    assert check_ram_dir(Device(root=tmp_path, ram_dir=tmp_path / "ram" / "lookalike")).mark == OK


@pytest.mark.parametrize(("now_s", "mark"), [(0.0, FAULT), (1.8e9, OK), (5e9, FAULT)])
def test_clock(now_s: float, mark: str) -> None:
    assert check_clock(now_s).mark == mark


@pytest.mark.parametrize(
    ("version", "mark"),
    [("2024.6.0", OK), ("2026.3.1", OK), ("2024.5.0", FAULT), ("2026.4.0", FAULT), ("2022.3", FAULT), ("", FAULT)],
)
def test_openvino_version(version: str, mark: str) -> None:
    assert check_openvino(version).mark == mark


def test_openvino_here_names_its_devices() -> None:
    found = check_devices(ask_devices())
    assert (check_openvino(installed()).mark, found.mark) == (OK, OK)
    assert found.text.startswith("CPU (")


@pytest.mark.parametrize(
    ("code", "words", "remedy"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "SIGILL", "newer processor"),
        ("import time; time.sleep(60)", "no answer", "device: CPU"),
        ("raise SystemExit('ImportError: libtbb.so')", "libtbb.so", "device: CPU"),
        ("print('{}')", "", "deploy again"),
    ],
)
def test_openvino_that_crashes_or_hangs_is_a_finding(code: str, words: str, remedy: str) -> None:
    try:
        found = check_devices(ask_devices((sys.executable, "-c", code), within_s=2.0))
    except RuntimeError as error:
        found = check_devices({}, str(error))
    assert found.mark == FAULT
    assert words in found.text
    assert remedy in found.remedy


def with_gpu(root: Path) -> Path:
    put(root, "sys/class/drm/renderD128/device/vendor", "0x8086\n")
    return put(root, "dev/dri/renderD128")


def test_gpu_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    assert check_gpu(Device(root=tmp_path), {"CPU": "x"}, "2024.6.0").mark == SKIPPED


def test_gpu_of_another_maker_is_not_missed(tmp_path: Path) -> None:
    with_gpu(tmp_path)
    put(tmp_path, "sys/class/drm/renderD128/device/vendor", "0x1002\n")
    assert check_gpu(Device(root=tmp_path), {"CPU": "x"}, "2024.6.0").mark == SKIPPED


def test_gpu_without_opencl_or_driver_says_what_to_install(tmp_path: Path) -> None:
    with_gpu(tmp_path)
    device = Device(root=tmp_path)
    assert "ocl-icd-libopencl1" in check_gpu(device, {"CPU": "x"}, "2024.6.0", opencl=None).remedy
    assert "intel-opencl-icd" in check_gpu(device, {"CPU": "x"}, "2024.6.0", opencl="libOpenCL.so.1").remedy
    put(tmp_path, "etc/OpenCL/vendors/intel.icd")
    assert "clinfo" in check_gpu(device, {"CPU": "x"}, "2024.6.0", opencl="libOpenCL.so.1").remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_gpu_and_camera_that_this_user_may_not_open_name_the_group(tmp_path: Path) -> None:
    with_gpu(tmp_path).chmod(0)
    put(tmp_path, "dev/video0").chmod(0)
    assert "render" in check_gpu(Device(root=tmp_path), {"CPU": "x"}, "2024.6.0", opencl=None).remedy
    found = check_cameras(Device(root=tmp_path))
    assert (found.mark, "-aG video" in found.remedy) == (FAULT, True)


def test_gen9_needs_the_profile_of_its_own(tmp_path: Path) -> None:
    devices = {"CPU": "x", "GPU": "Intel(R) HD Graphics 500 (iGPU)"}
    assert check_gpu(Device(root=tmp_path), devices, "2024.6.0").mark == OK
    assert "2024.6" in check_gpu(Device(root=tmp_path), devices, "2026.3.1").remedy


def capability(of_device: int) -> bytes:
    return (
        b"uvcvideo".ljust(16, b"\0")
        + b"C920".ljust(32, b"\0")
        + bytes(36)
        + (0x84A00001).to_bytes(4, "little")
        + of_device.to_bytes(4, "little")
        + bytes(12)
    )


def test_cameras_and_their_second_nodes_are_told_apart() -> None:
    assert read_capability(capability(0x04200001)) == "C920"
    assert read_capability(capability(0x04A00000)) == "", "the node for metadata is no camera"


def test_cameras(tmp_path: Path) -> None:
    device = Device(root=tmp_path)
    assert check_cameras(device).mark == WARN
    put(tmp_path, "dev/video0")
    assert check_cameras(device).mark == FAULT, "what is no camera cannot be opened as one"
    put(tmp_path, "opt/awscam/out/ch2_out.mjpeg")
    assert "awscam:" in check_cameras(device).text


def test_whole_generation_and_a_damaged_one(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path)
    (index, model) = check_index(Device(index_dir=tmp_path))
    assert (index.mark, "200 items" in index.text) == (OK, True)
    assert model.mark == FAULT, "a generation without its model is of no use to a device"
    flip_byte(store.object_path(store.manifest(1).segments[0].vectors.sha256))
    (index,) = check_index(Device(index_dir=tmp_path))
    assert (index.mark, "damaged" in index.text) == (FAULT, True)


def model_ref(store: Store, named: str, said: str) -> ModelRef:
    files = {name: store.write_object(name.encode()) for name in ("model.xml", "model.bin")}
    described = {"digest": said, "dim": 32, "files": {name: ref.sha256 for name, ref in files.items()}}
    files["model.json"] = store.write_object(json.dumps(described).encode())
    return ModelRef("net", named, 32, "Apache-2.0", "test", files)


@pytest.mark.parametrize(("said", "mark"), [("a" * 64, OK), ("b" * 64, FAULT)])
def test_model_of_the_generation_is_the_one_it_names(tmp_path: Path, said: str, mark: str) -> None:
    make_store(tmp_path, model=model_ref(Store(tmp_path), "a" * 64, said))
    assert check_index(Device(index_dir=tmp_path))[1].mark == mark


def put_model(folder: Path, model: Model) -> Path:
    """A generation that brings ``model``."""
    store = Store(folder)
    data = {"model.xml": model.xml, "model.bin": model.bin, "model.json": describe(model)}
    files = {name: store.write_object(content) for name, content in data.items()}
    ref = ModelRef(model.name, model.digest, model.dim, model.license, model.source, files)
    write_generation(store, unit_vectors(3, model.dim), items(3), model=ref)
    return store.object_path(files["model.bin"].sha256)


def test_updates_are_told_with_what_became_of_them(tmp_path: Path, dashboard: int) -> None:
    device = Device(index_dir=tmp_path, port=9)
    assert check_updates(device).mark == SKIPPED
    state = IndexState(active=7, previous=6, staged=8, trial=True, refused={5: Refusal("It is damaged.", "latest")})
    write_state(tmp_path, state)
    found = check_updates(device)
    assert (found.mark, found.text) == (
        WARN,
        "generation 7 is active, on trial, 6 was before, 8 is staged: generation 5 was refused: It is damaged.",
    )
    write_state(tmp_path, IndexState(active=7))
    assert check_updates(device).line() == "✓ updates: generation 7 is active"
    found = check_updates(Device(index_dir=tmp_path, port=dashboard))
    assert (found.mark, found.text) == (WARN, "generation 7 is active; failed, 42 %: It broke off.")
    assert found.remedy == "it is tried again; see cloud sync's log"
    for name in STATE_FILES:
        (tmp_path / name).write_bytes(b"torn")
    assert check_updates(device).mark == FAULT


def test_model_of_the_index_is_tried(tmp_path: Path, model: Model) -> None:
    weights = put_model(tmp_path, model)
    found = check_embeddings(Device(index_dir=tmp_path))
    assert (found.mark, "16 embeddings of efficientnet-lite0 on CPU" in found.text) == (OK, True)
    flip_byte(weights)
    found = check_embeddings(Device(index_dir=tmp_path))
    assert (found.mark, "damaged" in found.text) == (FAULT, True)


def test_model_that_gives_no_answer_is_a_fault(tmp_path: Path, model: Model) -> None:
    put_model(tmp_path, model)
    found = check_embeddings(Device(index_dir=tmp_path), within_s=0.01)
    assert (found.mark, found.text) == (FAULT, "they cannot be computed: it gave no answer in 0.01 s")


def test_without_a_generation_no_model_is_tried(tmp_path: Path) -> None:
    assert check_embeddings(Device(index_dir=tmp_path)).mark == SKIPPED


def test_no_generation_is_a_fault_with_a_remedy(tmp_path: Path) -> None:
    (found,) = check_index(Device(index_dir=tmp_path))
    assert found.mark == FAULT
    assert "index_dir" in found.remedy


def outbox_of(folder: Path, *, at: float, lost: int = 0) -> Finding:
    with contextlib.closing(Outbox(folder, wall_s=lambda: at)) as outbox:
        outbox.add([Document("matches", b'{"n":1}')] * 3, lost)
        return check_outbox(Device(outbox_dir=folder))


def test_outbox_says_what_waits(tmp_path: Path) -> None:
    assert check_outbox(Device(outbox_dir=tmp_path)).mark == SKIPPED
    found = outbox_of(tmp_path / "new", at=time.time() - 7_200)
    assert (found.mark, found.text.partition(",")[0]) == (OK, "3 events wait for the cloud")
    assert "the oldest for 2.0 h" in found.text


def test_outbox_that_nobody_empties_or_that_lost_something_is_told(tmp_path: Path) -> None:
    old = outbox_of(tmp_path / "old", at=time.time() - 3 * 86_400)
    assert (old.mark, "rule that acknowledges" in old.remedy) == (WARN, True)
    lossy = outbox_of(tmp_path / "lossy", at=time.time(), lost=7)
    assert (lossy.mark, "7 were lost" in lossy.text) == (WARN, True)


def test_outbox_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "outbox.1.sqlite").write_bytes(b"damaged" * 999)
    assert check_outbox(Device(outbox_dir=tmp_path)).mark == FAULT


def test_port_free_and_used_by_another() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        device = Device(port=other.getsockname()[1])
        other.listen()
        threading.Thread(target=_refuse, args=(other,), daemon=True).start()
        found = check_port(device)
        assert (found.mark, "another program" in found.text) == (FAULT, True)
    assert check_port(device).mark == OK


def _refuse(server: socket.socket) -> None:
    server.accept()[0].close()


def test_nucleus_and_components(tmp_path: Path) -> None:
    device = Device(root=tmp_path)
    assert (check_nucleus(device).mark, check_components(device).mark) == (WARN, SKIPPED)
    put(tmp_path, "greengrass/v2/bin/greengrass-cli")
    assert "classic" in check_nucleus(device).text
    assert check_components(device).mark == FAULT
    put(tmp_path, "etc/greengrass/config.yaml")
    assert "lite" in check_nucleus(device).text
    for number, module in enumerate(("components.featurizer", "components.searcher", "dashboard"), 100):
        put(tmp_path, f"proc/{number}/cmdline", f"/x/python\0-m\0{module}\0")
    found = check_components(device)
    assert (found.mark, found.text) == (WARN, "not running: CloudSync")
    put(tmp_path, "proc/200/cmdline", "/x/python\0-m\0cloud_sync\0")
    assert check_components(device).mark == OK


def test_every_check_gives_a_line_and_only_a_fault_counts(tmp_path: Path) -> None:
    findings = list(examine(Device(index_dir=tmp_path)))
    assert {finding.check for finding in findings} >= set(CHECKS)
    assert all("\n" not in finding.line() and finding.text for finding in findings)
    assert all(finding.remedy for finding in findings if finding.mark in (FAULT, WARN))
    assert exit_code(findings) == 1
    assert exit_code([Finding("a", WARN, "x", "y"), Finding("b", OK, "x")]) == 0


# -- the support bundle ------------------------------------------------------------------------------------------------

PLANTED = {
    "geheim-1": "INFO x: source rtsp://admin:geheim-1@192.0.2.7/live is open",
    "p@ss/geheim-2": "INFO x: rtsp://admin:p@ss/geheim-2@192.0.2.7:554/live?channel=1",
    "geheim-3": "INFO x: GET http://192.0.2.7/v.cgi?user=a&pwd=geheim-3&size=1",
    "geheim-4": 'INFO x: {"password": "geheim-4", "k": 8}',
    "geheim-5": "INFO x: Authorization: Bearer geheim-5.abc",
    "geheim-6": "INFO x: SVCUID=geheim-6",
    "geheim-7": "export AWS_SECRET_ACCESS_KEY=geheim-7",
    "geheim-8": "INFO x: the value geheim-8 of a variable",
    "AKIAIOSFODNN7EXAMPLE": "INFO x: key AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": "INFO x: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY was used",
    "eyJhbGciOiJIUzI1NiJ9": "INFO x: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_d",
    "MIIEpAIBAAKCAQEA": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nqq\n-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("secret", PLANTED)
def test_secret_is_taken_out_and_the_rest_stays(secret: str) -> None:
    text = redacted_text(f"INFO before: a line\n{PLANTED[secret]}\nINFO after: a line", ["geheim-8"])
    assert secret not in text
    assert text.startswith("INFO before: a line\n")
    assert text.endswith("\nINFO after: a line")


@pytest.mark.parametrize(
    "text",
    [
        "INFO components.searcher: Generation 12 (shop, 8,732 items) is active after 0.31 s.",
        "2026-11-20T13:40:12.123Z [INFO] (pool-2-thread-17) com.lookalike.Searcher: stdout. {scriptName=services.run}",
        f"INFO x: Model efficientnet-lite0 ({'0a1b2c3d' * 8}) is in use.",
        "WARNING x: The camera has given no frame for 5 s: check its cable and power.",
        '  File "/greengrass/v2/work/com.lookalike.Featurizer/venv/lib/python3.11/site-packages/cv2/__init__.py"',
        "INFO x: device GPU.0, 7.9 frames/s, 12.1 ms, 14.0 ms, 0.8712",
    ],
)
def test_what_helps_stays_as_it_is(text: str) -> None:
    assert redacted_text(text) == text


def embedding() -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    made = np.abs(np.random.default_rng(3).standard_normal(1_280)).astype(np.float32)
    return np.asarray(made / np.linalg.norm(made), np.float32)


def test_lists_of_numbers_in_a_status_are_taken_out() -> None:
    said = {"v": embedding().tolist(), "few": [1, 2.5], "token": "abc", "in": [{"pin": "rtsp://u:p@h/"}]}
    assert redacted_value(said) == {"v": "<numbers>", "few": [1, 2.5], "token": "***", "in": [{"pin": "rtsp://***@h/"}]}


class _Dashboard(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        said = {"index_state": "failed", "index_progress": 42, "index_reason": "It broke off."}
        told = {"components": [{"component": "searcher"}, {"component": "cloud_sync", "details": said}]}
        secret = {"reason": "rtsp://admin:geheim-1@h/x", "api_key": "geheim-4", "v": embedding().tolist()}
        body = json.dumps({**told, **secret})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def dashboard() -> Iterator[int]:
    with served(_Dashboard) as address:
        yield int(address.rpartition(":")[2])


def jpeg() -> bytes:
    image = np.random.default_rng(5).integers(0, 255, (90, 120, 3), np.uint8)
    data = cv2.imencode(".jpg", image)[1].tobytes()
    # As cameras write them: a block of text inside.
    note = b"<x:xmpmeta>\nGPS 52.5200 N 13.4050 E\n2024-05-01 12:00:00 owner Erika Mustermann\n</x:xmpmeta>"
    return data[:2] + b"\xff\xe1" + (len(note) + 2).to_bytes(2, "big") + note + data[2:]


def log_with_everything() -> bytes:
    vector, picture = embedding(), jpeg()
    packed = vector.astype("<f2").tobytes()
    return b"\n".join(
        [
            b"INFO first: all is well",
            *(line.encode() for line in PLANTED.values()),
            f"INFO x: {vector.tolist()}".encode(),
            f"INFO x: {np.array2string(vector[:100], precision=4)}".encode(),
            b"INFO x: " + base64.b64encode(packed),
            base64.encodebytes(picture),
            f"INFO x: {picture.hex()}".encode(),
            f"INFO x: {picture[:64]!r}".encode(),
            b"INFO x: " + packed,
            b"INFO x: " + picture,
            picture[:3_000],
            b"INFO last: all is well",
        ]
    )


def traces() -> Iterator[bytes]:
    """What of the planted picture and vector must not be found: pieces of each form in which they were written."""
    picture, vector = jpeg(), embedding()
    for raw in (picture[200:], picture[2_000:], vector.astype("<f2").tobytes()):
        yield from (raw[:10], raw[40:50], base64.b64encode(raw[3:60])[8:24], raw.hex()[20:40].encode())
    yield base64.b64encode(picture)[4_000:4_020]
    yield from (repr(value).encode() for value in vector.tolist()[5:8])
    yield from (f"{value:.4f}".encode() for value in vector[20:23])
    yield from (b"Mustermann", b"52.5200", b"JFIF", b"\xff\xd8\xff")


def unpacked(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive.getmembers()}  # type: ignore[union-attr]


def test_bundle_holds_no_secret_no_picture_and_no_embedding(tmp_path: Path, dashboard: int) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "com.lookalike.Featurizer.log").write_bytes(log_with_everything())
    (logs / "com.lookalike.Dashboard.log").write_bytes(b"INFO only: text")
    (logs / "com.other.log").write_bytes(b"INFO somebody else's")
    (logs / "lookalike.jpg").write_bytes(jpeg())
    (logs / "lookalike-link.log").symlink_to(logs / "lookalike.jpg")
    ram = tmp_path / "ram" / "preview"
    ram.mkdir(parents=True)
    (ram / "camera.jpg").write_bytes(jpeg())
    environment = {"SVCUID": "geheim-6", "MY_TOKEN": "geheim-8", "AWS_REGION": "eu-central-1", "OTHER": "geheim-9"}
    findings = [Finding("camera", FAULT, "rtsp://admin:geheim-1@h/x is away", "plug it in")]
    file = tmp_path / "bundle.tar.gz"
    device = Device(ram_dir=tmp_path / "ram", index_dir=tmp_path, port=dashboard)

    assert write_bundle(file, device, findings, [logs], environment) == 2

    members = unpacked(file)
    everything = b"\n".join(members.values())
    for secret in [*PLANTED, "geheim", "p@ss"]:
        assert secret.encode() not in everything, secret
    for trace in traces():
        assert trace not in everything, trace
    names = {name.removeprefix("lookalike-support/") for name in members}
    wanted = {"findings.txt", "findings.json", "versions.json", "status.json"}
    assert names - {"journal.txt"} == wanted | {
        f"logs/0-com.lookalike.{name}.log" for name in ("Featurizer", "Dashboard")
    }
    assert b"INFO first: all is well" in everything
    assert b"eu-central-1" in everything
    for name in ("findings", "versions", "status"):
        json.loads(members[f"lookalike-support/{name}.json"])
    assert file.stat().st_mode & 0o077 == 0, "for this user alone"


def test_log_lines_around_a_picture_stay() -> None:
    log = b"INFO a: before\n" + jpeg() + b"\nINFO b: after\n"
    text = readable_log(log)
    assert "INFO a: before" in text
    assert "INFO b: after" in text
    assert "Mustermann" not in text


def test_of_a_log_with_other_binary_data_only_its_own_lines_stay() -> None:
    text = readable_log(b"INFO a: before\n\x00\x01\nowner Erika Mustermann\n\x00\nINFO b: after: RIFF\n")
    assert text == "INFO a: before\nINFO b: after: RIFF"


@pytest.mark.parametrize("cut", [0, 1_000])
def test_picture_that_the_log_holds_in_part_only_is_taken_out(cut: int) -> None:
    picture = jpeg()
    for part in (picture[cut:], picture[: len(picture) - cut - 1]):
        text = readable_log(part + b"\nINFO b: after\n")
        assert "Mustermann" not in text


def test_of_a_long_log_the_end_is_taken(tmp_path: Path) -> None:
    lines = "".join(f"INFO x: line {number} of a log\n" for number in range(50_000))
    put(tmp_path, "com.lookalike.Searcher.log", lines)
    file = tmp_path / "b.tar.gz"
    write_bundle(file, Device(port=9), [], [tmp_path], {})
    (log,) = (data for name, data in unpacked(file).items() if name.endswith("Searcher.log"))
    assert len(log) <= MAX_LOG_BYTES
    assert log.endswith(b"line 49999 of a log\n")


def test_secret_in_what_was_cut_off_is_taken_out() -> None:
    assert "geheim" not in redacted_text('{"k": 8, "password": "geheim')
    assert "geheim" not in redacted_text("x " * 1_990 + 'password="geheim and so on"')


def test_command_checks_writes_and_gives_its_code(tmp_path: Path) -> None:
    put(tmp_path, "logs/com.lookalike.Searcher.log", "INFO x: rtsp://a:geheim-1@h/\n")
    command = [sys.executable, "-m", "components.doctor", "--index-dir", str(tmp_path), "--port", "9"]
    command += [
        "--json",
        str(tmp_path / "f.json"),
        "--bundle",
        str(tmp_path / "b.tar.gz"),
        "--logs",
        str(tmp_path / "logs"),
    ]
    environment = {**os.environ, "LC_ALL": "C", "SVCUID": "geheim-6"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    lines = ended.stdout.splitlines()
    told = json.loads((tmp_path / "f.json").read_text())["findings"]
    assert len(lines) == len(told) + 2
    assert [finding["check"] for finding in told if finding["mark"] == FAULT] == ["index"]
    assert b"geheim" not in b"".join(unpacked(tmp_path / "b.tar.gz").values())
    assert lines[-1] == "✗ 1 to mend."
