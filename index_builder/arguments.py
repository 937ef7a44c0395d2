"""Arguments that several commands have."""

import argparse
import os
from pathlib import Path

from index_builder.answers import CAMERAS

CORES = os.cpu_count() or 1


def add_photos(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """The arguments that say which photos to ask for, and by what camera they were taken."""
    parser.add_argument("--photos", type=Path, required=required, help="CSV file with photo, item_id and perhaps use")
    parser.add_argument("--use", help="only the photos with this value in the column use")
    parser.add_argument("--unknown", type=Path, metavar="FOLDER", help="pictures of other things than the items")
    parser.add_argument(
        "--camera",
        choices=CAMERAS,
        default="settled",
        help="; ".join(f"{name}: {meaning}" for name, meaning in CAMERAS.items()) + " (default: settled)",
    )


def add_wrong_on_unknown(parser: argparse.ArgumentParser) -> None:
    """The argument that says how strict the decisions are to be."""
    parser.add_argument(
        "--wrong-on-unknown",
        type=_share,
        metavar="SHARE",
        help="how many of the pictures of unknown items may be answered, 0 to 1 (default: as many as pay, where a "
        "wrong answer costs what a right one is worth); fewer than 8 items are not calibrated by a build",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """The argument that says how many cores to use."""
    parser.add_argument("--threads", type=int, default=CORES, help=f"default: all cores ({CORES} here)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """The argument that asks for the figures in a file."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return share
