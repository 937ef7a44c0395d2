"""OpenVINO and the GPU. OpenVINO is asked in a process of its own: a driver may crash it, or never answer."""

import ctypes.util
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.child import start_child
from components.doctor.finding import FAULT, OK, SKIPPED, WARN, Device, Finding

LOWEST, ABOVE = (2024, 6), (2026, 4)
GEN9 = "2024.6"
ANSWER_S = 60.0
_ASK = """
import json, openvino
core = openvino.Core()
print(json.dumps({name: core.get_property(name, "FULL_DEVICE_NAME") for name in core.available_devices}))
"""
_INTEL = "0x8086"


def installed(package: str = "openvino") -> str:
    """The version of ``package`` in this Python; "" where it is not there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def check_openvino(version: str) -> Finding:
    """Whether this version is one of those that the product was tested with."""
    wanted = f"{LOWEST[0]}.{LOWEST[1]} up to before {ABOVE[0]}.{ABOVE[1]}"
    if not version:
        remedy = "run the doctor with the Python of the Featurizer's venv (…/work/com.lookalike.Featurizer/venv)"
        return Finding("openvino", FAULT, f"it is not installed in {sys.prefix}", remedy)
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if not LOWEST <= numbers < ABOVE:
        return Finding("openvino", FAULT, f"version {version}", f"deploy the artifact again: it carries {wanted}")
    return Finding("openvino", OK, f"version {version}")


def ask_devices(command: Sequence[str] = (sys.executable, "-c", _ASK), within_s: float = ANSWER_S) -> Mapping[str, str]:
    """OpenVINO's devices with their names; raises RuntimeError with the reason where it gives none."""
    child = start_child(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=os.environ
    )
    try:
        out, said = child.communicate(timeout=within_s)
    except subprocess.TimeoutExpired as error:
        child.kill()
        child.communicate()
        raise RuntimeError(f"it gave no answer in {within_s:g} s") from error
    if child.returncode < 0:
        raise RuntimeError(f"it was ended by {signal.Signals(-child.returncode).name}")
    try:
        return dict(json.loads(out))
    except ValueError as error:
        lines = said.decode(errors="replace").strip().splitlines()
        raise RuntimeError(lines[-1][:200] if lines else f"it ended with code {child.returncode}") from error


def check_devices(devices: Mapping[str, str], problem: str = "") -> Finding:
    """Whether OpenVINO can compute anything here; ``problem`` is why it did not say."""
    if problem:
        remedy = "see the driver's messages in dmesg; with device: CPU the components do without the GPU"
        if "SIGILL" in problem:
            remedy = "this wheel is built for a newer processor: deploy our artifact, not one of pip's cache"
        return Finding("devices", FAULT, f"OpenVINO cannot be asked: {problem}", remedy)
    if "CPU" not in devices:
        return Finding(
            "devices", FAULT, f"OpenVINO finds {', '.join(devices) or 'nothing'}, and no CPU", "deploy again"
        )
    return Finding("devices", OK, ", ".join(f"{name} ({words})" for name, words in devices.items()))


def check_gpu(
    device: Device, devices: Mapping[str, str], version: str, opencl: str | None = ctypes.util.find_library("OpenCL")
) -> Finding:
    """Whether an Intel GPU that is there can be used, and if not, what is missing."""
    nodes = [node for node in sorted((device.root / "dev/dri").glob("renderD*")) if _is_intel(device, node)]
    gpu = next((name for name in devices if name.startswith("GPU")), None)
    if gpu is not None:
        if version.startswith(("2025", "2026")) and re.search(r"HD Graphics|UHD Graphics 6\d\d", devices[gpu]):
            return Finding(
                "gpu", WARN, f"{devices[gpu]} with OpenVINO {version}", f"Gen9 needs the profile with {GEN9}"
            )
        return Finding("gpu", OK, f"OpenVINO finds {devices[gpu]}; the featurizer checks its vectors at every start")
    if not nodes:
        return Finding("gpu", SKIPPED, "there is no Intel GPU here; the CPU computes")
    closed = [node.name for node in nodes if not os.access(node, os.R_OK | os.W_OK)]
    said = f"there is an Intel GPU ({nodes[0].name}), but OpenVINO does not find it"
    if closed:
        remedy = "sudo usermod -aG render ggc_user (the component's user), then restart the nucleus"
        return Finding("gpu", WARN, f"{said}: this user may not open {closed[0]}", remedy)
    if opencl is None:
        return Finding("gpu", WARN, f"{said}: libOpenCL is missing", "sudo apt-get install ocl-icd-libopencl1")
    if not list((device.root / "etc/OpenCL/vendors").glob("*.icd")):
        remedy = "sudo apt-get install intel-opencl-icd (Gen9: the legacy1 packages, up to 24.35)"
        return Finding("gpu", WARN, f"{said}: the OpenCL driver is missing", remedy)
    return Finding("gpu", WARN, said, "check with clinfo; Gen9 needs kernel 5.4 and the legacy1 driver")


def _is_intel(device: Device, node: Path) -> bool:
    return device.text(f"sys/class/drm/{node.name}/device/vendor").strip() in ("", _INTEL)
