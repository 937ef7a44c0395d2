"""A process for one thumbnail: ``python -m dashboard.thumbnail_worker LEFT TOP WIDTH HEIGHT < jpeg > webp``."""

import sys

from dashboard.decode_worker import UNREADABLE, limit_this_process


def main(arguments: list[str]) -> int:
    """Write the region of the picture on standard input, given as shares of it, as WebP to standard output."""
    import cv2  # the limits of this process come first
    import numpy as np

    from components.thumbnails import thumbnail

    cv2.setNumThreads(1)
    data = sys.stdin.buffer.read()
    limit_this_process()
    left, top, width, height = map(float, arguments)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            return UNREADABLE
        rows, columns = picture.shape[:2]
        rows_taken = slice(int(top * rows), max(int(top * rows) + 1, round((top + height) * rows)))
        columns_taken = slice(int(left * columns), max(int(left * columns) + 1, round((left + width) * columns)))
        made = thumbnail(np.ascontiguousarray(picture[rows_taken, columns_taken], dtype=np.uint8))
    except (cv2.error, MemoryError):
        return UNREADABLE
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
