"""Bad numbers and addresses at the dashboard's door, and a web process that hangs."""

import os
import signal
import socket
from pathlib import Path

import pytest
from dashboard_kit import (
    MULTIPART,
    Client,
    Device,
    MemorySource,
    make_app,
    multipart,
    wait_until,
    write_generation,
)

from components.bus import LocalBus
from components.core.items import Item
from tests.odd_pictures import TAKEN


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
