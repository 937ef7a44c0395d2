"""EfficientNet-Lite0 once more, in plain numpy and straight from its definition: what the OpenVINO model is held to."""

import numpy as np

STAGES = ((1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1))  # blocks, kernel, stride


def logits(weights, image, *, symmetric=False):
    """1000 logits of an RGB picture of 224 x 224, uint8; ``symmetric`` pads as PyTorch would."""
    x = ((image.astype(np.float32) - 127) / 128).transpose(2, 0, 1)
    x = relu6(norm(weights, "_bn0", dense(weights["_conv_stem.weight"], pad(x, 3, 2, symmetric), 2)))
    number = 0
    for blocks, kernel, stride in STAGES:
        for repeat in range(blocks):
            x = block(weights, f"_blocks.{number}.", x, kernel, stride if repeat == 0 else 1, symmetric)
            number += 1
    x = relu6(norm(weights, "_bn1", dense(weights["_conv_head.weight"], x, 1)))
    return weights["_fc.weight"] @ x.mean((1, 2)) + weights["_fc.bias"]


def block(weights, name, x, kernel, stride, symmetric):
    y = x
    if f"{name}_expand_conv.weight" in weights:
        y = relu6(norm(weights, f"{name}_bn0", dense(weights[f"{name}_expand_conv.weight"], y, 1)))
    y = depthwise(weights[f"{name}_depthwise_conv.weight"], pad(y, kernel, stride, symmetric), stride)
    y = relu6(norm(weights, f"{name}_bn1", y))
    y = norm(weights, f"{name}_bn2", dense(weights[f"{name}_project_conv.weight"], y, 1))
    return x + y if y.shape == x.shape else y


def pad(x, kernel, stride, symmetric):
    if symmetric:
        return np.pad(x, ((0, 0), (kernel // 2,) * 2, (kernel // 2,) * 2))
    size = x.shape[1]
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    before, after = total // 2, total - total // 2
    return np.pad(x, ((0, 0), (before, after), (before, after)))


def windows(x, kernel, stride):
    count = (x.shape[1] - kernel) // stride + 1
    reach = (count - 1) * stride + 1
    for row in range(kernel):
        for column in range(kernel):
            yield row, column, x[:, row : row + reach : stride, column : column + reach : stride]


def dense(weight, x, stride):
    parts = (np.tensordot(weight[:, :, r, c], part, 1) for r, c, part in windows(x, weight.shape[2], stride))
    return sum(parts)


def depthwise(weight, x, stride):
    return sum(weight[:, 0, r, c, None, None] * part for r, c, part in windows(x, weight.shape[2], stride))


def norm(weights, name, x):
    gamma, beta, mean, variance = (
        weights[f"{name}.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def relu6(x):
    return np.clip(x, 0, 6)
