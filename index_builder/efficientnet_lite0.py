"""EfficientNet-Lite0 as an OpenVINO model, from the weights of its PyTorch port (which were converted from TensorFlow).

Source: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov

from components.core.errors import FormatError

try:
    from openvino import opset13 as ops
except ImportError:  # OpenVINO 2024 keeps its operations in openvino.runtime, which 2026 no longer has
    from openvino.runtime import opset13 as ops

Weights = Mapping[str, npt.NDArray[Any]]

DIM = 1280
INPUT_SIZE = 224
_EPSILON = 1e-3
_FILE = "The weights of EfficientNet-Lite0"


@dataclass(frozen=True)
class _Stage:
    """Blocks of one width: only the first has a stride."""

    blocks: int
    kernel: int
    stride: int
    width: int


_STAGES = (
    _Stage(1, 3, 1, 16),
    _Stage(2, 3, 2, 24),
    _Stage(2, 5, 2, 40),
    _Stage(3, 3, 2, 80),
    _Stage(3, 5, 1, 112),
    _Stage(4, 5, 2, 192),
    _Stage(1, 3, 1, 320),
)


def build_network(weights: Weights, *, classifier: bool = False) -> ov.Model:
    """The network: f32 NCHW [1, 3, 224, 224] in; [1, 1280] pooled features out, or 1000 ImageNet logits.

    Raises FormatError where ``weights`` lacks a tensor or has one of another shape.
    """
    image = ops.parameter([1, 3, INPUT_SIZE, INPUT_SIZE], np.float32, name="image")
    x = _relu6(_convolution(image, weights, "_conv_stem", "_bn0", (32, 3, 3, 3), stride=2))
    width, index = 32, 0
    for stage in _STAGES:
        for repeat in range(stage.blocks):
            stride = stage.stride if repeat == 0 else 1
            x = _block(x, weights, f"_blocks.{index}", width, stage, stride)
            width, index = stage.width, index + 1
    x = _relu6(_convolution(x, weights, "_conv_head", "_bn1", (DIM, width, 1, 1)))
    pooled = ops.reduce_mean(x, ops.constant(np.array([2, 3], np.int64)), keep_dims=False)
    return ov.Model([_classify(pooled, weights) if classifier else pooled], [image], "efficientnet-lite0")


def _block(x: Any, weights: Weights, name: str, width: int, stage: _Stage, stride: int) -> Any:
    """An inverted residual: widen six times (but in the first stage), depthwise, narrow, add."""
    inner = x
    wide = width * (1 if name == "_blocks.0" else 6)
    if wide != width:
        inner = _relu6(_convolution(inner, weights, f"{name}._expand_conv", f"{name}._bn0", (wide, width, 1, 1)))
    shape = (wide, 1, stage.kernel, stage.kernel)
    inner = _relu6(_convolution(inner, weights, f"{name}._depthwise_conv", f"{name}._bn1", shape, stride=stride))
    inner = _convolution(inner, weights, f"{name}._project_conv", f"{name}._bn2", (stage.width, wide, 1, 1))
    return ops.add(inner, x) if stride == 1 and width == stage.width else inner


def _convolution(
    x: Any, weights: Weights, name: str, norm: str, shape: tuple[int, int, int, int], *, stride: int = 1
) -> Any:
    """A convolution with its batch norm folded in; padded as TensorFlow's SAME: the odd pixel goes to the end."""
    scale, shift = _fold(weights, norm, shape[0])
    kernel = (_tensor(weights, f"{name}.weight", shape) * scale.reshape(-1, 1, 1, 1)).astype(np.float32)
    strides, pads, dilations = [stride, stride], [0, 0], [1, 1]
    if shape[1] == 1:
        grouped = ops.constant(kernel[:, None])
        y = ops.group_convolution(x, grouped, strides, pads, pads, dilations, "same_upper")
    else:
        y = ops.convolution(x, ops.constant(kernel), strides, pads, pads, dilations, "same_upper")
    return ops.add(y, ops.constant(shift.reshape(1, -1, 1, 1).astype(np.float32)))


def _fold(weights: Weights, norm: str, width: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    gamma, beta, mean, variance = (
        _tensor(weights, f"{norm}.{part}", (width,)) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + _EPSILON)
    return scale, beta - mean * scale


def _relu6(x: Any) -> Any:
    return ops.clamp(x, 0.0, 6.0)


def _classify(pooled: Any, weights: Weights) -> Any:
    matrix = _tensor(weights, "_fc.weight", (1000, DIM)).astype(np.float32)
    bias = _tensor(weights, "_fc.bias", (1000,)).astype(np.float32)
    return ops.add(ops.matmul(pooled, ops.constant(matrix), False, True), ops.constant(bias.reshape(1, -1)))


def _tensor(weights: Weights, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    if name not in weights:
        raise FormatError(f"{_FILE} lack the tensor {name!r}; take the original file again.")
    tensor = weights[name]
    if tensor.shape != shape or not np.isfinite(tensor).all():
        raise FormatError(f"{_FILE} have {name!r} of shape {tensor.shape}; expected finite numbers of shape {shape}.")
    return tensor.astype(np.float64)
