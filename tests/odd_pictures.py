"""Pictures as people have them: odd ones that are taken, and bad ones with the reason that is given."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from components.picture_header import MAX_SCANS


def scene(size: int = 120) -> np.ndarray:
    ramp = np.linspace(20, 230, size * size * 3).reshape(size, size, 3).astype(np.uint8)
    return np.asarray(cv2.circle(ramp, (size // 2, size // 2), size // 3, (10, 200, 90), -1))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_png() -> bytes:
    """3 GB of pixels, by its header and in a few bytes."""
    head = struct.pack(">IIBBBBB", 32_000, 32_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan stands there ``count`` times: each of them costs what a picture costs."""
    plain = saved(Image.new("L", (64, 64)), "JPEG", progressive=True)
    last = plain.rindex(b"\xff\xda")
    return plain[:-2] + plain[last:-2] * count + b"\xff\xd9"


PLAIN = Image.fromarray(scene())
TAKEN = {
    "gray.jpg": saved(PLAIN.convert("L"), "JPEG"),
    "cmyk.jpg": saved(PLAIN.convert("CMYK"), "JPEG"),
    "sixteen-bits.png": cv2.imencode(".png", scene().astype(np.uint16) * 257)[1].tobytes(),
    "gray-sixteen-bits.png": cv2.imencode(".png", scene()[:, :, 0].astype(np.uint16) * 257)[1].tobytes(),
}
REFUSED = {
    "unreadable.jpg": (b"hello, I am a picture", "in no format that is known here"),
    "cut-off.jpg": (saved(PLAIN, "JPEG")[:-200], "cut off"),
    "cut-off.png": (saved(PLAIN, "PNG")[:-200], "cut off"),
    "huge.png": (huge_png(), "megapixels"),
    "zero.jpg": (b"", "empty"),
    "animated.webp": (saved(PLAIN, "WEBP", save_all=True, append_images=[Image.new("RGB", PLAIN.size)]), "animated"),
    "animated.png": (saved(PLAIN, "GIF", save_all=True, append_images=[Image.new("RGB", PLAIN.size)]), "a GIF"),
    "endless.jpg": (many_scans(20_000), f"more than {MAX_SCANS} scans"),
}


def pictures(folder: Path) -> Path:
    folder.mkdir()
    for name, data in {**TAKEN, **{name: data for name, (data, _) in REFUSED.items()}}.items():
        (folder / name).write_bytes(data)
    return folder
