"""The edge to OpenVINO: from a picture to its embedding, on the CPU or on a GPU that qualified itself."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import openvino as ov

from components.core.errors import ConfigurationError, FormatError, UnavailableError
from components.core.messages import Embedding
from components.featurizer.frame import Image
from components.featurizer.model import Model
from components.featurizer.preprocessing import to_input
from components.featurizer.qualification import Vectors, pictures, qualify

DEVICES = ("AUTO", "GPU", "CPU")

log = logging.getLogger(__name__)


class Runtime(Protocol):
    """What compiles a model for a device: OpenVINO, or in a test something that goes wrong like a bad driver."""

    def devices(self) -> Sequence[str]:
        """The names of the devices that are there, such as CPU and GPU."""

    def compile(self, model: Model, device: str, properties: Mapping[str, str | int]) -> ov.CompiledModel:
        """``model`` ready to run; raises RuntimeError where the device cannot."""


class OpenVino:
    """The real runtime."""

    def __init__(self) -> None:
        self._core = ov.Core()

    def devices(self) -> Sequence[str]:
        """As OpenVINO lists them: naming one that is not listed fails."""
        return list(self._core.available_devices)

    def compile(self, model: Model, device: str, properties: Mapping[str, str | int]) -> ov.CompiledModel:
        """Compile from memory; the shapes are static."""
        return self._core.compile_model(self._core.read_model(model.xml, model.bin), device, dict(properties))


class Embedder:
    """Embeds pictures with one model; may be used from several threads.

    ``device`` is AUTO, GPU or CPU: a wish. The GPU is used only where there is one and its embeddings of sixteen
    pictures are those of the CPU; ``device`` and ``device_reason`` say what came of it. With a ``cache_dir`` a GPU
    compiles a model only once (that takes minutes on a small one). ``threads`` are those of the CPU.

    Raises FormatError where the network is not what its description says, UnavailableError where nothing can run it.
    """

    def __init__(
        self,
        model: Model,
        device: str = "AUTO",
        cache_dir: Path | None = None,
        threads: int = 1,
        runtime: Runtime | None = None,
    ) -> None:
        self._model, self._cache_dir, self._threads = model, cache_dir, threads
        self._runtime = OpenVino() if runtime is None else runtime
        self._lock = threading.Lock()
        self._device, self._reason, self._runner = self._choose(device)

    @property
    def model_digest(self) -> str:
        """The digest that goes into every query and every index generation."""
        return self._model.digest

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._model.dim

    @property
    def device(self) -> str:
        """What is really used: CPU, GPU or GPU.0 and the like."""
        return self._device

    @property
    def device_reason(self) -> str:
        """Why this device, as one sentence for the status page."""
        return self._reason

    def embed(self, image: Image) -> Embedding:
        """The embedding of a BGR picture of any size: shape (dim,), float32, unit length.

        Raises ValueError for what is no picture, UnavailableError where the device gives no valid vector; a GPU that
        fails is left for the CPU first.
        """
        with self._lock:
            try:
                return self._runner.embed(image)
            except UnavailableError as error:
                if self._device == "CPU":
                    raise
                log.warning("The GPU failed, going on with the CPU: %s", error)
                self._device, self._reason = "CPU", f"The GPU failed while it was in use: {error}"
                self._runner = self._start("CPU")
                return self._runner.embed(image)

    def raw(self, image: Image) -> Embedding:
        """What the device says of a BGR picture, right or wrong: shape (dim,), float32; no other device is tried.

        Raises ValueError for what is no picture, UnavailableError where the device gives nothing.
        """
        with self._lock:
            return self._runner.raw(image)

    def embed_all(self, images: Iterable[Image], threads: int | None = None) -> Iterator[Embedding]:
        """The embeddings of many pictures, in order, as fast as ``threads`` threads of the CPU (or the GPU) allow.

        Without ``threads`` they are the embedder's own. Reads ahead of what it yields by no more than what is being
        computed. Raises what ``embed`` raises.
        """
        compiled = self._compile(self._device, "THROUGHPUT", threads or self._threads)
        yield from _in_order(_Queue(compiled), images)

    def _choose(self, wish: str) -> tuple[str, str, "_Runner"]:
        if wish not in DEVICES:
            raise ConfigurationError(f"Device is {wish!r}; expected one of {', '.join(DEVICES)}.")
        cpu = self._start("CPU")
        if wish == "CPU":  # not even asked for: a GPU's driver may hang or crash where it is only listed
            return "CPU", "The configuration asks for the CPU.", cpu
        gpu = next((name for name in self._runtime.devices() if name.startswith("GPU")), None)
        if gpu is None:
            found = ", ".join(self._runtime.devices())
            return "CPU", f"OpenVINO finds no GPU here (only {found}).", cpu
        try:
            candidate = self._start(gpu)
            wrong = qualify(*self._embed_pictures(cpu, candidate))
        except (UnavailableError, FormatError) as error:
            wrong = str(error)
        if wrong is not None:
            log.warning("The GPU is not used: %s", wrong)
            return "CPU", f"The GPU did not qualify: {wrong}.".replace("..", "."), cpu
        return gpu, "The GPU gives the same embeddings as the CPU.", candidate

    def _embed_pictures(self, *runners: "_Runner") -> list[Vectors]:
        shown = pictures(self._model.preprocessing.size)
        return [np.stack([runner.raw(picture) for picture in shown]) for runner in runners]

    def _start(self, device: str) -> "_Runner":
        return _Runner(self._compile(device, "LATENCY", self._threads), self._model)

    def _compile(self, device: str, hint: str, threads: int) -> ov.CompiledModel:
        properties: dict[str, str | int] = {
            "PERFORMANCE_HINT": hint,
            # CPUs with AMX or AVX512-BF16 would compute in bf16: cosine 0.91.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        if device == "CPU":
            # No cache: it saves 0.1 s, and OpenVINO takes a file with a flipped bit for good.
            properties["INFERENCE_NUM_THREADS"] = threads
        elif self._cache_dir is not None and _writable(self._cache_dir):
            properties["CACHE_DIR"] = str(self._cache_dir)
        with _unavailable(f"OpenVINO cannot run {self._model.name} on {device}"):
            compiled = self._runtime.compile(self._model, device, properties)
        _check_shapes(compiled, self._model)
        return compiled


class _Runner:
    """One inference at a time, in tensors that are allocated once."""

    def __init__(self, compiled: ov.CompiledModel, model: Model) -> None:
        self._input = _buffer(model)
        self._dim = model.dim
        self._request = compiled.create_infer_request()
        self._request.set_input_tensor(ov.Tensor(self._input, shared_memory=True))

    def raw(self, image: Image) -> Embedding:
        """What the device says, right or wrong."""
        to_input(image, self._input[0])
        with _unavailable("The inference failed"):
            self._request.infer()
        return np.array(self._request.get_output_tensor(0).data[0], np.float32)

    def embed(self, image: Image) -> Embedding:
        return _checked(self.raw(image))


class _Queue:
    """Several inferences at a time; their vectors wait in ``done``, by number."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self.done: dict[int, Embedding] = {}
        self._queue = ov.AsyncInferQueue(compiled)
        self._queue.set_callback(self._keep)

    def put(self, number: int, image: Image) -> None:
        """Start on ``image`` as soon as one of the requests is free."""
        with _unavailable("The inference failed"):
            request = self._queue[self._queue.get_idle_request_id()]
            to_input(image, request.get_input_tensor(0).data[0])
            self._queue.start_async(userdata=number)

    def wait(self) -> None:
        with _unavailable("The inference failed"):
            self._queue.wait_all()

    def _keep(self, request: Any, number: int) -> None:
        self.done[number] = np.array(request.get_output_tensor(0).data[0], np.float32)


def _in_order(queue: _Queue, images: Iterable[Image]) -> Iterator[Embedding]:
    first = 0
    try:
        for number, image in enumerate(images):
            queue.put(number, image)
            while first in queue.done:
                yield _checked(queue.done.pop(first))
                first += 1
    finally:
        queue.wait()
    for number in sorted(queue.done):
        yield _checked(queue.done.pop(number))


@contextlib.contextmanager
def _unavailable(what: str) -> Iterator[None]:
    """OpenVINO raises RuntimeError for everything."""
    try:
        yield
    except RuntimeError as error:
        raise UnavailableError(f"{what}: {' '.join(str(error).split())[-200:]}") from error


def _writable(cache_dir: Path) -> bool:
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(cache_dir, os.W_OK)


def _buffer(model: Model) -> Image:
    size = model.preprocessing.size
    return np.zeros((1, size, size, 3), np.uint8)


def _check_shapes(compiled: ov.CompiledModel, model: Model) -> None:
    size = model.preprocessing.size
    wanted = ([1, size, size, 3], [1, model.dim])
    ports = (compiled.inputs, compiled.outputs)
    found = tuple(list(side[0].get_shape()) if len(side) == 1 else None for side in ports)
    if found != wanted or compiled.inputs[0].get_element_type() != ov.Type.u8:
        raise FormatError(f"The network of {model.name} maps {found[0]} to {found[1]}; model.json says {wanted}.")


def _checked(vector: Embedding) -> Embedding:
    if not abs(float(vector @ vector) - 1.0) < 1e-3:  # NaN fails this as well
        raise UnavailableError("The model gave a vector that is not finite or not of unit length.")
    return vector
