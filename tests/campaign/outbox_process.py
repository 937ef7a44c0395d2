"""A process to be killed: ``produce`` fills an outbox, ``sync`` drains it into a broker. See outbox.py."""

import contextlib
import json
import sys
import threading
from pathlib import Path

from cloud_sync.drain import Drain, DrainSettings, acknowledgement_topic
from components.core.match_events import as_json
from components.core.outbox_documents import MATCHES, Document
from components.nucleus.broker import Endpoint, MqttBroker
from components.outbox import Outbox

GROUP = 20
THING = "kiosk-1"


def produce(folder: Path) -> None:
    """Events that are numbered over all runs: ``tried.log`` says what was begun, ``kept.log`` what is on the disk."""
    outbox, number = Outbox(folder / "outbox"), _next(folder / "tried.log")
    with (folder / "tried.log").open("a") as tried, (folder / "kept.log").open("a") as kept:
        while True:
            group = (number, number + GROUP)
            print(json.dumps(group), file=tried, flush=True)
            outbox.add([Document(MATCHES, as_json({"event": "x", "n": n, "pad": "x" * 250})) for n in range(*group)])
            print(json.dumps(group), file=kept, flush=True)
            number += GROUP
            threading.Event().wait(0.02)


def sync(folder: Path, certificates: Path, port: int, *, careless: bool) -> None:
    """Drain over TLS, as cloud_sync does; a ``careless`` one believes the nucleus."""
    heard = threading.Event()
    drains: list[Drain] = []
    files = (certificates / name for name in ("ca.pem", f"{THING}.pem", f"{THING}.key"))
    ca, certificate, key = files
    endpoint = Endpoint(host="localhost", port=port, ca=ca, certificate=certificate, key=key)
    broker = MqttBroker(endpoint, THING, lambda _, payload: drains[0].hear(payload))
    broker.subscribe(acknowledgement_topic(THING))

    class Uplink:
        def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
            broker.publish(topic, payload, qos)

    settings = DrainSettings(
        batches_per_s=200.0,
        gather_s=0.05,
        acknowledged=not careless,
        first_wait_s=0.3,
        longest_wait_s=0.3 if not careless else 0.001,
    )
    drains.append(Drain(Outbox(folder / "outbox"), Uplink(), THING, settings))
    while not broker.connected:
        heard.wait(0.005)
    drains[0].run(threading.Event())


def _next(log: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        lines = log.read_text().split("\n")[:-1]
        # What the last line says may be torn, in which case it ends where the one before does.
        return max((json.loads(line)[1] for line in lines if line.endswith("]")), default=0) + GROUP
    return 0


if __name__ == "__main__":
    role, folder, certificates, port, *options = sys.argv[1:]
    if role == "produce":
        produce(Path(folder))
    sync(Path(folder), Path(certificates), int(port), careless="--careless" in options)
