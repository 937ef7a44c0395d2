"""ONNX networks for tests, made on the spot: ResNets of the usual shapes with random weights, and wrong ones."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

IMAGE = [1, 3, 224, 224]


class Graph:
    """Collects the nodes and weights of one graph."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._rng = np.random.default_rng(seed)

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def conv(self, x: str, into: int, out: int, kernel: int, stride: int = 1) -> str:
        spread = np.float32(np.sqrt(1.5 / (into * kernel * kernel)))
        weight = self._rng.standard_normal((out, into, kernel, kernel), np.float32) * spread
        name = f"weight{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(weight, name))
        return self.add("Conv", x, name, strides=[stride] * 2, pads=[kernel // 2] * 4)

    def save(
        self, path: Path, inputs: dict[str, list], outputs: dict[str, list], kind: int = TensorProto.FLOAT
    ) -> Path:
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
            self.weights,
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
        return path


def resnet18(path: Path) -> Path:
    """512 numbers, shape (1, 512)."""
    return _resnet(path, (2, 2, 2, 2), bottleneck=False)


def resnet50(path: Path) -> Path:
    """2048 numbers, shape (1, 2048)."""
    return _resnet(path, (3, 4, 6, 3), bottleneck=True)


def _resnet(path: Path, blocks: tuple[int, ...], *, bottleneck: bool) -> Path:
    g = Graph()
    x = g.add("Relu", g.conv("image", 3, 64, 7, 2))
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    into = 64
    for stage, count in enumerate(blocks):
        width = 64 * 2**stage
        out = width * 4 if bottleneck else width
        for block in range(count):
            stride = 2 if stage and not block else 1
            if bottleneck:
                y = g.add("Relu", g.conv(x, into, width, 1))
                y = g.add("Relu", g.conv(y, width, width, 3, stride))
                y = g.conv(y, width, out, 1)
            else:
                y = g.add("Relu", g.conv(x, into, width, 3, stride))
                y = g.conv(y, width, out, 3)
            skip = x if into == out and stride == 1 else g.conv(x, into, out, 1, stride)
            x, into = g.add("Relu", g.add("Add", y, skip)), out
    return g.save(path, {"image": IMAGE}, {g.add("Flatten", g.add("GlobalAveragePool", x)): [1, into]})


def small(path: Path, image: list = IMAGE, *, outputs: int = 1, pooled: bool = True, dim: int = 16) -> Path:
    """One convolution and the pool, with the input and the outputs that a test asks for."""
    g = Graph()
    x = g.conv("image", image[1], dim, 3, 2)
    named: dict[str, list] = {}
    for _ in range(outputs):
        if pooled:
            named[g.add("GlobalAveragePool", x)] = [image[0], dim, 1, 1]
        else:
            named[g.add("Relu", x)] = [image[0], dim, 112, 112]
    return g.save(path, {"image": image}, named)


def two_inputs(path: Path) -> Path:
    """The sum of two images, pooled."""
    g = Graph()
    x = g.conv(g.add("Add", "image", "other"), 3, 16, 3)
    return g.save(path, {"image": IMAGE, "other": IMAGE}, {g.add("GlobalAveragePool", x): [1, 16, 1, 1]})


def not_an_image(path: Path) -> Path:
    """A vector in, a vector out."""
    g = Graph()
    return g.save(path, {"numbers": [1, 64]}, {g.add("Relu", "numbers"): [1, 64]})
