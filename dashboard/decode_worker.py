"""A process for one picture: decodes what a stranger sent, under limits, and writes a clean JPEG.

``python -m dashboard.decode_worker < upload > clean.jpg``. Ends with 0, or with 3 where the bytes are no picture. The
answer carries pixels alone: turned as EXIF says, at most 1,280 pixels on the longer side, without metadata.
"""

import os
import resource
import sys
from pathlib import Path

MAX_SIDE = 1_280
UNREADABLE = 3
_MEMORY_BYTES = 512 * 1024 * 1024
_CPU_S = 10
_MAX_PIXELS = 25_000_000


def main() -> int:
    """Decode standard input to standard output."""
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(_MAX_PIXELS)  # read when cv2 is imported
    import cv2  # the limits of this process come first
    import numpy as np

    cv2.setNumThreads(1)
    data = sys.stdin.buffer.read()
    limit_this_process()
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            return UNREADABLE
        scale = MAX_SIDE / max(picture.shape[:2])
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
    except (cv2.error, MemoryError):
        return UNREADABLE
    if not done:
        return UNREADABLE
    sys.stdout.buffer.write(jpeg.tobytes())
    return 0


def limit_this_process() -> None:
    """From here on: half a gigabyte more than now, ten seconds of CPU, no file of more than 16 MB, no core dump."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    if pages:
        most = pages * resource.getpagesize() + _MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (16 * 1024 * 1024, 16 * 1024 * 1024))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
