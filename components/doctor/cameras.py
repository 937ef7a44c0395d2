"""The cameras that Video4Linux knows."""

import fcntl
import os
import struct
from pathlib import Path

from components.doctor.finding import FAULT, OK, WARN, Device, Finding

_QUERYCAP = 0x80685600
_CAPABILITY = struct.Struct("16s32s32sIII12x")
_HAS_DEVICE_CAPS, _CAPTURES = 0x80000000, 0x00000001 | 0x00001000
_DEEPLENS = "opt/awscam/out/ch2_out.mjpeg"


def check_cameras(device: Device) -> Finding:
    """Whether there is a camera, and this user may open it."""
    found, refused, others = [], [], []
    for node in sorted((device.root / "dev").glob("video*")):
        try:
            name = camera_name(node)
        except PermissionError:
            refused.append(node.name)
        except OSError as error:
            others.append(f"{node.name} ({error.strerror})")
        else:
            found += [f"/dev/{node.name} ({name})"] if name else []
    if (device.root / _DEEPLENS).exists():
        found.append("the DeepLens camera (source awscam:)")
    if found:
        return Finding("cameras", OK, ", ".join(found))
    if refused:
        remedy = "sudo usermod -aG video ggc_user (the component's user), then restart the nucleus"
        return Finding("cameras", FAULT, f"this user may not open {', '.join(refused)}", remedy)
    if others:
        said = f"none can be opened: {', '.join(others)}"
        return Finding("cameras", FAULT, said, "unplug the camera and plug it in again; see dmesg")
    return Finding("cameras", WARN, "none on USB", "plug one in, unless the source is a network camera")


def camera_name(node: Path) -> str:
    """The name of the camera at ``node``; "" where it is none (cameras have a second node for data). Raises OSError."""
    descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    try:
        data = bytearray(_CAPABILITY.size)
        fcntl.ioctl(descriptor, _QUERYCAP, data)
    finally:
        os.close(descriptor)
    return read_capability(bytes(data))


def read_capability(data: bytes) -> str:
    """The card's name in a ``v4l2_capability``; "" where the device does not capture video."""
    _, card, _, _, capabilities, of_device = _CAPABILITY.unpack(data)
    captures = (of_device if capabilities & _HAS_DEVICE_CAPS else capabilities) & _CAPTURES
    return str(card.split(b"\0")[0].decode(errors="replace")) if captures else ""
