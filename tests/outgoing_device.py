"""A device whose every outgoing byte is read: all components, a cloud, an S3 store, and a loopback that leads nowhere.

Run in a network namespace of its own: ``python outgoing_device.py FOLDER INDEX SETTINGS``; says what it saw as JSON.
"""

import base64
import contextlib
import ctypes
import fcntl
import http.client
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from dashboard_kit import MULTIPART, multipart
from mosquitto_kit import Cloud, cloud
from nucleus_support import our_deployment, wait_for
from object_place import BUCKET, s3_server
from offline_device import loopback_up

from components.core.taught import TaughtItem, TaughtView
from components.nucleus.nucleus import Nucleus
from components.taught_store import TaughtStore
from tests.campaign.processes import free_port

ROOT = Path(__file__).parents[1]
THING = "kiosk-1"
SIOCADDRT, RTF_UP, ETH_P_ALL, PACKET_OUTGOING = 0x890B, 1, 3, 4
NOWHERE = ("192.0.2.1", 9)
SIZE_OF_ETHERNET = 14
UPLOAD = bytes(cv2.imencode(".jpg", np.random.default_rng(6).integers(0, 255, (120, 120, 3), np.uint8))[1])
WEBP = b"RIFF\x00\x08\x00\x00WEBPVP8L" + np.random.default_rng(5).bytes(2_000)
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-central-1"}


class Wire:
    """Every packet that this namespace sends: where to, and what is in it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self._socket.bind(("lo", ETH_P_ALL))
        self.abroad: list[str] = []
        """What was sent to another machine, or to a name server."""
        self.sent: dict[int, bytearray] = {}
        """By port of this machine, what was sent there over TCP."""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            data, (_, _, kind, *_) = self._socket.recvfrom(70_000)
            if kind == PACKET_OUTGOING:
                self._take(data[SIZE_OF_ETHERNET:])

    def _take(self, packet: bytes) -> None:
        version = packet[0] >> 4
        if version != 4:
            self.abroad.append(f"IPv{version} {packet[:60].hex()}")
            return
        head, protocol, to = (packet[0] & 15) * 4, packet[9], socket.inet_ntoa(packet[16:20])
        port = struct.unpack_from(">H", packet, head + 2)[0] if protocol in (6, 17) else 0
        if not to.startswith("127.") or port == 53:
            self.abroad.append(f"protocol {protocol} to {to}:{port} {packet[head:][:40].hex()}")
        elif protocol == 6:
            offset = head + (packet[head + 12] >> 4) * 4
            self.sent.setdefault(port, bytearray()).extend(packet[offset:])


def route_everything_to_the_loopback() -> None:
    """A packet to any address is sent, and read by ``Wire``, though it arrives nowhere."""
    address = struct.pack("=HH4s8x", socket.AF_INET, 0, bytes(4))
    name = ctypes.create_string_buffer(b"lo")
    pointer = ctypes.addressof(name)
    # struct rtentry: destination, gateway and mask are all 0.0.0.0, so it is the default route.
    route = struct.pack("L16s16s16sHhLPhPLLH", 0, address, address, address, RTF_UP, 0, 0, 0, 0, pointer, 0, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCADDRT, route)


def is_watched(wire: Wire) -> bool:
    """Whether a packet to another machine is noticed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b"probe", NOWHERE)
    found = wait_for(lambda: [line for line in wire.abroad if NOWHERE[0] in line], "the probe is seen", 5)
    wire.abroad.clear()
    return bool(found)


def ask(port: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        connection.request("GET" if body is None else "POST", path, body, {"Content-Type": kind})
        return json.loads(connection.getresponse().read())
    return {}


def teach(folder: Path) -> None:
    """An item that was taught, with a picture that would be recognized."""
    vector = np.random.default_rng(1).normal(size=1280).astype(np.float32)
    vector = (vector / np.linalg.norm(vector)).astype("<f2").astype(np.float32)
    view = TaughtView(view_id="v", item_id="t", model="a" * 64, embedding=vector, thumbnail="b" * 64)
    with contextlib.closing(TaughtStore(folder)) as store:
        item = TaughtItem(item_id="t", title="Taught", state="active")
        store.change("save", time.time(), items=[item], views=[view], thumbnails={"b" * 64: WEBP})


def previews(ram: Path) -> Iterator[bytes]:
    for path in (ram / "preview").glob("*.jpg"):
        with contextlib.suppress(OSError):
            yield path.read_bytes()


def publish(folder: Path, index: str, server: str) -> Path:
    """Bring the generation into the store; gives the root of trust."""
    environment = {**os.environ, **KEYS, "PYTHONPATH": str(ROOT)}
    builder = [sys.executable, "-m", "index_builder"]
    place = ["--to", f"s3://{BUCKET}/shop", "--endpoint-url", server]
    keys = ["--keys", str(folder / "keys")]
    for command in (["keys", "init", *keys], ["publish", "--from", index, *place, *keys]):
        subprocess.run([*builder, *command], check=True, env=environment, stdout=sys.stderr)
    return next((folder / "keys").rglob("*root.json"))


def main() -> None:
    folder, index, settings = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    os.environ.update(KEYS)
    loopback_up()
    route_everything_to_the_loopback()
    wire = Wire()
    watched = is_watched(wire)
    with s3_server() as server, cloud(folder / "mosquitto") as (mosquitto, far):
        trusted_root = publish(folder, index, server)
        s3_port = int(server.rpartition(":")[2])
        wire.sent.clear()
        port, ram = str(free_port()), folder / "ram"
        teach(folder / "taught")
        common = {"index_dir": str(folder / "index"), "taught_dir": str(folder / "taught"), "ram_dir": str(ram)}
        place = {"source": f"s3://{BUCKET}/shop", "trusted_root": str(trusted_root), "endpoint_url": server}
        overrides: dict[str, dict[str, Any]] = {
            "Featurizer": {**common, "source": settings.pop("source")},
            "Searcher": {**common, "learn": "never", "send_taught": "texts"},
            "Dashboard": {**common, "port": port},
            "CloudSync": {"index": place, "index_dir": common["index_dir"], "gather_s": "0.5", "poll_interval_s": "1"},
        }
        del overrides["Featurizer"]["taught_dir"]
        for name, more in settings.items():
            overrides[name] |= more
        deployment = our_deployment(
            folder / "root", "lite", overrides=overrides, broker=mosquitto.endpoint(THING), thing_name=THING
        )
        pictures = {UPLOAD, WEBP}
        with Nucleus(deployment):
            run_through(port, far, ram, pictures)
        said = {
            "watched": watched,
            "abroad": wire.abroad,
            "topics": sorted(far.topics),
            "messages": [base64.b64encode(message).decode() for message in far.messages],
            "pictures": [base64.b64encode(picture).decode() for picture in pictures],
            "s3": base64.b64encode(bytes(wire.sent.get(s3_port, b""))).decode(),
        }
    sys.stdout.write(json.dumps(said))


def run_through(port: str, far: Cloud, ram: Path, pictures: set[bytes]) -> None:
    """Everything that a device does once: matches, an upload, a verdict, what was taught, statuses, its shadow."""

    def has(kind: str) -> bool:
        pictures.update(previews(ram))
        return any(topic.endswith(kind) for topic in far.topics)

    wait_for(lambda: has("/matches"), "a match is in the cloud", 60)
    latest = wait_for(lambda: ask(port, "/api/v1/matches/latest").get("result"), "the kiosk shows something", 30)
    ask(port, "/api/v1/search", multipart(UPLOAD, "image", {}), MULTIPART)
    verdict = {"query_id": latest["query_id"], "item_id": "x", "verdict": "none"}
    ask(port, "/api/v1/feedback", json.dumps(verdict).encode())
    for kind in ("/feedback", "/taught", "/status", "/shadow/name/lookalike/update"):
        wait_for(lambda kind=kind: has(kind), f"{kind} is in the cloud", 40)


if __name__ == "__main__":
    main()
