"""The real web process: what it may see and say, what it survives, whom it serves while others are slow."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from dashboard_kit import MULTIPART, Device, free_port, jpeg, multipart, publish, result, wait_until, write_generation

from components.core.errors import ConfigurationError, MessageError
from components.core.messages import (
    PICTURE_TOPIC,
    QUERY_TOPIC,
    STATUS_TOPIC,
    TAUGHT_TOPIC,
    TEACH_TOPIC,
    PictureQuery,
    Status,
    encode,
)
from components.core.teach_messages import Taught, Teach
from dashboard.configuration import DashboardConfiguration
from dashboard.environment import scrubbed
from dashboard.security import HEADERS
from dashboard.supervisor import check_outgoing

SECRETS = {
    "SVCUID": "the-bus-token",
    "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": "/run/ipc.socket",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "the-role-token",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/credentials",
    "AWS_SECRET_ACCESS_KEY": "the-key",
}


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    folder = tmp_path_factory.mktemp("device")
    write_generation(folder / "index")
    before = dict(os.environ)
    os.environ.update(SECRETS)
    try:
        with Device(folder) as device:
            yield device.wait_until_up()
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_web_process_has_no_credentials(device: Device) -> None:
    environment = Path(f"/proc/{device.web_pid()}/environ").read_bytes().decode()
    names = {line.split("=", 1)[0] for line in environment.split("\0") if line}
    assert not names & set(SECRETS)
    assert not [name for name in names if name.startswith("AWS_")]
    assert not [secret for secret in SECRETS.values() if secret in environment]


def test_environment_is_a_list_of_what_passes() -> None:
    assert scrubbed({"PATH": "/bin", "SVCUID": "x", "AWS_REGION": "y", "ANY_NEW_SECRET": "z"}) == {"PATH": "/bin"}


def test_web_process_may_say_little() -> None:
    check_outgoing(PICTURE_TOPIC, encode(PictureQuery(query_id="a")))
    check_outgoing(STATUS_TOPIC, encode(Status(component="dashboard", state="running")))
    check_outgoing(TEACH_TOPIC, encode(Teach(request_id="a", action="begin")))
    for topic, payload in (
        (QUERY_TOPIC, b"{}"),
        ("lookalike/result", b"{}"),
        (PICTURE_TOPIC, b"{}"),
        (TEACH_TOPIC, b"{}"),
        (TAUGHT_TOPIC, encode(Taught(request_id="a"))),
        (STATUS_TOPIC, encode(Status(component="searcher", state="running"))),
    ):
        with pytest.raises(MessageError):
            check_outgoing(topic, payload)


def test_result_on_the_bus_reaches_a_client_through_the_pipe(device: Device) -> None:
    with httpx.stream("GET", f"http://localhost:{device.port}/api/v1/events") as stream:
        lines = stream.iter_lines()
        next(line for line in lines if line == "event: status")
        publish(device.bus, result("through-the-pipe"))
        next(line for line in lines if line == "event: result")
        shown = json.loads(next(lines).removeprefix("data: "))
    assert shown["query_id"] == "through-the-pipe"
    assert shown["matches"][0]["title"]["ko"] == "사과"


def test_upload_goes_out_through_the_pipe_and_its_answer_comes_back(device: Device) -> None:
    asked: list[bytes] = []

    def answer(payload: bytes) -> None:
        asked.append(payload)
        publish(device.bus, result(json.loads(payload)["query_id"], origin="upload"))

    device.bus.subscribe(PICTURE_TOPIC, answer)
    body = multipart(jpeg())
    url = f"http://localhost:{device.port}/api/v1/search"
    found = httpx.post(url, content=body, headers={"Content-Type": MULTIPART}, timeout=20)
    assert found.json()["matches"][0]["item_id"] == "apple", found.text
    assert len(asked) == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_body_that_is_too_large_is_refused_with_all_headers(device: Device, chunked: bool) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(9 * 16 + 8):
            yield b"\0" * 2**16

    url = f"http://localhost:{device.port}/api/v1/search"
    content = chunks() if chunked else multipart(b"\0" * 9 * 2**20)
    answer = httpx.post(url, content=content, headers={"Content-Type": MULTIPART}, timeout=20)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_foreign_host_is_refused_on_the_wire(device: Device) -> None:
    for host in ("evil.example", f"localhost:{device.port}.evil.example"):
        assert device.get("/", headers={"Host": host}).status_code in (400, 421)


def open_socket(device: Device, sent: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", device.port), 5)
    connection.sendall(sent.replace("\n", "\r\n").encode())
    return connection


def test_slow_clients_and_open_streams_hold_nobody_up(device: Device) -> None:
    host = f"Host: localhost:{device.port}"
    half_header = f"GET /healthz HTTP/1.1\n{host}\nX-Slow: "
    half_body = f"POST /api/v1/search HTTP/1.1\n{host}\nContent-Type: {MULTIPART}\nContent-Length: 5000\n\n--edge"
    stream = f"GET /api/v1/events HTTP/1.1\n{host}\n\n"
    with ExitStack() as stack:
        for sent in [half_header] * 60 + [half_body] * 60 + [stream] * 60:
            stack.enter_context(open_socket(device, sent))
        for _ in range(10):
            assert device.get("/healthz", timeout=10).status_code == 200
        assert device.get("/api/v1/items/apple", timeout=10).status_code == 200
    wait_until(lambda: all_places_are_free(device))


def all_places_are_free(device: Device) -> bool:
    """Whether 64 streams can be open at once: none is held by a client that has left."""
    with ExitStack() as stack:
        stream = f"GET /api/v1/events HTTP/1.1\nHost: localhost:{device.port}\n\n"
        answers = [stack.enter_context(open_socket(device, stream)).recv(12) for _ in range(64)]
    return all(answer == b"HTTP/1.1 200" for answer in answers)


def test_stream_beyond_the_bound_is_refused(device: Device) -> None:
    wait_until(lambda: all_places_are_free(device))
    stream = f"GET /api/v1/events HTTP/1.1\nHost: localhost:{device.port}\n\n"
    wait_until(lambda: one_too_many_is_refused(device, stream))


def one_too_many_is_refused(device: Device, stream: str) -> bool:
    with ExitStack() as stack:
        answers = [stack.enter_context(open_socket(device, stream)).recv(12) for _ in range(65)]
    return answers[-1] == b"HTTP/1.1 503"


def test_new_generation_is_shown_without_a_restart(device: Device, tmp_path_factory: pytest.TempPathFactory) -> None:
    pid = device.web_pid()
    folder = next(path for path in device.ram_dir.parent.iterdir() if path.name == "index")
    write_generation(folder, seq=8)
    wait_until(lambda: device.get("/api/v1/status").json().get("generation") == 8)
    assert device.get("/api/v1/items/apple?generation=7").status_code == 200
    assert device.web_pid() == pid


def test_web_process_that_dies_is_started_again(device: Device) -> None:
    pid = device.web_pid()
    assert pid is not None
    device.statuses.clear()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: device.web_pid() not in (None, pid))
    device.wait_until_up()
    assert any(s.state == "degraded" and "ended with code -9" in s.reason for s in device.statuses)


def test_port_in_use_is_said_and_tried_again(tmp_path: Path) -> None:
    port = free_port()
    write_generation(tmp_path / "index")
    with Device(tmp_path, port=port) as device:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
            wait_until(lambda: any(s.state == "degraded" for s in device.statuses))
            said = next(s for s in device.statuses if s.state == "degraded")
            assert f"port {port} of 127.0.0.1: another program uses it" in said.reason
            pid = device.web_pid()
        device.wait_until_up()
        wait_until(lambda: device.statuses[-1].state == "running")
        assert device.web_pid() == pid


def test_stopping_takes_the_web_process_along(tmp_path: Path) -> None:
    with Device(tmp_path) as device:
        wait_until(lambda: device.get("/healthz").status_code == 200)
        pid = device.web_pid()
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_only_the_device_itself_may_be_listened_on(host: str) -> None:
    with pytest.raises(ConfigurationError, match="answers only the device itself"):
        DashboardConfiguration(host=host)


@pytest.mark.parametrize("camera", ["", "../x", "a/b", ".hidden"])
def test_camera_is_a_plain_name(camera: str) -> None:
    with pytest.raises(ConfigurationError, match="camera"):
        DashboardConfiguration(camera=camera)
