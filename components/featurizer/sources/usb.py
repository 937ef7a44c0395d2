"""A camera on USB (Video4Linux)."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import cv2

from components.core.errors import ConfigurationError
from components.featurizer.frame import Frame
from components.featurizer.sources.address import Address
from components.featurizer.sources.opencv import opened, read_frames


@dataclass(frozen=True)
class UsbCamera:
    """The camera at ``device`` (a number or a path as /dev/video0), asked for MJPEG of the given size."""

    device: int | str
    width: int = 1280
    height: int = 720
    max_fps: float = 15.0
    """How many frames a second are decoded at most; on a small CPU, decoding all of them costs half a core."""

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        """Yield frames until ``stop``; raises UnavailableError when there is no camera or it goes away."""
        name = f"The camera {self.device if isinstance(self.device, str) else f'usb:{self.device}'}"
        capture = cv2.VideoCapture(self.device, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
        problem = (
            f"{name} cannot be opened: check that it is plugged in, that no other program uses it, and that this user "
            "is in the group `video`."
        )
        with opened(capture, problem):
            # Uncompressed frames of this size do not fit through USB 2; the order matters to the driver.
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self.width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self.height)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            yield from read_frames(capture, stop, name=name, max_fps=self.max_fps)


_SIZES = {"1280x720": (1280, 720), "1920x1080": (1920, 1080), "640x480": (640, 480)}


def usb_source(address: Address) -> UsbCamera:
    """``usb:0`` or ``usb:/dev/video0``, with ``?size=1920x1080`` and ``?max_fps=``."""
    address.check_options("size", "max_fps")
    path = address.require_path("a number or a device, as in usb:0 or usb:/dev/video0")
    if not (path.isdecimal() or path.startswith("/dev/")):
        raise ConfigurationError(f"The source usb:{path} is no camera; expected usb:0 or usb:/dev/video0.")
    width, height = _SIZES[address.choice("size", *_SIZES)]
    return UsbCamera(int(path) if path.isdecimal() else path, width, height, address.number("max_fps", 15, 0.1, 120))
