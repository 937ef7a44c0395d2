"""A model on disk: the network, what is done to a picture before it, and the digest that names both.

A model directory holds ``model.xml`` and ``model.bin`` (OpenVINO IR; uint8 BGR picture in, unit vector out) and
``model.json``, which describes them. Nothing here knows OpenVINO.
"""

import dataclasses
import hashlib
import json
import math
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.core.errors import FormatError, ModelMismatchError, UnavailableError
from components.core.messages import MAX_DIM

FORMAT = 1
XML, BIN, DESCRIPTION = "model.xml", "model.bin", "model.json"
MAX_FILE_BYTES = {XML: 64 * 2**20, BIN: 1024 * 2**20, DESCRIPTION: 2**20}
MAX_INPUT_SIZE = 1024
_AGAIN = "make the model again with `python -m index_builder model`, or copy it again"


@dataclass(frozen=True)
class Preprocessing:
    """What is done to a picture before the network: crop and resize by the caller, all the rest inside the model."""

    color: str = "RGB"
    """The order that the network was trained on; the model itself takes BGR."""
    mean: tuple[float, float, float] = (127.0, 127.0, 127.0)
    """Subtracted, in the network's color order, on the scale 0 to 255."""
    scale: tuple[float, float, float] = (128.0, 128.0, 128.0)
    """Divided by, after the mean."""
    size: int = 224
    """Width and height of the network's input, pixels."""
    crop: str = "center-square"
    resize: str = "area"
    normalize: str = "l2"

    def __post_init__(self) -> None:
        known = {"color": ("RGB", "BGR"), "crop": ("center-square",), "resize": ("area",), "normalize": ("l2",)}
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                raise FormatError(f"Preprocessing {name} is {getattr(self, name)!r}; expected {' or '.join(choices)}.")
        if not (_are_three(self.mean) and _are_three(self.scale) and all(number > 0 for number in self.scale)):
            raise FormatError("Preprocessing mean and scale must be three numbers each, and those of scale above 0.")
        if type(self.size) is not int or not 1 <= self.size <= MAX_INPUT_SIZE:
            raise FormatError(f"Input size is {self.size!r}; expected a whole number from 1 to {MAX_INPUT_SIZE}.")

    def describe(self) -> dict[str, Any]:
        """The two entries of ``model.json`` that say how a picture gets into the network."""
        rest = dataclasses.asdict(self)
        size = rest.pop("size")
        return {
            "input": {"width": size, "height": size, "layout": "NHWC", "color": "BGR", "dtype": "u8"},
            "preprocessing": {**rest, "mean": [float(m) for m in self.mean], "scale": [float(s) for s in self.scale]},
        }


@dataclass(frozen=True)
class Model:
    """A verified model: embeddings of two models are comparable only where their digests are equal."""

    name: str
    digest: str
    """sha256 in hex of the network with its preprocessing."""
    dim: int
    preprocessing: Preprocessing
    license: str
    """SPDX identifier, or what its maker said."""
    source: str
    xml: bytes = field(repr=False)
    bin: bytes = field(repr=False)


def identity(files: Mapping[str, str], preprocessing: Preprocessing) -> str:
    """The digest of a network, given by the sha256 of its files, with its preprocessing."""
    said = {"format": FORMAT, "files": {name: files[name] for name in (XML, BIN)}, **preprocessing.describe()}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def describe(model: Model) -> bytes:
    """``model.json`` of ``model``; its digest and those of its files are computed here."""
    files = _digests(model.xml, model.bin)
    said = {
        "format": FORMAT,
        "name": model.name,
        "digest": identity(files, model.preprocessing),
        "dim": model.dim,
        **model.preprocessing.describe(),
        "license": model.license,
        "source": model.source,
        "files": files,
    }
    return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()


def load_model(xml: bytes, bin: bytes, description: bytes) -> Model:
    """The model that ``description`` (the bytes of ``model.json``) describes.

    Raises FormatError where a file is damaged or of an unknown format, ModelMismatchError where the digest is not that
    of this network with this preprocessing.
    """
    said = _parse(description)
    try:
        model = Model(
            name=_text(said, "name"),
            digest=_text(said, "digest"),
            dim=said["dim"],
            preprocessing=_preprocessing(said),
            license=_text(said, "license"),
            source=_text(said, "source"),
            xml=xml,
            bin=bin,
        )
        announced = {name: said["files"][name] for name in (XML, BIN)}
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{DESCRIPTION} lacks an entry or has one of the wrong kind ({error}); {_AGAIN}.") from error
    if type(model.dim) is not int or not 1 <= model.dim <= MAX_DIM:
        raise FormatError(f"{DESCRIPTION} says dim {model.dim!r}; expected a whole number from 1 to {MAX_DIM}.")
    _verify(model, announced)
    return model


def read_model_dir(path: Path) -> Model:
    """The verified model in the directory ``path``; raises UnavailableError, FormatError or ModelMismatchError."""
    xml, weights, description = (_read(path / name) for name in (XML, BIN, DESCRIPTION))
    try:
        return load_model(xml, weights, description)
    except FormatError as error:
        raise FormatError(f"The model in {path} cannot be used: {error}") from error
    except ModelMismatchError as error:
        raise ModelMismatchError(f"The model in {path} cannot be used: {error}") from error


def _verify(model: Model, announced: Mapping[str, object]) -> None:
    for name, digest in _digests(model.xml, model.bin).items():
        if announced[name] != digest:
            raise FormatError(
                f"{name} is damaged or belongs to another model: its sha256 is {digest}, "
                f"{DESCRIPTION} expects {announced[name]}; {_AGAIN}."
            )
    own = identity(_digests(model.xml, model.bin), model.preprocessing)
    if model.digest != own:
        raise ModelMismatchError(
            f"{DESCRIPTION} calls the model {model.digest[:80]}, but this network with this preprocessing is {own}; "
            f"{_AGAIN}."
        )


def _digests(xml: bytes, weights: bytes) -> dict[str, str]:
    return {XML: hashlib.sha256(xml).hexdigest(), BIN: hashlib.sha256(weights).hexdigest()}


def _parse(description: bytes) -> dict[str, Any]:
    try:
        said = json.loads(description)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{DESCRIPTION} is not JSON ({str(error)[:100]}); {_AGAIN}.") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        found = said.get("format") if isinstance(said, dict) else None
        raise FormatError(f"{DESCRIPTION} has format {found!r}; this version understands {FORMAT}; {_AGAIN}.")
    return said


def _preprocessing(said: Mapping[str, Any]) -> Preprocessing:
    rest = dict(said["preprocessing"])
    mean, scale = tuple(rest.pop("mean")), tuple(rest.pop("scale"))
    made = Preprocessing(**rest, mean=mean, scale=scale, size=said["input"]["width"])
    if made.describe()["input"] != said["input"]:
        raise FormatError(f"{DESCRIPTION} asks for an input that this version cannot make: {said['input']!r:.200}.")
    return made


def _text(said: Mapping[str, Any], name: str) -> str:
    if not isinstance(said[name], str):
        raise TypeError(f"{name!r} must be text")
    return str(said[name])


def _are_three(numbers: tuple[float, ...]) -> bool:
    good = (type(number) in (int, float) and math.isfinite(number) for number in numbers)
    return len(numbers) == 3 and all(good)


def _read(path: Path) -> bytes:
    limit = MAX_FILE_BYTES[path.name]
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe might never end
            raise FormatError(f"{path} is no file; {_AGAIN}.")
        if status.st_size > limit:
            raise FormatError(f"{path} is larger than {limit} bytes, which no model here is; {_AGAIN}.")
        return path.read_bytes()
    except OSError as error:
        raise UnavailableError(f"Cannot read {path}: {error.strerror}; {_AGAIN}.") from error
