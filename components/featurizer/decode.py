"""Bytes that someone sent or a catalog holds -> a BGR picture, or one sentence about what is wrong with them."""

import cv2
import numpy as np

from components.core.errors import BadContentError
from components.featurizer.frame import Image
from components.picture_header import MAX_BYTES, MAX_PIXELS, PictureHeader, check_picture


def decode_picture(data: bytes, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES) -> Image:
    """The picture in ``data`` (JPEG, PNG or WebP) as BGR uint8, upright by its EXIF orientation.

    Gray becomes BGR, CMYK is converted, 16 bits become 8, transparency lies on white. Raises BadContentError for
    anything else: other formats, cut off or damaged files, animations, more than ``max_bytes`` or ``max_pixels``.
    """
    header = check_picture(data, max_bytes=max_bytes, max_pixels=max_pixels)
    transparent = _has_alpha(data, header)
    # IMREAD_COLOR turns the picture upright; IMREAD_UNCHANGED keeps transparency, but does not turn.
    image = _decode(data, cv2.IMREAD_UNCHANGED if transparent else cv2.IMREAD_COLOR, header)
    return _on_white(image) if transparent else image


def _decode(data: bytes, flags: int, header: PictureHeader) -> Image:
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error as error:
        raise BadContentError(f"The {header.format.upper()} picture cannot be decoded: {error.err}.") from error
    if image is None:
        raise BadContentError(f"The {header.format.upper()} picture is damaged: send the file again.")
    return np.asarray(image)


def _has_alpha(data: bytes, header: PictureHeader) -> bool:
    if header.format == "png":
        return data[25] in (4, 6) or b"tRNS" in data[: data.find(b"IDAT")]
    if header.format == "webp" and data[12:16] == b"VP8X":
        return bool(data[20] & 0x10)
    return header.format == "webp" and data[12:16] == b"VP8L" and bool(data[24] & 0x10)


def _on_white(image: Image) -> Image:
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.ndim != 3 or image.shape[2] != 4:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)) if image.ndim == 2 else image[:, :, :3]
    alpha = image[:, :, 3:].astype(np.uint16)
    mixed = image[:, :, :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)
