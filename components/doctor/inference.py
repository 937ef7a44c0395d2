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
from typing import Any

from components.child import start_child, start_module
from components.doctor.finding import FAULT, OK, SKIPPED, WARN, Device, Finding

LOWEST, ABOVE = (2024, 6), (2026, 4)
GEN9 = "2024.6"
ANSWER_S = 60.0
_ASK = """
import json, openvino
core = openvino.Core()
print(json.dumps({name: core.get_property(name, "FULL_DEVICE_NAME") for name in core.available_devices}))
"""
_SELF_TEST = "components.featurizer.self_test"
_NEWER = "this wheel is built for a newer processor: deploy our artifact, not one of pip's cache"
_INTEL = "0x8086"
_PIPES: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE) | {"stdin": subprocess.DEVNULL}


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
    code, out, said = _answer(start_child(command, env=os.environ, **_PIPES), within_s)
    try:
        return dict(json.loads(out))
    except ValueError as error:
        lines = said.strip().splitlines()
        raise RuntimeError(lines[-1][:200] if lines else f"it ended with code {code}") from error


def _answer(child: subprocess.Popen[bytes], within_s: float) -> tuple[int, str, str]:
    """Exit code and what was said; raises RuntimeError with the reason where a signal or the time ended it."""
    try:
        out, said = child.communicate(timeout=within_s)
    except subprocess.TimeoutExpired as error:
        child.kill()
        child.communicate()
        raise RuntimeError(f"it gave no answer in {within_s:g} s") from error
    if child.returncode < 0:
        raise RuntimeError(f"it was ended by {signal.Signals(-child.returncode).name}")
    return child.returncode, out.decode(errors="replace"), said.decode(errors="replace")


def check_devices(devices: Mapping[str, str], problem: str = "") -> Finding:
    """Whether OpenVINO can compute anything here; ``problem`` is why it did not say."""
    if problem:
        remedy = "see the driver's messages in dmesg; with device: CPU the components do without the GPU"
        if "SIGILL" in problem:
            remedy = _NEWER
        return Finding("devices", FAULT, f"OpenVINO cannot be asked: {problem}", remedy)
    if "CPU" not in devices:
        return Finding(
            "devices", FAULT, f"OpenVINO finds {', '.join(devices) or 'nothing'}, and no CPU", "deploy again"
        )
    return Finding("devices", OK, ", ".join(f"{name} ({words})" for name, words in devices.items()))


def check_embeddings(device: Device, within_s: float = 2 * ANSWER_S) -> Finding:
    """Whether the CPU computes valid embeddings with the model of the index."""
    if not list((device.index_dir / "generations").glob("*.json")):
        return Finding("embeddings", SKIPPED, f"there is no model in {device.index_dir} to try")
    try:
        child = start_module(_SELF_TEST, "--index-dir", str(device.index_dir), **_PIPES)
        code, out, said = _answer(child, within_s)
    except RuntimeError as error:
        remedy = _NEWER if "SIGILL" in str(error) else "see dmesg, then deploy again"
        return Finding("embeddings", FAULT, f"they cannot be computed: {error}", remedy)
    if code != 0:
        words = (said.strip().splitlines() or [f"it ended with code {code}"])[-1].removeprefix("error: ")
        return Finding("embeddings", FAULT, words[:300], "build or fetch the generation again, or deploy again")
    return Finding("embeddings", OK, out.strip())


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
