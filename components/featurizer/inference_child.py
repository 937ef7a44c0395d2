"""The process in which OpenVINO and a GPU's driver run, so that a hang or a crash of them can be ended and replaced.

Speaks with ``inference_process.py`` (the parent's side) over one connection: gets the settings, says which device it
will use and why, then for every request turns the picture in the shared memory into the vector beside it. Whether the
vector is any good is for the parent to judge.
"""

import contextlib
import json
import mmap
import os
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from components.core.errors import LookalikeError
from components.featurizer.embedder import Embedder, Runtime
from components.featurizer.exchange import Exchange
from components.featurizer.model import Model, load_model


def main(connection_fd: int, memory_fd: int, model_fd: int, runtime: Runtime | None = None) -> None:
    """Embed until the parent is gone; a failure's sentence is the last answer."""
    connection = Connection(connection_fd)
    with contextlib.suppress(EOFError, OSError):
        told = json.loads(connection.recv_bytes())
        try:
            embedder = _embedder(told, model_fd, runtime)
            _say(connection, device=embedder.device, reason=embedder.device_reason)
            exchange = Exchange(memory_fd, told["size"], told["dim"])
            while connection.recv_bytes():
                exchange.vector[:] = embedder.raw(exchange.picture)
                _say(connection)
        except LookalikeError as error:
            _say(connection, problem=str(error))
    # A driver may hang in its own clean-up; the parent has been told, and the kernel frees the device.
    os._exit(1)


def _embedder(told: Mapping[str, Any], model_fd: int, runtime: Runtime | None) -> Embedder:
    cache_dir = None if told["cache_dir"] is None else Path(told["cache_dir"])
    model = _model(told, model_fd)
    return Embedder(model, device=told["device"], cache_dir=cache_dir, threads=told["threads"], runtime=runtime)


def _model(told: Mapping[str, Any], model_fd: int) -> Model:
    split, length = told["xml_bytes"], told["xml_bytes"] + told["bin_bytes"]
    with mmap.mmap(model_fd, length, access=mmap.ACCESS_READ) as memory:
        return load_model(memory[:split], memory[split:length], told["description"].encode())


def _say(connection: Connection, **said: str) -> None:
    connection.send_bytes(json.dumps(said).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
