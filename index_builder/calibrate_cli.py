"""The command ``calibrate``: its arguments, and what it prints."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from components.store import Store
from index_builder.answers import ask, read_photos
from index_builder.arguments import add_json, add_photos, add_threads, add_wrong_on_unknown
from index_builder.figures import print_fields, write_json
from index_builder.learning.calibration import UNKNOWN_SHARE
from index_builder.progress import Steps
from index_builder.recalibration import FEWEST_KNOWN, FOLDS, Recalibration, Stated, recalibrate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``calibrate``."""
    parser.epilog = (
        f"Give at least {FEWEST_KNOWN} photos of at least {FOLDS} items, and not those that the index was built of: "
        "these are found too easily. A photo without item_id, or of an item that the generation does not hold, is one "
        "of something unknown; where there are few of them, known items are left out in turn and take their part. "
        f"{UNKNOWN_SHARE:.0%} of what a camera sees is taken to be unknown. After the next build, calibrate again."
    )
    parser.add_argument("--generation", type=Path, required=True, help="folder that `build --out` made")
    add_photos(parser, required=True)
    add_wrong_on_unknown(parser)
    parser.add_argument(
        "--anyway", action="store_true", help="publish even what makes the probabilities less true than they are"
    )
    add_threads(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Publish the calibrated generation and print what it is worth."""
    photos = read_photos(args.photos, args.use, args.unknown)
    with Steps() as steps:
        asked = ask(Store(args.generation), None, photos, max(1, args.threads), steps.announce, camera=args.camera)
        made = recalibrate(asked, args.wrong_on_unknown, anyway=args.anyway)
    if args.json is not None:
        fields = dataclasses.asdict(made)
        fields["unreadable_photos"] = [dataclasses.asdict(one) for one in asked.unreadable]
        write_json(fields, args.json)
    print_fields(_headline(made, args.generation), _shown(made))
    return 0


def _headline(made: Recalibration, folder: Path) -> str:
    where = str(folder).encode(errors="replace").decode()
    if made.unchanged and made.worse:
        return (
            f"Generation {made.generation} in {where} is as it was: its probabilities are truer (--anyway for others)."
        )
    return f"Generation {made.generation} in {where} {'is as it was' if made.unchanged else 'is ready'}: calibrated."


def _shown(made: Recalibration) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: value for name, value in dataclasses.asdict(made).items() if name not in ("before", "after")
    }
    for figure in dataclasses.fields(Stated):
        before, after = (getattr(stated, figure.name) for stated in (made.before, made.after))
        fields[figure.name] = f"{'none' if before is None else before} -> {'none' if after is None else after}"
    return fields
