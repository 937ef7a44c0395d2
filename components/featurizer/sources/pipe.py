"""A camera that another program writes into a pipe as JPEG pictures, as on AWS DeepLens."""

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from components.core.errors import BadContentError, UnavailableError
from components.featurizer.decode import decode_picture
from components.featurizer.frame import Frame
from components.featurizer.sources.address import Address
from components.featurizer.sources.jpeg_splitter import JpegSplitter

DEEPLENS_PIPE = "/opt/awscam/out/ch2_out.mjpeg"
_POLL_S = 0.1
_READ_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class JpegPipe:
    """The pipe (or file) at ``path``, with JPEG pictures one behind the other."""

    path: Path
    max_fps: float = 15.0
    """How many pictures a second are decoded at most."""

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        """Yield the newest picture as it comes; raises UnavailableError when the pipe is away or its writer ends."""
        seq, due = 0, 0.0
        with closing(_Reader(self.path)) as reader:
            splitter = JpegSplitter()
            while not stop.is_set():
                pictures = splitter.feed(reader.read())
                seq += len(pictures)
                # Reading frees the pipe for its writer; of what piled up, only the newest picture is worth decoding.
                if not pictures or time.monotonic() < due:
                    continue
                due = max(due + 1 / self.max_fps, time.monotonic())
                captured_ns, captured_at = time.monotonic_ns(), time.time()
                # One torn picture in a stream is no fault of the camera.
                with suppress(BadContentError):
                    yield Frame(decode_picture(pictures[-1]), seq, captured_ns, captured_at)


class _Reader:
    """Reads what is there without ever waiting for long: opening a pipe without a writer would block for ever."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise UnavailableError(
                f"The camera's pipe {path} cannot be opened ({error.strerror}): check that the camera's program runs."
            ) from error
        self._seen = False

    def read(self) -> bytes:
        """Some bytes, or none after a short wait; raises UnavailableError when the writer has ended."""
        ready, _, _ = select.select([self._fd], [], [], _POLL_S)
        if not ready:
            return b""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise UnavailableError(f"The camera's pipe {self._path} cannot be read ({error.strerror}).") from error
        if data:
            self._seen = True
        elif self._seen:
            raise UnavailableError(f"The camera's pipe {self._path} has ended: check that the camera's program runs.")
        else:
            time.sleep(_POLL_S)  # no writer yet
        return data

    def close(self) -> None:
        os.close(self._fd)


def pipe_source(address: Address) -> JpegPipe:
    """``awscam:`` (the pipe of a DeepLens), or ``mjpeg:/path/of/pipe``."""
    address.check_options()
    path = address.path or (DEEPLENS_PIPE if address.scheme == "awscam" else "")
    return JpegPipe(Path(path or address.require_path("the path of a pipe")))
