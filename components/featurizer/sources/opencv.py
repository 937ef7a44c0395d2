"""What cv2.VideoCapture has in common for a USB camera, a stream and a video file."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from components.core.errors import UnavailableError
from components.featurizer.frame import Frame


@contextmanager
def opened(capture: cv2.VideoCapture, problem: str) -> Iterator[cv2.VideoCapture]:
    """``capture``, released at the end; raises UnavailableError with the sentence ``problem`` if it did not open."""
    try:
        if not capture.isOpened():
            raise UnavailableError(problem)
        yield capture
    finally:
        capture.release()


def read_frames(capture: cv2.VideoCapture, stop: threading.Event, *, name: str, max_fps: float) -> Iterator[Frame]:
    """Yield the frames of an open ``capture`` as they come, at most ``max_fps`` a second; those between are skipped.

    Every frame is taken from the driver, so that none grows old there, but only the ones that are wanted are decoded.
    Raises UnavailableError when the camera gives no more.
    """
    seq, due = 0, 0.0
    while not stop.is_set():
        if not capture.grab():
            raise UnavailableError(f"{name} gives no more frames: check its cable, power or network.")
        captured_ns, captured_at = time.monotonic_ns(), time.time()
        seq += 1
        if time.monotonic() < due:
            continue
        due = max(due + 1 / max_fps, time.monotonic())
        good, image = capture.retrieve()
        if good and image is not None and image.ndim == 3:
            yield Frame(np.asarray(image, dtype=np.uint8), seq, captured_ns, captured_at)
