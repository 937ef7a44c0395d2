"""A device without a network: deploys greengrass-build/ on the stand-in nucleus, and says what it saw as JSON.

Run in a network namespace of its own: ``python offline_device.py ROOT BUILT LIMITS SETTINGS``.
"""

import fcntl
import http.client
import json
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from nucleus_support import wait_for

from components.nucleus.deployment import Deployment
from components.nucleus.limits import LIMITS
from components.nucleus.nucleus import Nucleus

# Installing takes its time where other tests run beside.
PATIENCE_S = 400
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def main() -> None:
    root, built, limits, settings = sys.argv[1:]
    loopback_up()
    deployment = Deployment(
        root=Path(root),
        recipes=Path(built, "recipes"),
        artifacts=Path(built, "artifacts"),
        limits=LIMITS[limits],
        overrides=json.loads(settings),
    )
    with Nucleus(deployment) as nucleus:
        wait_for(lambda: all_run(nucleus), "every component is installed and runs", PATIENCE_S)
        result = wait_for(first_match, "the first match is there", 60)
        states = nucleus.states()
        seen = {
            "network": has_network(),
            "match": result["matches"][0],
            "components": {name: vars(status) for name, status in states.items()},
            "processes": {name: process(status.pid) for name, status in states.items() if status.pid},
        }
    sys.stdout.write(json.dumps(seen))


def all_run(nucleus: Nucleus) -> bool:
    states = {name: status.state for name, status in nucleus.states().items()}
    assert not {"broken", "waiting"} & set(states.values()), states
    return set(states.values()) <= {"running", "finished"}


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def has_network() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return False
    return True


def first_match() -> Any:
    """What the kiosk shows, with a match in it; None before."""
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=5)
    try:
        connection.request("GET", "/api/v1/matches/latest")
        result = json.loads(connection.getresponse().read())["result"]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return None
    finally:
        connection.close()
    return result if result and result["matches"] else None


def process(pid: int) -> dict[str, Any]:
    """Which Python runs a component, and where it looks for code."""
    environment = dict(entry.partition("=")[::2] for entry in Path(f"/proc/{pid}/environ").read_text().split("\0"))
    command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return {"command": command, "path": environment["PYTHONPATH"].split(os.pathsep)}


if __name__ == "__main__":
    main()
