"""The picture that the dashboard shows live: small, in RAM, and never in the way of a search."""

import logging
from pathlib import Path

import cv2

from components.featurizer.frame import Image
from components.ram import preview_path, write_aside

log = logging.getLogger(__name__)

MAX_WIDTH = 640
QUALITY = 75


class Preview:
    """Writes at most ``max_fps`` pictures a second of ``camera`` under ``ram_dir``."""

    def __init__(self, ram_dir: Path, camera: str, max_fps: float = 8.0) -> None:
        self._path = preview_path(ram_dir, camera)
        self._interval_s = 1 / max_fps
        self._due_s = float("-inf")
        self._failed = False

    def offer(self, image: Image, now_s: float) -> None:
        """Write ``image`` if it is time; a full RAM disk is logged once and costs nothing but the preview."""
        if now_s < self._due_s:
            return
        self._due_s = now_s + self._interval_s
        try:
            write_aside(self._path, to_jpeg(image))
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.warning("There is no preview: %s cannot be written (%s).", self._path, error.strerror)
            self._failed = True

    def close(self) -> None:
        """Remove the picture: nothing of what the camera saw stays behind."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("The preview %s cannot be removed (%s).", self._path, error.strerror)


def to_jpeg(image: Image) -> bytes:
    """``image`` as a JPEG of at most 640 pixels in width."""
    height, width = image.shape[:2]
    if width > MAX_WIDTH:
        size = (MAX_WIDTH, max(1, round(height * MAX_WIDTH / width)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]  # uint8 stays uint8
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
