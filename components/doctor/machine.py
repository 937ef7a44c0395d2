"""The computer itself: Python, processor, memory, disk, RAM directory, clock."""

import os
import platform
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from components.doctor.finding import FAULT, OK, WARN, Device, Finding

PYTHONS = ((3, 10), (3, 13))
_ARCHITECTURES = ("x86_64", "aarch64")
_EARLIEST_S = 1_704_067_200.0  # 2024: before it, this software did not exist
_LATEST_S = 4_102_444_800.0  # 2100
_GB = 1e9


def check_python(version: tuple[int, int] = sys.version_info[:2], machine: str = platform.machine()) -> Finding:
    """Whether this Python can run the components."""
    said = f"Python {version[0]}.{version[1]} on {machine}"
    if not PYTHONS[0] <= version <= PYTHONS[1]:
        return Finding("python", FAULT, said, "install Python 3.10 to 3.13 and deploy again")
    if machine not in _ARCHITECTURES or sys.maxsize < 2**32:
        return Finding("python", FAULT, said, f"use a 64-bit system for {' or '.join(_ARCHITECTURES)}")
    return Finding("python", OK, said)


def check_cpu(device: Device, machine: str = platform.machine()) -> Finding:
    """Whether the processor has the instructions that the wheels are built for."""
    info = device.text("proc/cpuinfo")
    name = _value(info, "model name") or machine
    if machine != "x86_64":
        return Finding("cpu", OK, name)
    flags = set(_value(info, "flags").split())
    if not flags:
        return Finding("cpu", WARN, f"{name}; its flags cannot be read", "check that /proc is mounted")
    if not {"sse4_2", "popcnt", "ssse3"} <= flags:
        return Finding("cpu", FAULT, f"{name} has no SSE4.2", "use a processor of 2009 or later (x86-64-v2)")
    if "avx" not in flags:
        return Finding("cpu", OK, f"{name}: SSE4.2, no AVX; only wheels built for x86-64-v2 run here, as ours are")
    return Finding("cpu", OK, f"{name}: SSE4.2, AVX{'2' if 'avx2' in flags else ''}")


def check_memory(device: Device) -> Finding:
    """Whether there is room for the four components (1.2 GB)."""
    info = device.text("proc/meminfo")
    total, free = (_kib(info, name) * 1024 / _GB for name in ("MemTotal", "MemAvailable"))
    said = f"{free:.1f} of {total:.1f} GB free"
    if not total:
        return Finding("memory", WARN, "it cannot be read", "check that /proc is mounted")
    if total < 1.8:
        return Finding("memory", WARN, said, "use a device with at least 2 GB")
    if free < 0.3:
        return Finding("memory", WARN, said, "end what else runs here")
    return Finding("memory", OK, said)


def check_disk(device: Device) -> Finding:
    """Whether the disk of the index has room for another generation."""
    folder = _existing(device.index_dir)
    try:
        free = shutil.disk_usage(folder).free / _GB
    except OSError as error:
        return Finding("disk", FAULT, f"{folder} cannot be read ({error.strerror})", "check the disk and its mount")
    said = f"{free:.1f} GB free for {device.index_dir}"
    if free < 1.0:
        return Finding("disk", FAULT, said, "delete what is not needed, or choose another index_dir: 1 GB is kept free")
    return Finding("disk", OK, said)


def check_ram_dir(device: Device) -> Finding:
    """Whether pictures pass through RAM, and not through the flash."""
    folder = _existing(device.ram_dir)
    kind = _filesystem(device, folder)
    if kind not in ("tmpfs", "ramfs"):
        said = f"{device.ram_dir} lies on {kind or 'an unknown file system'}: pictures would touch the disk"
        return Finding("ram_dir", FAULT, said, "set ram_dir to a folder on tmpfs, such as /dev/shm/lookalike")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        said = f"{folder} cannot be written ({error.strerror})"
        return Finding("ram_dir", FAULT, said, f"sudo chown the component's user {folder}, or free some of it")
    return Finding("ram_dir", OK, f"{device.ram_dir} lies in RAM ({kind}) and is writable")


def check_clock(now_s: float | None = None) -> Finding:
    """Whether the clock was ever set: certificates of AWS IoT Core depend on it."""
    now_s = time.time() if now_s is None else now_s
    said = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s))
    if not _EARLIEST_S <= now_s <= _LATEST_S:
        return Finding("clock", FAULT, f"it says {said}", "sudo timedatectl set-ntp true, or set it by hand")
    return Finding("clock", OK, said)


def _value(info: str, name: str) -> str:
    found = re.search(rf"^{name}\s*:\s*(.*)$", info, re.MULTILINE)
    return found[1].strip() if found else ""


def _kib(info: str, name: str) -> float:
    return float(re.sub(r"\D", "", _value(info, name)) or 0)


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _filesystem(device: Device, folder: Path) -> str:
    """The kind of file system that ``folder`` lies on."""
    found = (0, "")
    target = os.path.realpath(folder)
    for number, line in enumerate(device.text("proc/self/mounts").splitlines(), 1):
        fields = line.split()
        if len(fields) > 2 and Path(target).is_relative_to(fields[1].replace("\\040", " ")):
            found = max(found, (len(fields[1]) * 10_000 + number, fields[2]))
    return found[1]
