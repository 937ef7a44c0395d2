"""The commands of ``python -m index_builder``: make a model, check a catalog, make and measure generations."""

import argparse
import sys
from collections.abc import Callable

from components.core.errors import LookalikeError
from index_builder import calibrate_cli, commands, demo_catalog_cli, evaluate_cli, lint_cli, model_cli, publish_cli

COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]]] = {
    "model": ("make the network that turns pictures into embeddings", model_cli.add_arguments, model_cli.run),
    "lint": ("find what is wrong or risky in a catalog", lint_cli.add_arguments, lint_cli.run),
    "build": ("turn a catalog into an index generation", commands.add_build, commands.run_build),
    "inspect": ("show a generation and verify all of it", commands.add_inspect, commands.run_inspect),
    "evaluate": ("measure a generation on labelled photos", evaluate_cli.add_arguments, evaluate_cli.run),
    "calibrate": ("make probabilities true on photos of your own", calibrate_cli.add_arguments, calibrate_cli.run),
    "publish": ("bring a generation to devices, signed", publish_cli.add_publish, publish_cli.run_publish),
    "keys": ("make and replace the keys of a channel", publish_cli.add_keys, publish_cli.run_keys),
    "sign": ("sign what is published once more before it expires", publish_cli.add_sign, publish_cli.run_sign),
    "verify": ("fetch and check what is published as a device does", publish_cli.add_verify, publish_cli.run_verify),
    "copy": ("carry what is published to a USB stick", publish_cli.add_copy, publish_cli.run_copy),
    "demo-catalog": ("render a catalog to try things with", demo_catalog_cli.add_arguments, demo_catalog_cli.run),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 when it did what was asked, 1 with one sentence on standard error when not."""
    parser = argparse.ArgumentParser(
        prog="python -m index_builder", description="Make an index of a catalog, measure it, publish it to devices."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (help_text, add_arguments, run) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
        add_arguments(subparser)
        subparser.set_defaults(run=run)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except LookalikeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
