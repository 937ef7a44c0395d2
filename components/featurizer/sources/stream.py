"""A camera on the network: RTSP, MJPEG over HTTP, or any stream that ffmpeg reads."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import cv2

from components.featurizer.frame import Frame
from components.featurizer.sources.address import Address
from components.featurizer.sources.opencv import opened, read_frames

# RTP over TCP: over UDP, lost packets smear the picture. No buffering: the newest frame is wanted, not every frame.
_FFMPEG_OPTIONS = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay"
_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_TIMEOUT_MS = 10_000


@dataclass(frozen=True)
class Stream:
    """The camera at a network address."""

    url: str
    max_fps: float = 15.0

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        """Yield frames until ``stop``; raises UnavailableError when the stream cannot be had or ends."""
        name = f"The stream of {urlsplit(self.url).hostname}"
        capture = _open(self.url)
        problem = f"{name} cannot be opened: check the address, the user's name and password, and the network."
        with opened(capture, problem):
            yield from read_frames(capture, stop, name=name, max_fps=self.max_fps)


def _open(url: str) -> cv2.VideoCapture:
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
    if _VARIABLE in os.environ:
        return cv2.VideoCapture(url, cv2.CAP_FFMPEG, timeouts)
    # OpenCV takes ffmpeg's options from the environment alone; a video file would lose frames with these.
    os.environ[_VARIABLE] = _FFMPEG_OPTIONS
    try:
        return cv2.VideoCapture(url, cv2.CAP_FFMPEG, timeouts)
    finally:
        del os.environ[_VARIABLE]


def stream_source(address: Address) -> Stream:
    """``rtsp://...``, ``http://...`` or ``https://...``, as it is."""
    return Stream(address.path)
