"""What the dashboard's tests share: a catalog in memory, messages, a picture, and the real server in this process."""

import contextlib
import dataclasses
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import httpx
import numpy as np
from flask import Flask
from flask.testing import FlaskClient

from components.bus import LocalBus
from components.core.decisions import Thresholds
from components.core.errors import FormatError
from components.core.generations import Manifest, ModelRef, SearchSettings, SegmentRef
from components.core.items import Item, Row, encode_rows
from components.core.messages import RESULT_TOPIC, STATUS_TOPIC, Match, SearchResult, Status, decode, encode
from components.store import Store
from dashboard.app import create_app
from dashboard.catalogs import CatalogSource
from dashboard.configuration import DashboardConfiguration
from dashboard.supervisor import Supervisor

MODEL = "0" * 64
PORT = 8080
HOST = f"localhost:{PORT}"


def jpeg(width: int = 64, height: int = 48) -> bytes:
    """A picture with something in it."""
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", ramp)[1])


THUMBNAIL = jpeg(32, 32)
DIGEST = hashlib.sha256(THUMBNAIL).hexdigest()

ITEMS = {
    "apple": Item(
        item_id="apple",
        title={"": "Äpple", "en": "Apple", "ko": "사과"},
        category="fruit",
        price="2.49",
        url="https://shop.example/apple",
        attributes={"place": "Aisle 3"},
        thumbnail=DIGEST,
    ),
    "pear": Item(item_id="pear", title={"": "Pear"}, category="fruit", url="javascript:alert(1)"),
    "evil": Item(item_id="evil", title={"": "<img src=x onerror=document.title='owned'>"}),
    "a/b?c": Item(item_id="a/b?c", title={"": "Odd id"}, thumbnail=DIGEST),
    "torn": Item(item_id="torn", thumbnail="f" * 64),
}


class MemorySource:
    """A ``CatalogSource`` with one generation."""

    def __init__(self, seq: int | None = 7, items: dict[str, Item] | None = None) -> None:
        self.seq = seq
        self.items = ITEMS if items is None else items

    def active(self) -> int | None:
        return self.seq

    def load(self, seq: int) -> dict[str, Item]:
        if seq != self.seq:
            raise FormatError(f"There is no generation {seq}.")
        return self.items

    def read_object(self, digest: str, max_bytes: int) -> bytes:
        if digest != DIGEST:
            raise FormatError(f"Object {digest} is damaged.")
        return THUMBNAIL


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_ns = 10**15

    def __call__(self) -> int:
        return self.now_ns

    def forward(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


def result(
    query_id: str = "q1", item: str | None = "apple", *, captured_ns: int | None = None, seq: int = 7, **fields: object
) -> SearchResult:
    """A result of the camera, of now."""
    return SearchResult(  # type: ignore[arg-type]  # fields are SearchResult's
        query_id=query_id,
        captured_ns=time.monotonic_ns() if captured_ns is None else captured_ns,
        captured_at=time.time(),
        model=MODEL,
        generation=seq,
        decision="no_match" if item is None else "match",
        matches=() if item is None else (Match(item, 0.91), Match("pear", 0.62)),
        **fields,
    )


def choice(query_id: str, *items: str, **fields: object) -> SearchResult:
    """A result that leaves the choice between ``items``, of now."""
    matches = tuple(Match(item, 0.6 - n / 100, 0.4 - n / 100) for n, item in enumerate((*items, "torn")))
    fields = {"decision": "ambiguous", "candidates": len(items), "matches": matches, "showing": 1, **fields}
    return dataclasses.replace(result(query_id), **fields)  # type: ignore[arg-type]  # fields are SearchResult's


MULTIPART = "multipart/form-data; boundary=edge"


def multipart(
    picture: bytes | None, field: str = "image", fields: Mapping[str, str | list[str]] | None = None
) -> bytes:
    """The body of a form with a picture and further fields."""
    parts = []
    for name, value in (fields or {}).items():
        for text in [value] if isinstance(value, str) else value:
            parts.append(f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode())
    if picture is not None:
        head = f'--edge\r\nContent-Disposition: form-data; name="{field}"; filename="photo.jpg"\r\n\r\n'
        parts.append(head.encode() + picture + b"\r\n")
    return b"".join(parts) + b"--edge--\r\n"


def publish(bus: LocalBus, message: SearchResult | Status) -> None:
    bus.publish(RESULT_TOPIC if isinstance(message, SearchResult) else STATUS_TOPIC, encode(message))


def running(component: str) -> Status:
    return Status(component=component, state="running")


def wait_until(condition: Callable[[], object], deadline_s: float = 15.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.01)


def make_app(
    bus: LocalBus, ram_dir: Path, *, port: int = PORT, source: CatalogSource | None = None, **options: object
) -> Flask:
    """The app with its catalog loaded."""
    settings = {
        name: options.pop(name) for name in ("max_age_s", "search_timeout_s", "language", "operate") if name in options
    }
    taught_dir = str(options.pop("taught_dir", ram_dir / "taught-items"))
    configuration = DashboardConfiguration(ram_dir=str(ram_dir), taught_dir=taught_dir, port=port, **settings)  # type: ignore[arg-type]
    source = source or MemorySource()
    app = create_app(configuration, bus, source, **options)  # type: ignore[arg-type]
    wait_until(lambda: source.active() is None or app.extensions["lookalike"].catalogs.seqs())
    return app


class Client:
    """A client that names the device as a browser on it does."""

    def __init__(self, app: Flask) -> None:
        self._client: FlaskClient = app.test_client()

    def __call__(self, path: str, method: str = "GET", host: str = HOST, **options: object):
        headers = {"Host": host, **options.pop("headers", {})}  # type: ignore[dict-item]
        return self._client.open(path, method=method, headers=headers, **options)  # type: ignore[arg-type]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def write_generation(index_dir: Path, seq: int = 7, items: dict[str, Item] | None = None) -> None:
    """A generation on disk with ``items`` and no vectors: all that the dashboard reads of one."""
    store = Store(index_dir)
    store.write_object(THUMBNAIL)
    rows = [Row(ordinal, item) for ordinal, item in enumerate((ITEMS if items is None else items).values())]
    nothing = store.write_object(b"")
    segment = SegmentRef(nothing, store.write_rows(encode_rows(rows)), 0, len(rows))
    store.write_manifest(
        Manifest(
            seq=seq,
            name="test",
            license="CC0-1.0",
            model=ModelRef("test", MODEL, 8, "Apache-2.0", "", {}),
            projection=nothing,
            dim=8,
            segments=(segment,),
            tombstones=(),
            search=SearchSettings(),
            thresholds=Thresholds(0.5),
            items=len(rows),
            views=len(rows),
        )
    )


class Device:
    """The component with its real web process, on a bus in memory."""

    def __init__(self, folder: Path, silent_s: int = 60, **settings: object) -> None:
        self.bus = LocalBus()
        self.port = int(str(settings.get("port", free_port())))
        self.ram_dir = folder / "ram"
        self.statuses: list[Status] = []
        self.bus.subscribe(STATUS_TOPIC, lambda payload: self.statuses.append(decode(Status, payload)))
        configuration = DashboardConfiguration(
            **{
                "index_dir": str(folder / "index"),
                "ram_dir": str(self.ram_dir),
                "taught_dir": str(folder / "taught"),
                **settings,
                "port": self.port,
            }  # type: ignore[arg-type]
        )
        told = json.dumps(dataclasses.asdict(configuration))
        self.supervisor = Supervisor(self.bus, told, time.monotonic, silent_s)
        self._thread = threading.Thread(target=self.supervisor.run)

    def __enter__(self) -> "Device":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.stop()
        self._thread.join()

    def wait_until_up(self) -> "Device":
        """Until the web process answers and has its catalog."""
        wait_until(lambda: self.get("/api/v1/status").json().get("generation") is not None)
        return self

    def get(self, path: str, **options: object) -> httpx.Response:
        """One request; an answer of status 0 where nothing listens."""
        try:
            return httpx.get(f"http://localhost:{self.port}{path}", **options)  # type: ignore[arg-type]
        except httpx.TransportError:
            return httpx.Response(0, json={})

    def web_pid(self) -> int | None:
        """The process id of the web process."""
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
                if b"dashboard.web" in command and f'"port": {self.port}'.encode() in command:
                    return int(entry.name)
        return None
