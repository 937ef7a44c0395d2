"""Runs the benchmarks and prints their tables: ``python -m benchmarks [NAME ...] [--json FILE]``."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the searcher's recipe; before numpy is imported

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    building,
    clips,
    crop,
    material,
    quality,
    retrieval,
    road,
    searching,
    stages,
    stampede,
    throughput,
)
from benchmarks.figures import print_table
from benchmarks.grocery import Groceries
from components.core.errors import UnavailableError

CORES = os.cpu_count() or 1
Rows = dict[str, dict[str, float]]
BENCHMARKS: dict[str, tuple[str, Callable[[Path], Rows]]] = {
    "stages": ("Stages, one thread", lambda _: stages.measure(material.default_model())),
    "road": ("Bus, search and push at 10,000 items, real processes", lambda _: road.measure()),
    "throughput": (
        f"Embeddings, {CORES} threads, against OpenVINO's benchmark_app",
        lambda _: throughput.measure(material.default_model(), CORES),
    ),
    "crop": ("The crop to the object: items on counters, 25 to 50 % of the frame's height", lambda _: crop.measure()),
    "quality": ("Pictures refused by the quality gate", lambda _: quality.measure()),
    "clips": ("Answers over time: items held up, exchanged and taken away before a camera", lambda _: clips.measure()),
    "retrieval": (
        "Right answers: groceries found and told from other things",
        lambda folder: retrieval.measure(Groceries(folder)),
    ),
    "build-10k": (f"Building an index of 10,000 items, {CORES} threads", lambda _: building.measure(10_000)),
    "stampede": ("1,000 devices that ask for a newer index", lambda _: stampede.measure()),
    "search-10k": ("Search at 10,000 items, plain and projected", lambda _: searching.measure(10_000)),
    "search-100k": ("Search at 100,000 items, plain and projected", lambda _: searching.measure(100_000)),
}


def main() -> None:
    """Run the named benchmarks, all of them without a name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument(
        "--grocery",
        type=Path,
        default=material.GROCERY,
        metavar="FOLDER",
        help="of retrieval: catalog.csv and photos.csv with use teach and query (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")
    args = parser.parse_args()
    if unknown := set(args.names) - set(BENCHMARKS):
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(BENCHMARKS)}")
    figures = {}
    for name in args.names or BENCHMARKS:
        title, measure = BENCHMARKS[name]
        try:
            figures[name] = measure(args.grocery)
        except UnavailableError as error:
            if args.names:
                sys.exit(str(error))
            print(f"\n{title}\n{error}")  # the others do not need what is missing here
        else:
            print_table(title, figures[name])
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
