"""What a demo runs on: a catalog, its index, a camera; made where it is missing."""

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from components.child import start_module
from components.core.errors import UnavailableError
from components.featurizer.sources import parse_source
from components.files import write_whole
from index_builder.catalog import read_catalog

STOPPED = 130
RENDERED_VIEWS = 8
"""Camera views of each rendered item to learn from: nobody waits longer for a demo than has to be."""

# Their sources name a file or folder of this machine, which can be looked at before anything starts.
_WITH_PATH = ("synthetic", "folder", "file", "mjpeg")


def demo_catalog(folder: Path) -> Path:
    """The rendered catalog in ``folder``."""
    catalog = folder / "catalog.csv"
    if not catalog.exists():
        _index_builder("demo-catalog", "--out", str(folder))
    return catalog


def index_of(catalog: Path, root: Path, *build_options: str) -> Path:
    """The folder with a generation of ``catalog``, built where there is none of its present state."""
    state = _state(catalog)
    name = hashlib.sha256(str(catalog.resolve()).encode()).hexdigest()[:8]
    index = root / f"index-{catalog.stem}-{name}"
    stamp = index / "built-from.txt"
    if not stamp.exists() or stamp.read_text() != state:
        folders = ("--catalog", str(catalog), "--out", str(index), "--json", str(index / "build.json"))
        _index_builder("build", *folders, *build_options)
        write_whole(stamp, state.encode())
    return index


def camera_of(text: str) -> str:
    """The source that ``text`` names, its path made absolute, because the featurizer runs in a folder of its own.

    A folder of pictures is shown shuffled. Raises ConfigurationError or UnavailableError for what cannot be a camera.
    """
    scheme, colon, rest = text.partition(":")
    if not colon and Path(text).is_dir():
        text = f"folder:{Path(text).absolute()}?order=shuffle&fps=7"
    elif not colon and Path(text).exists():
        text = str(Path(text).absolute())
    elif scheme in _WITH_PATH:
        path, question, options = rest.partition("?")
        if not Path(path).exists():
            raise UnavailableError(f"The camera {text} cannot be shown: {path} does not exist.")
        text = f"{scheme}:{Path(path).absolute()}{question}{options}"
    parse_source(text)
    return text


def _state(catalog: Path) -> str:
    """What tells that a catalog, one of its pictures, or what builds its index was changed."""
    entries = read_catalog(catalog)
    pictures = (picture.location for entry in entries for picture in entry.pictures)
    said = [version("lookalike"), repr(entries), *_stamps(pictures)]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _stamps(locations: Iterator[str]) -> Iterator[str]:
    for location in locations:
        try:
            found = Path(location).stat()
        except (OSError, ValueError):  # a URL, or a picture that the build will list as missing
            continue
        yield f"{location} {found.st_size} {found.st_mtime_ns}"


def _index_builder(*arguments: str) -> None:
    code = start_module("index_builder", *arguments).wait()
    if code == STOPPED:
        raise UnavailableError("stopped by Ctrl-C; the same command goes on from there.")
    if code != 0:
        raise UnavailableError(f"`python -m index_builder {arguments[0]}` failed; its message stands above.")
