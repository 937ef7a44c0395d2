"""A video file as a camera: at its own pace, for ever."""

import dataclasses
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from components.core.errors import UnavailableError
from components.featurizer.frame import Frame
from components.featurizer.sources.address import Address
from components.featurizer.sources.opencv import opened
from components.featurizer.sources.pace import paced


@dataclass(frozen=True)
class VideoFile:
    """The video at ``path``, from the beginning again when it ends."""

    path: Path

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        """Yield frames until ``stop``; raises UnavailableError when there is no video or nothing in it can be read."""
        seq = 0
        while not stop.is_set():
            before = seq
            for frame in self._once(stop):
                seq += 1
                yield dataclasses.replace(frame, seq=seq)
            if seq == before and not stop.is_set():
                raise UnavailableError(f"The video {self.path} has no frame that can be read: check the file.")

    def _once(self, stop: threading.Event) -> Iterator[Frame]:
        capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        with opened(capture, f"The video {self.path} cannot be opened: check that the file is there and is a video."):
            fps = capture.get(cv2.CAP_PROP_FPS)
            for _ in paced(stop, fps if 1 <= fps <= 240 else 25.0):
                good, image = capture.read()
                if not good:
                    return
                yield Frame(np.asarray(image, dtype=np.uint8), 0, time.monotonic_ns(), time.time())


def video_source(address: Address) -> VideoFile:
    """``file:/path/video.mp4``."""
    address.check_options()
    return VideoFile(Path(address.require_path("the path of a video")))
