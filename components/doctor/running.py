"""The nucleus, the components' processes, and the dashboard's port."""

import errno
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from components.doctor.finding import FAULT, OK, SKIPPED, WARN, Device, Finding
from components.ports import port_fault

MODULES = {
    "components.featurizer": "Featurizer",
    "components.searcher": "Searcher",
    "dashboard": "Dashboard",
    "cloud_sync": "CloudSync",
}
_CLASSIC = ("greengrass/v2/alts/current", "greengrass/v2/bin/greengrass-cli", "greengrass/v2/config")
_LITE = ("etc/greengrass/config.yaml", "usr/bin/ggl-cli", "usr/local/bin/ggl-cli", "run/greengrass")
_ANSWER_S = 3.0
_MAX_STATUS_BYTES = 256 * 1024


def nucleus_of(device: Device) -> str:
    """classic, lite, or "" where none is seen."""
    if any(os.path.lexists(device.root / path) for path in _LITE):
        return "lite"
    return "classic" if any(os.path.lexists(device.root / path) for path in _CLASSIC) else ""


def check_nucleus(device: Device) -> Finding:
    """Which nucleus there is."""
    kind = nucleus_of(device)
    if not kind:
        remedy = "install AWS IoT Greengrass v2, or try it with python -m components.nucleus"
        return Finding("nucleus", WARN, "no Greengrass nucleus is seen here", remedy)
    return Finding("nucleus", OK, f"Greengrass nucleus {kind}")


def running_components(device: Device) -> Mapping[str, int]:
    """The components whose processes can be seen, with a process id of each."""
    found: dict[str, int] = {}
    for folder in (device.root / "proc").glob("[0-9]*"):
        words = device.text(f"proc/{folder.name}/cmdline").split("\0")
        module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
        if module in MODULES:
            found.setdefault(MODULES[module], int(folder.name))
    return found


def check_components(device: Device) -> Finding:
    """Whether all four run, as far as that can be seen."""
    found = running_components(device)
    missing = [name for name in MODULES.values() if name not in found]
    if not missing:
        return Finding("components", OK, f"all run: {', '.join(MODULES.values())}")
    if not found and not nucleus_of(device):
        return Finding("components", SKIPPED, "none runs here")
    remedy = "see their logs in /greengrass/v2/logs, or journalctl -u 'ggl.com.lookalike.*'"
    return Finding("components", WARN if found else FAULT, f"not running: {', '.join(missing)}", remedy)


def check_port(device: Device) -> Finding:
    """Whether the dashboard has its port, or could have it."""
    where = f"{device.host}:{device.port}"
    if ask_dashboard(device, "healthz") is not None:
        return Finding("port", OK, f"the dashboard answers on {where}")
    error = port_fault(device.host, device.port)
    if error is None:
        return Finding("port", OK, f"{where} is free; the dashboard does not run")
    if error.errno == errno.EADDRINUSE:
        remedy = f"end that program (ss -ltnp 'sport = :{device.port}' names it), or set another port"
        return Finding("port", FAULT, f"{where} is used by another program", remedy)
    return Finding("port", FAULT, f"{where} cannot be used ({error.strerror})", "set another port, above 1023")


def ask_dashboard(device: Device, path: str) -> Any:
    """What the dashboard answers as JSON; None where none answers."""
    try:
        # Without proxies: the address is this device's own.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{device.host}:{device.port}/{path}", timeout=_ANSWER_S) as answer:
            return json.loads(answer.read(_MAX_STATUS_BYTES))
    except (OSError, ValueError, urllib.error.URLError):
        return None
