"""The command ``evaluate``: its arguments, and what it prints."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from components.core.errors import ConfigurationError
from components.store import Store
from index_builder.answers import ask, read_photos
from index_builder.arguments import add_json, add_photos, add_threads
from index_builder.comparison import Comparison, compare
from index_builder.evaluate import Evaluation, evaluate
from index_builder.evaluation_page import evaluation_page
from index_builder.figures import print_fields, write_json
from index_builder.page import write_page
from index_builder.progress import Steps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``evaluate``."""
    parser.epilog = (
        "A photo without item_id, or of an item that the generation does not hold, counts as a photo of something "
        "else: the right answer to it is no match."
    )
    parser.add_argument("--generation", type=Path, required=True, help="folder that `build --out` made")
    parser.add_argument("--seq", type=int, help="which generation (default: the newest)")
    add_photos(parser, required=False)
    parser.add_argument(
        "--compare", metavar="SEQ|FOLDER", help="another generation: its number here, or the folder of another build"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with plots and the worst confusions")
    add_threads(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Search for every photo and print how good the answers are."""
    if args.photos is None and args.unknown is None:
        raise ConfigurationError("There is nothing to measure: give --photos FILE, --unknown FOLDER or both.")
    photos = read_photos(args.photos, args.use, args.unknown)
    store, threads = Store(args.generation), max(1, args.threads)
    with Steps() as steps:
        asked = ask(store, args.seq, photos, threads, steps.announce, camera=args.camera)
        figures, comparison = evaluate(asked), None
        if args.compare is not None:
            other, seq = (store, int(args.compare)) if args.compare.isdecimal() else (Store(Path(args.compare)), None)
            answered = ask(other, seq, photos, threads, steps.announce, camera=args.camera)
            comparison = compare(asked, answered)
    if args.html is not None:
        write_page(args.html, evaluation_page(asked, figures, comparison))
    if args.json is not None:
        fields = dataclasses.asdict(figures)
        fields["comparison"] = None if comparison is None else dataclasses.asdict(comparison)
        fields["unreadable_photos"] = [dataclasses.asdict(one) for one in asked.unreadable]
        write_json(fields, args.json)
    print_fields(_headline(figures), _shown(figures, comparison))
    return 0


def _headline(figures: Evaluation) -> str:
    if figures.hit_rate_at_1 is None or figures.hit_rate_at_5 is None:
        answered = 1 - (figures.decisions["no_match"].unknown or 0.0)
        return f"Of {figures.unknown_photos} photos of other things, {answered:.0%} are answered all the same."
    return (
        f"The right item is first for {figures.hit_rate_at_1:.0%} of {figures.photos} photos, among the first five for "
        f"{figures.hit_rate_at_5:.0%}."
    )


def _shown(figures: Evaluation, comparison: Comparison | None) -> dict[str, Any]:
    """What a terminal has room for."""
    fields: dict[str, Any] = {
        name: value
        for name, value in dataclasses.asdict(figures).items()
        if value is not None and not isinstance(value, (dict, tuple))
    }
    for kind, decided in figures.decisions.items():
        said = {"known": decided.known, "right of these": decided.right, "unknown": decided.unknown}
        fields[f"decided_{kind}"] = {name: share for name, share in said.items() if share is not None}
    if figures.open_set is not None:
        fields["right_at_5_%_wrong_answers"] = figures.open_set.answered_right_at_5_percent_wrong
    if figures.not_in_the_generation:
        fields["not_in_the_generation"] = figures.not_in_the_generation
    worst = figures.confusions[:5]
    if worst:
        fields["worst_confusions"] = [f"{one.item_id} for {one.taken_for} ({one.photos})" for one in worst]
    if comparison is not None:
        first = comparison.hit_rate_at_1
        fields[f"against_generation_{comparison.other.generation}"] = (
            f"hit rate at 1 {first.difference:+.4f} (95 % interval {first.low:+.4f} to {first.high:+.4f}), "
            f"McNemar p {comparison.p_value:.4f}"
        )
    return fields
