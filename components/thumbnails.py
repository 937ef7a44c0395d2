"""Thumbnails: WebP of at most 15 KB, what the kiosk shows of an item."""

import cv2
import numpy as np
import numpy.typing as npt

from components.store import Store

Image = npt.NDArray[np.uint8]

MAX_BYTES = 15 * 1024
_SIDES = (480, 360, 240, 160)
_QUALITIES = (82, 70, 58, 45, 30)


def thumbnail(image: Image) -> bytes:
    """The largest and best WebP of ``image`` (BGR) that fits in 15 KB."""
    data = b""
    for side in _SIDES:
        small = fit(image, side)
        for quality in _QUALITIES:
            _, encoded = cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, quality])
            data = encoded.tobytes()
            if len(data) <= MAX_BYTES:
                return data
    return data  # noise of 160 pixels at quality 30: as small as it gets


def read_thumbnail(store: Store, digest: str) -> Image:
    """The thumbnail as BGR; raises FormatError where it is damaged."""
    data = store.read_object(digest, MAX_BYTES)
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def fit(image: Image, side: int) -> Image:
    """``image`` with a longer side of at most ``side`` pixels."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
