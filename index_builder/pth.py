"""Reads the tensors of a legacy PyTorch ``.pth`` file without PyTorch, and without running anything that the file says.

The layout is five pickles (magic, protocol, system info, the state dict, the storage keys) and then, for each storage
key, an int64 count and the raw little-endian data.
"""

import hashlib
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from components.core.errors import FormatError, UnavailableError
from index_builder.plain_pickle import Refused, Storage, Tensor, load

Array = npt.NDArray[Any]

MAX_FILE_BYTES = 256 * 2**20
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


def read_pth(path: Path, sha256: str | None = None) -> dict[str, Array]:
    """The tensors of the file at ``path``, by name; raises UnavailableError, or FormatError for any other layout.

    With ``sha256`` (in hex), a file that has another is refused before anything in it is looked at.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise FormatError(f"{path} is larger than {MAX_FILE_BYTES} bytes; expected the weights of a small network.")
        data = path.read_bytes()
    except OSError as error:
        raise UnavailableError(f"Cannot read the weights {path}: {error.strerror}.") from error
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise FormatError(
            f"{path} is not the expected file of weights: its sha256 is another; take the original again."
        )
    return parse_pth(data, str(path))


def parse_pth(data: bytes, name: str = "the weights") -> dict[str, Array]:
    """The tensors in ``data``, by name; raises FormatError that calls the file ``name``."""
    try:
        return _parse(io.BytesIO(data))
    except Refused as refused:
        raise FormatError(
            f"{name} is no legacy PyTorch file of plain tensors: {refused}; take the original file again."
        ) from refused


def _parse(file: io.BytesIO) -> dict[str, Array]:
    if load(file) != _MAGIC or load(file) != _PROTOCOL:
        raise Refused("its magic number or its protocol is another")
    system = load(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("it was not written on a little-endian machine")
    tensors = load(file)
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise Refused("its state is not a dict of tensors")
    keys = load(file)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
        raise Refused("its list of storages is not one of different names")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    if set(storages) != set(keys):
        raise Refused("its list of storages is not that of its tensors")
    blocks = {key: _read_storage(file, storages[key]) for key in keys}
    if file.read(1):
        raise Refused("there is something behind its last storage")
    return {name: _view(blocks[tensor.storage.key], tensor) for name, tensor in tensors.items()}


def _read_storage(file: io.BytesIO, storage: Storage) -> Array:
    count = int.from_bytes(file.read(8), "little", signed=True)
    if count != storage.count:
        raise Refused(f"storage {storage.key[:20]!r} holds {count} numbers where {storage.count} were announced")
    left = file.getbuffer().nbytes - file.tell()
    if count * storage.dtype.itemsize > left:
        raise Refused(f"it ends inside storage {storage.key[:20]!r}")
    block: Array = np.frombuffer(file.read(count * storage.dtype.itemsize), dtype=storage.dtype)
    return block


def _view(block: Array, tensor: Tensor) -> Array:
    """The tensor, row by row: the file keeps the kernels in the order of their origin."""
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    if math.prod(tensor.shape) > block.size or last >= block.size or tensor.storage.dtype != block.dtype:
        raise Refused("a tensor does not fit into its storage")
    strides = [stride * block.itemsize for stride in tensor.strides]
    view: Array = np.lib.stride_tricks.as_strided(block[tensor.offset :], tensor.shape, strides)
    return np.array(view, order="C")
