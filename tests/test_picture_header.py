"""A picture's header says its format and size before anything decodes it."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from components.core.errors import BadContentError
from components.picture_header import MAX_BYTES, check_picture, sniff

PIXELS = np.random.default_rng(0).integers(0, 255, (37, 53, 3), dtype=np.uint8)


def encoded(kind, picture=None, **options):
    buffer = io.BytesIO()
    (picture or Image.fromarray(PIXELS)).save(buffer, kind, **options)
    return buffer.getvalue()


def png_that_claims(width, height):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}),
    ],
)
def test_format_and_size_are_read_from_the_header(kind, options):
    assert sniff(encoded(kind, **options)) == (kind.lower(), 53, 37)


def test_a_jpeg_with_a_thumbnail_inside_gives_its_own_size():
    thumbnail = encoded("JPEG", Image.new("RGB", (8, 8)))
    data = encoded("JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    assert sniff(data[:2] + segment + data[2:]) == ("jpeg", 53, 37)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"hello, this is text", "JPEG, PNG or WebP"),
        (b"GIF89a" + b"\0" * 40, "a GIF"),
        (b"BM" + b"\0" * 40, "a BMP"),
        (b"II*\0" + b"\0" * 40, "a TIFF"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC"),
        (b"\0\0\0\x18ftypavif" + b"\0" * 40, "AVIF"),
        (b"\xff\xd8\xff\xd9", "damaged"),
        (png_that_claims(0, 10), "no size"),
    ],
)
def test_other_bytes_are_refused_by_name(data, said):
    with pytest.raises(BadContentError, match=said):
        sniff(data)


def test_an_animated_webp_is_refused():
    second = Image.fromarray(255 - PIXELS)
    data = encoded("WEBP", save_all=True, append_images=[second])
    with pytest.raises(BadContentError, match="animated"):
        sniff(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_prefix_of_a_picture_is_refused_in_words(kind):
    data = encoded(kind)
    for length in range(0, len(data) - 12, 7):
        with pytest.raises(BadContentError):
            check_picture(data[:length])


def test_a_picture_that_claims_too_many_pixels_is_refused():
    with pytest.raises(BadContentError, match="32000 x 32000"):
        check_picture(png_that_claims(32000, 32000))


def test_a_png_whose_chunk_claims_more_than_there_is_is_refused():
    data = bytearray(encoded("PNG"))
    assert data[37:41] == b"IDAT"
    data[33:37] = struct.pack(">I", 2_000_000_000)
    with pytest.raises(BadContentError, match="cut off"):
        check_picture(bytes(data))


def test_a_file_that_is_too_large_is_refused():
    with pytest.raises(BadContentError, match="at most 8 MB"):
        check_picture(encoded("JPEG") + b"\0" * MAX_BYTES)


def test_a_whole_picture_with_something_behind_it_passes():
    # Phones put a film behind the picture, in which anything may stand.
    assert check_picture(encoded("JPEG") + b"film \xff\xda film") == ("jpeg", 53, 37)


def test_the_header_needs_no_decoder():
    code = "import sys, components.picture_header; sys.exit('cv2' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
