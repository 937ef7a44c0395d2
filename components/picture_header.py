"""What a picture says of itself before anything decodes it: its format and its size, read from the first bytes.

A file of 124 KB can announce a picture of 3 GB; so the size is judged here, before a decoder is asked.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from components.core.errors import BadContentError

MAX_BYTES = 8 * 1024 * 1024
MAX_PIXELS = 25_000_000
MAX_SCANS = 100
"""Of a JPEG; progressive ones have about ten. Each costs as much as the whole picture, and few bytes make one more."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
"""How files of these formats are named, in lower case."""
_START_OF_SCAN = 0xDA


class PictureHeader(NamedTuple):
    """Format (``jpeg``, ``png`` or ``webp``), width and height in pixels as stored (before any EXIF rotation)."""

    format: str
    width: int
    height: int


def check_picture(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> PictureHeader:
    """The header of a picture that may be decoded; BadContentError for any other, too large or cut off ones too."""
    if len(data) > max_bytes:
        raise BadContentError(
            f"The picture has {len(data) / 2**20:.1f} MB; at most {max_bytes / 2**20:.0f} MB are read: "
            "send a smaller one."
        )
    header = sniff(data)
    if header.width * header.height > max_pixels:
        raise BadContentError(
            f"The picture has {header.width} x {header.height} pixels; at most {max_pixels / 1e6:.0f} megapixels "
            "are read: send a smaller one."
        )
    if not _is_whole(data, header):
        raise BadContentError(f"The picture is a cut off {header.format.upper()} file: send the whole file.")
    return header


def sniff(data: bytes) -> PictureHeader:
    """Format, width and height of the picture in ``data``, from its header alone.

    Raises BadContentError, with a sentence for the person who sent it, when it is no JPEG, PNG or WebP, when the header
    is damaged, or when the picture is animated.
    """
    if not data:
        raise BadContentError("The picture is empty: send a JPEG, PNG or WebP file.")
    try:
        header = _read(data)
    except (struct.error, IndexError) as error:
        raise BadContentError("The picture's header is cut off: send the file again.") from error
    if header.width < 1 or header.height < 1:
        raise BadContentError(f"The picture's {header.format.upper()} header gives no size: send the file again.")
    return header


def _read(data: bytes) -> PictureHeader:
    if data.startswith(b"\xff\xd8\xff"):
        return _read_jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _read_png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _read_webp(data)
    raise BadContentError(f"The picture is {_name_of_other(data)}: send a JPEG, PNG or WebP file.")


def _read_jpeg(data: bytes) -> PictureHeader:
    for marker, at in jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return PictureHeader("jpeg", width, height)
    raise BadContentError("The picture's JPEG header is damaged: send the file again.")


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and offset of each segment of a JPEG up to its start of scan (ITU-T T.81, table B.1), that one included.

    Ends early at bytes that are no segment; raises IndexError or struct.error where ``data`` ends before the scan.
    """
    at = 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0x00, 0xD9):
            return
        yield marker, at
        if marker == _START_OF_SCAN:
            return
        stands_alone = marker == 0x01 or 0xD0 <= marker <= 0xD8
        at += 2 if stands_alone else 2 + struct.unpack_from(">H", data, at + 2)[0]


def _read_png(data: bytes) -> PictureHeader:
    if data[12:16] != b"IHDR":
        raise BadContentError("The picture's PNG header is damaged: send the file again.")
    width, height = struct.unpack_from(">II", data, 16)
    return PictureHeader("png", width, height)


def _read_webp(data: bytes) -> PictureHeader:
    """RFC 9649: one lossy or lossless chunk, or an extended header that says whether the picture moves."""
    kind = data[12:16]
    if kind == b"VP8X":
        if data[20] & 0x02:
            raise BadContentError("The picture is an animated WebP: send a still picture.")
        width, height = (1 + int.from_bytes(_three_bytes(data, at), "little") for at in (24, 27))
        return PictureHeader("webp", width, height)
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = struct.unpack_from("<I", data, 21)[0]
        return PictureHeader("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return PictureHeader("webp", width & 0x3FFF, height & 0x3FFF)
    raise BadContentError("The picture's WebP header is damaged: send the file again.")


def _three_bytes(data: bytes, at: int) -> bytes:
    if len(data) < at + 3:
        raise IndexError(at)
    return data[at : at + 3]


def _is_whole(data: bytes, header: PictureHeader) -> bool:
    """Whether the file has its end: decoders of some versions fill what is missing with gray instead of refusing."""
    if header.format == "jpeg":
        return _jpeg_is_whole(data)
    if header.format == "png":
        return _png_is_whole(data)
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")


def _png_is_whole(data: bytes) -> bool:
    """Whether every chunk lies within ``data`` up to the last: OpenCV allocates what a chunk claims, up to 2 GB."""
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if kind == b"IEND":
            return bool(at <= len(data))
    return False


def _jpeg_is_whole(data: bytes) -> bool:
    """Behind the start of scan, 0xFF 0xD9 stands for nothing but the end; before it, it may end a thumbnail."""
    try:
        scans = [at for marker, at in jpeg_segments(data) if marker == _START_OF_SCAN]
    except (struct.error, IndexError):
        return False
    end = data.find(b"\xff\xd9", scans[0]) if scans else -1
    if end >= 0 and data.count(b"\xff\xda", scans[0], end) > MAX_SCANS:
        raise BadContentError(f"The picture is a JPEG of more than {MAX_SCANS} scans: save it anew.")
    return end >= 0


_OTHERS = ((b"GIF8", "a GIF"), (b"BM", "a BMP"), (b"II*\x00", "a TIFF"), (b"MM\x00*", "a TIFF"), (b"%PDF", "a PDF"))
_ISO_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"mif1": "HEIC"}


def _name_of_other(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        brand = _ISO_BRANDS.get(data[8:12])
        return f"in the format {brand}, which is not read here" if brand else "a film or in a format not read here"
    return next((name for magic, name in _OTHERS if data.startswith(magic)), "in no format that is known here")
