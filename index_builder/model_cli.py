"""The command ``model``: makes the directory with the network that the featurizer and the index builder share."""

import argparse
import json
import sys
from pathlib import Path

from components.core.errors import ConfigurationError
from components.featurizer.model import DESCRIPTION, Model, Preprocessing, describe
from index_builder.figures import write_json
from index_builder.model import make_default_model, make_model

_IMAGENET_MEAN, _IMAGENET_SCALE = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_ONLY_OWN = ("mean", "scale", "color", "input_size", "normalize", "name", "license", "source")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the model directory is written")
    network = parser.add_mutually_exclusive_group()
    network.add_argument("--onnx", type=Path, metavar="FILE", help="your own network; without: EfficientNet-Lite0")
    network.add_argument("--ir", type=Path, metavar="FILE", help="your own network as OpenVINO IR: its .xml")
    own = parser.add_argument_group("of your own network (it takes one image, 0 to 255 less mean, divided by scale)")
    for option, what in (("--mean", "means"), ("--scale", "standard deviations")):
        help = f"{what} in the network's color order; default: those of ImageNet, as torchvision has them"
        own.add_argument(option, type=float, nargs=3, metavar=("C1", "C2", "C3"), help=help)
    own.add_argument("--color", choices=("RGB", "BGR"), help="color order of its training; default: RGB")
    own.add_argument("--input-size", type=int, metavar="PIXELS", help="width and height of its input; default: 224")
    own.add_argument("--normalize", choices=("l2",), help="what is done to its vector; default: l2, unit length")
    own.add_argument("--name", help="default: the name of the file")
    own.add_argument("--license", metavar="SPDX", help="license of the weights; default: NOASSERTION")
    own.add_argument("--source", metavar="TEXT", help="where the weights come from; default: the name of the file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the model's description there as well")


def run(args: argparse.Namespace) -> int:
    """Make the model and say what it is; raises LookalikeError with a sentence for whoever called."""
    model = _make(args)
    if args.json is not None:
        write_json(json.loads(describe(model)), args.json)
    sys.stdout.write(
        f"{args.out / DESCRIPTION}: {model.name}, {model.dim} numbers per picture, {len(model.bin) / 1e6:.1f} MB of "
        f"weights, license {model.license}\ndigest {model.digest}\n"
    )
    return 0


def _make(args: argparse.Namespace) -> Model:
    if args.onnx is None and args.ir is None:
        given = [name for name in _ONLY_OWN if getattr(args, name) is not None]
        if given:
            option = f"--{given[0].replace('_', '-')}"
            raise ConfigurationError(
                f"{option} belongs to a network of your own: give --onnx or --ir, or leave it out."
            )
        return make_default_model(args.out)
    return make_model(
        args.ir if args.onnx is None else args.onnx,
        _preprocessing(args),
        args.out,
        name=args.name or "",
        license=args.license or "NOASSERTION",
        source=args.source or "",
    )


def _preprocessing(args: argparse.Namespace) -> Preprocessing:
    return Preprocessing(
        color=args.color or "RGB",
        mean=_triple(args.mean or _IMAGENET_MEAN),
        scale=_triple(args.scale or _IMAGENET_SCALE),
        size=224 if args.input_size is None else args.input_size,
        normalize=args.normalize or "l2",
    )


def _triple(numbers: list[float] | tuple[float, float, float]) -> tuple[float, float, float]:
    first, second, third = numbers
    return first, second, third
