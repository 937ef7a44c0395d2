"""Runs the benchmarks and prints their tables: ``python -m benchmarks [NAME ...] [--json FILE]``."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the searcher's recipe; before numpy is imported

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from benchmarks import clips, crop, material, quality, road, searching, stages, throughput
from benchmarks.figures import print_table

CORES = os.cpu_count() or 1
Rows = dict[str, dict[str, float]]
BENCHMARKS: dict[str, tuple[str, Callable[[], Rows]]] = {
    "stages": ("Stages, one thread", lambda: stages.measure(material.default_model())),
    "road": ("Bus, search and push at 10,000 items, real processes", road.measure),
    "throughput": (
        f"Embeddings, {CORES} threads, against OpenVINO's benchmark_app",
        lambda: throughput.measure(material.default_model(), CORES),
    ),
    "crop": ("The crop to the object: items on counters, 25 to 50 % of the frame's height", crop.measure),
    "quality": ("Pictures refused by the quality gate", quality.measure),
    "clips": ("Answers over time: items held up, exchanged and taken away before a camera", clips.measure),
    "search-10k": ("Search at 10,000 items against numpy", lambda: searching.measure(10_000)),
    "search-100k": ("Search at 100,000 items against numpy", lambda: searching.measure(100_000)),
}


def main() -> None:
    """Run the named benchmarks, all of them without a name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")
    args = parser.parse_args()
    if unknown := set(args.names) - set(BENCHMARKS):
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(BENCHMARKS)}")
    figures = {}
    for name in args.names or BENCHMARKS:
        title, measure = BENCHMARKS[name]
        figures[name] = measure()
        print_table(title, figures[name])
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
