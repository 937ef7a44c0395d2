"""Takes the source setting apart: scheme, path, options."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import parse_qsl

from components.core.errors import ConfigurationError

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".ts"})
_URLS = ("rtsp://", "rtsps://", "http://", "https://")


@dataclass(frozen=True)
class Address:
    """``scheme:path?name=value&...``; of a network address, ``path`` is all of it and there are no options."""

    scheme: str
    path: str
    options: Mapping[str, str]

    def check_options(self, *known: str) -> None:
        """Raise ConfigurationError for an option that is none of ``known``."""
        for name in self.options:
            if name not in known:
                possible = f"possible are {', '.join(known)}" if known else "it takes none"
                raise ConfigurationError(f"The source {self.scheme}: has no option {name!r}; {possible}.")

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """The option ``name`` as a number from ``low`` to ``high``; raises ConfigurationError."""
        text = self.options.get(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ConfigurationError(
                f"The option {name!r} of the source {self.scheme}: is {text!r}; "
                f"expected a number from {low:g} to {high:g}."
            )
        return value

    def choice(self, name: str, *possible: str) -> str:
        """The option ``name``, by default the first of ``possible``; raises ConfigurationError for another value."""
        value = self.options.get(name, possible[0])
        if value not in possible:
            raise ConfigurationError(
                f"The option {name!r} of the source {self.scheme}: is {value!r}; expected {' or '.join(possible)}."
            )
        return value

    def require_path(self, what: str) -> str:
        """The path, which must be there; raises ConfigurationError."""
        if not self.path:
            raise ConfigurationError(f"The source {self.scheme}: needs {what} behind the colon.")
        return self.path


def parse_address(text: str) -> Address | None:
    """The parts of ``text``; a bare number is a USB camera, a bare path a device, video or folder; None for neither."""
    text = text.strip()
    for url in _URLS:
        if text.lower().startswith(url):
            return Address(url[:-3], text, {}) if len(text) > len(url) else None
    if text.isdecimal():
        return Address("usb", text, {})
    body, _, query = text.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    scheme, colon, path = body.partition(":")
    if colon and "/" not in scheme and len(scheme) > 1:
        return Address(scheme.lower(), path, options)
    return Address(_scheme_of_path(body), body, options) if "/" in body else None


def _scheme_of_path(path: str) -> str:
    if path.startswith(("/dev/video", "/dev/v4l/")):
        return "usb"
    return "file" if PurePath(path).suffix.lower() in VIDEO_SUFFIXES else "folder"
