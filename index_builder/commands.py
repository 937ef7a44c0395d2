"""The commands build and inspect: their arguments, and what they print."""

import argparse
from pathlib import Path

from components.featurizer.model import Model, read_model_dir
from components.store import Store
from index_builder.arguments import add_json, add_threads, add_wrong_on_unknown
from index_builder.build import BuildOptions, build
from index_builder.figures import report
from index_builder.inspection import inspect
from index_builder.learning.rendering import FEWEST_VIEWS, MOST_VIEWS
from index_builder.model import make_default_model
from index_builder.progress import Steps


def add_build(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``build``."""
    parser.epilog = (
        "A catalog is a folder (a picture per item, or a folder per item), or a CSV or JSONL file with item_id, title, "
        "category, description, url, price, image, views; title_ko and the like are titles in other languages, further "
        "columns become attributes. Pictures are paths relative to the file or http(s) URLs, several joined by |."
    )
    parser.add_argument("--catalog", type=Path, required=True, help="folder, .csv or .jsonl")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the generations; a killed build goes on here"
    )
    parser.add_argument(
        "--model", type=Path, help="folder made by `model` (default: EfficientNet-Lite0, made on the spot)"
    )
    parser.add_argument("--name", help="what to call the catalog (default: its file name)")
    parser.add_argument("--license", default="unknown", help="license of the catalog's pictures (SPDX identifier)")
    parser.add_argument("--max-dim", type=_dim, default=256, help="how long a vector may be (default: 256)")
    parser.add_argument(
        "--camera-views",
        type=_views,
        default=MOST_VIEWS,
        metavar="N",
        help=f"views by a camera to imagine of each picture, to learn from (default: {MOST_VIEWS}, fewer are faster)",
    )
    parser.add_argument(
        "--taught",
        metavar="PLACE",
        help="take over what was taught at cameras: the file that `python -m components.searcher taught export` wrote, "
        "or what the cloud received of the devices, s3://bucket/taught or a folder with a copy of it",
    )
    add_wrong_on_unknown(parser)
    parser.add_argument(
        "--compact", action="store_true", help="learn anew, though little has changed (devices fetch all vectors again)"
    )
    parser.add_argument("--max-failures", type=int, default=10, help="how many pictures may be unusable (default: 10)")
    add_threads(parser)
    add_json(parser)


def run_build(args: argparse.Namespace) -> int:
    """Build a generation and print what was made."""
    options = BuildOptions(
        catalog=args.catalog,
        out=args.out,
        name=_as_text(args.name or args.catalog.stem),
        license=_as_text(args.license),
        max_dim=args.max_dim,
        camera_views=args.camera_views,
        taught=args.taught,
        wrong_on_unknown=args.wrong_on_unknown,
        compact=args.compact,
        max_failures=args.max_failures,
        threads=max(1, args.threads),
    )
    with Steps() as steps:
        made = build(options, lambda: model_of(args.model, args.out), steps.announce)
    verb = "is as it was" if made.unchanged else "is ready"
    headline = (
        f"Generation {made.generation} in {_as_text(str(args.out))} {verb}: {made.items} items, {made.views} views."
    )
    if made.failures:
        headline += f" {made.failures} pictures could not be used: see failures.jsonl there."
    report(headline, made, args.json)
    return 0


def _as_text(argument: str) -> str:
    """What a terminal or the name of a file may hold beside text becomes a question mark."""
    return argument.encode(errors="replace").decode()


def model_of(given: Path | None, out: Path) -> Model:
    """The model in the folder ``given``; else the default one, which is made in ``out`` where it is not yet there."""
    if given is not None:
        return read_model_dir(given)
    own = out / "work" / "model"
    return read_model_dir(own) if (own / "model.json").exists() else make_default_model(own)


def add_inspect(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``inspect``."""
    parser.add_argument("generation", type=Path, help="folder that `build --out` made")
    parser.add_argument("--seq", type=int, help="which generation (default: the newest)")
    add_json(parser)


def run_inspect(args: argparse.Namespace) -> int:
    """Verify a generation and print its figures."""
    store = Store(args.generation)
    figures = inspect(store, args.seq if args.seq is not None else store.require_active())
    report(f"Generation {figures.generation} is whole: every object has the hash of its name.", figures, args.json)
    return 0


def _views(text: str) -> int:
    if not text.isdigit() or not FEWEST_VIEWS <= int(text) <= 100:  # more teach nothing
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {FEWEST_VIEWS} to 100")
    return int(text)


def _dim(text: str) -> int:
    if not text.isdigit() or not 2 <= int(text) <= 512:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 2 to 512")
    return int(text)
