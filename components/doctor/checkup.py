"""All checks, one after the other."""

from collections.abc import Callable, Iterator

from components.doctor.cameras import check_cameras
from components.doctor.finding import FAULT, SKIPPED, Device, Finding
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


def _inference(device: Device) -> list[Finding]:
    version = installed()
    if not version:
        return [check_openvino(version)]
    try:
        devices, problem = ask_devices(), ""
    except RuntimeError as error:
        devices, problem = {}, str(error)
    return [
        check_openvino(version),
        check_devices(devices, problem),
        check_gpu(device, devices, version),
        check_embeddings(device),
    ]


CHECKS: dict[str, Callable[[Device], list[Finding]]] = {
    "python": lambda device: [check_python()],
    "cpu": lambda device: [check_cpu(device)],
    "memory": lambda device: [check_memory(device)],
    "disk": lambda device: [check_disk(device)],
    "ram_dir": lambda device: [check_ram_dir(device)],
    "clock": lambda device: [check_clock()],
    "openvino": _inference,
    "cameras": lambda device: [check_cameras(device)],
    "index": check_index,
    "updates": lambda device: [check_updates(device)],
    "outbox": lambda device: [check_outbox(device)],
    "port": lambda device: [check_port(device)],
    "nucleus": lambda device: [check_nucleus(device)],
    "components": lambda device: [check_components(device)],
}


def examine(device: Device) -> Iterator[Finding]:
    """Do all checks; one that fails itself is a finding, too."""
    for name, check in CHECKS.items():
        try:
            yield from check(device)
        except Exception as error:  # noqa: BLE001  # the other checks are wanted all the same
            yield Finding(name, SKIPPED, f"it could not be checked ({error!r:.200})")


def exit_code(findings: list[Finding]) -> int:
    """1 where anything is a fault."""
    return 1 if any(finding.mark == FAULT for finding in findings) else 0
