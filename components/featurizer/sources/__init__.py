"""Where frames come from, by one setting: ``usb:0``, ``rtsp://...``, ``folder:/path?order=shuffle``, ..."""

from collections.abc import Callable

from components.core.errors import ConfigurationError
from components.featurizer.frame import Source
from components.featurizer.sources.address import Address, parse_address
from components.featurizer.sources.folder import folder_source
from components.featurizer.sources.pipe import pipe_source
from components.featurizer.sources.stream import stream_source
from components.featurizer.sources.usb import usb_source
from components.featurizer.sources.video import video_source


def _synthetic_source(address: Address) -> Source:
    # Only here: a device with a real camera need not load what paints a synthetic one.
    from components.featurizer.sources.synthetic import synthetic_source

    return synthetic_source(address)


SCHEMES: dict[str, Callable[[Address], Source]] = {
    "usb": usb_source,
    "rtsp": stream_source,
    "rtsps": stream_source,
    "http": stream_source,
    "https": stream_source,
    "awscam": pipe_source,
    "mjpeg": pipe_source,
    "file": video_source,
    "folder": folder_source,
    "synthetic": _synthetic_source,
}
LIVE = frozenset({"usb", "rtsp", "rtsps", "http", "https", "awscam", "mjpeg"})
"""Schemes of real cameras: their pictures are never twice the same, so equal ones mean that the camera is frozen."""

EXAMPLES = (
    "usb:0, usb:/dev/video0, rtsp://HOST/PATH, http://HOST/PATH, awscam:, mjpeg:/PATH/OF/PIPE, file:/PATH/VIDEO.mp4, "
    "folder:/PATH, synthetic:CATALOG"
)


def parse_source(text: str) -> Source:
    """The source that ``text`` names; nothing is opened before its ``frames``.

    Raises ConfigurationError that names what is possible.
    """
    address = _address(text)
    return SCHEMES[address.scheme](address)


def is_live(text: str) -> bool:
    """Whether ``text`` names a real camera; raises ConfigurationError."""
    return _address(text).scheme in LIVE


def _address(text: str) -> Address:
    address = parse_address(text)
    if address is None or address.scheme not in SCHEMES:
        raise ConfigurationError(f"The source {redacted(text)!r} is not known; possible are {EXAMPLES}.")
    return address


def redacted(text: str) -> str:
    """``text`` without a user's name and password, for logs and pages."""
    head, slashes, rest = text.partition("://")
    if not slashes or "@" not in rest:
        return text
    return f"{head}://***@{rest.rpartition('@')[2]}"
