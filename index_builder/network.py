"""Turns a network (one image in, one vector out) into one that takes a camera's pixels and gives a unit vector."""

from typing import Any

import numpy as np
import openvino as ov

from components.core.errors import FormatError
from components.core.messages import MAX_DIM
from components.featurizer.model import Preprocessing

try:
    from openvino import opset13 as ops
except ImportError:  # OpenVINO 2024 keeps its operations in openvino.runtime, which 2026 no longer has
    from openvino.runtime import opset13 as ops


def as_featurizer(network: ov.Model, preprocessing: Preprocessing, called: str) -> ov.Model:
    """The network with its preprocessing: uint8 NHWC BGR in, a float32 vector of unit length, shape (1, dim), out.

    ``network`` is used up. Raises FormatError, which calls the network ``called``, where it is not one picture in and
    one vector out.
    """
    _check_ports(network, called)
    layout = _input_layout(network, preprocessing.size, called)
    size = preprocessing.size
    pixels = ops.parameter([1, size, size, 3], np.uint8, name="image")
    old = network.get_parameters()[0]
    image = _prepared(pixels, preprocessing, layout)
    old.output(0).replace(ops.convert(image, old.get_element_type().to_string()).output(0))
    return _with_plain_names(ov.Model([_unit_length(network, called)], [pixels], "featurizer"))


def _prepared(pixels: Any, preprocessing: Preprocessing, layout: str) -> Any:
    """Color order, mean and scale as plain operations.

    ``openvino.preprocess`` would give other operations, so another digest, with another version of OpenVINO.
    """
    image = ops.convert(pixels, "f32")
    if preprocessing.color == "RGB":
        image = ops.gather(image, ops.constant(np.array([2, 1, 0], np.int64)), ops.constant(np.array(3, np.int64)))
    image = ops.subtract(image, ops.constant(np.array(preprocessing.mean, np.float32)))
    image = ops.divide(image, ops.constant(np.array(preprocessing.scale, np.float32)))
    return ops.transpose(image, ops.constant(np.array([0, 3, 1, 2], np.int64))) if layout == "NCHW" else image


def _check_ports(network: ov.Model, called: str) -> None:
    for kind, ports in (("input", network.inputs), ("output", network.outputs)):
        if len(ports) != 1:
            raise FormatError(
                f"{called} has {len(ports)} {kind}s; expected a network with one image in and one vector out: "
                f"export it with that {kind} alone."
            )


def _input_layout(network: ov.Model, size: int, called: str) -> str:
    port = network.input(0)
    shape = port.get_partial_shape()
    wanted = f"[1,3,{size},{size}]"
    if shape.rank.is_dynamic or len(shape) != 4:
        raise FormatError(f"{called} takes {shape}, which is no image; expected {wanted}.")
    if shape[0].is_dynamic or shape[0].get_length() != 1:
        kind = "a dynamic batch" if shape[0].is_dynamic else f"a batch of {shape[0].get_length()}"
        raise FormatError(f"{called} has {kind} (its input is {shape}); export it with the fixed shape {wanted}.")
    if shape.is_dynamic:
        raise FormatError(f"{called} has a dynamic shape (its input is {shape}); export it with a fixed one: {wanted}.")
    if port.get_element_type() not in (ov.Type.f32, ov.Type.f16):
        raise FormatError(f"{called} takes {port.get_element_type()} numbers; expected an image of floats.")
    return _layout_of([int(d.get_length()) for d in shape], size, called)


def _layout_of(shape: list[int], size: int, called: str) -> str:
    for layout, wanted in (("NCHW", [1, 3, size, size]), ("NHWC", [1, size, size, 3])):
        if shape == wanted:
            return layout
    for sides in (shape[2:], shape[1:3]):
        if 3 in (shape[1], shape[3]) and sides[0] == sides[1] != size:
            raise FormatError(f"{called} takes {shape}, not an input size of {size}: give --input-size {sides[0]}.")
    raise FormatError(f"{called} takes {shape}, which is no square color image; expected [1,3,{size},{size}].")


def _unit_length(network: ov.Model, called: str) -> Any:
    source = network.get_results()[0].input_value(0)
    shape = source.get_partial_shape()
    if shape.is_dynamic:
        raise FormatError(f"{called} gives {shape}, a dynamic shape; export it with a fixed one.")
    sizes = [int(d.get_length()) for d in shape]
    if len(sizes) < 2 or sizes[0] != 1 or not 2 <= sizes[1] <= MAX_DIM or any(size != 1 for size in sizes[2:]):
        raise FormatError(
            f"{called} gives {sizes}; expected one vector, [1,dim] with dim from 2 to {MAX_DIM}: "
            "export the network with its global pooling and without more behind it."
        )
    flat = ops.reshape(source, ops.constant(np.array([1, sizes[1]], np.int64)), special_zero=False)
    number = ops.convert(flat, "f32")
    return ops.normalize_l2(number, ops.constant(np.array([1], np.int64)), 1e-24, "max")


def _with_plain_names(model: ov.Model) -> ov.Model:
    """The same model, its nodes named by nothing but its structure: the digest must not change from run to run."""
    for number, node in enumerate(model.get_ordered_ops()):
        node.set_friendly_name(f"{node.get_type_name()}_{number}")
    model.get_parameters()[0].set_friendly_name("image")
    model.get_results()[0].set_friendly_name("embedding")
    return model
