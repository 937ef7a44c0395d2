"""Makes an upload safe: judged by its header, decoded once in a process of its own, handed on as a clean JPEG."""

import os
import subprocess
import threading

from components.child import start_module
from components.core.errors import BadContentError, UnavailableError
from components.core.messages import Region
from components.picture_header import check_picture
from dashboard.environment import scrubbed

_AT_A_TIME = 2
_WAIT_FOR_PLACE_S = 2.0
_TIMEOUT_S = 15.0


class PictureCleaner:
    """Decodes at most two pictures at a time, each in a process with limits of memory and time."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(_AT_A_TIME)

    def clean(self, data: bytes) -> bytes:
        """A JPEG of the same picture without metadata, at most 1,280 pixels long.

        Raises BadContentError for what is no picture, UnavailableError where too many are being decoded.
        """
        check_picture(data)
        return self._apart("dashboard.decode_worker", data)

    def shrink(self, jpeg: bytes, region: Region | None) -> bytes:
        """A WebP of at most 15 KB of what lies in ``region`` of a preview; raises as ``clean`` does."""
        return self._apart("dashboard.thumbnail_worker", jpeg, *map(str, region or (0, 0, 1, 1)))

    def _apart(self, module: str, data: bytes, *arguments: str) -> bytes:
        if not self._places.acquire(timeout=_WAIT_FOR_PLACE_S):
            raise UnavailableError("Too many pictures are being searched at the same time: try again in a moment.")
        try:
            return _worked(module, data, arguments)
        finally:
            self._places.release()


def _worked(module: str, data: bytes, arguments: tuple[str, ...]) -> bytes:
    worker = start_module(
        module,
        *arguments,
        env={**scrubbed(os.environ), "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        made, _ = worker.communicate(data, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise BadContentError("The picture takes too long to decode: send another one.") from error
    finally:
        worker.kill()
        worker.wait()
    if worker.returncode != 0 or not made.startswith((b"\xff\xd8", b"RIFF")):
        raise BadContentError("The picture is damaged and cannot be decoded: send the file again.")
    return made
