"""The command that draws the demo catalog."""

import argparse
from pathlib import Path

from index_builder.demo_catalog import MAX_ITEMS, write_demo_catalog
from index_builder.progress import Steps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``python -m index_builder demo-catalog``."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write the catalog to")
    parser.add_argument("--items", type=int, default=MAX_ITEMS, metavar="N", help=f"1 to {MAX_ITEMS} (default: all)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed, other prices and details")


def run(args: argparse.Namespace) -> int:
    """Draw the catalog with a progress bar; 0 when it is there. Raises LookalikeError."""
    with Steps() as steps:
        advance = steps.announce("Drawing items", args.items)
        write_demo_catalog(args.out, args.items, args.seed, lambda item_id: advance(1))
    print(f"The catalog is in {args.out}: build its index with `build --catalog {args.out}`.")
    return 0
