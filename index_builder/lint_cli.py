"""The command ``lint``: its arguments, and what it prints."""

import argparse
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.store import Store
from index_builder.arguments import add_threads
from index_builder.commands import model_of
from index_builder.figures import write_json
from index_builder.lint import LintReport, lint
from index_builder.lint_page import lint_page
from index_builder.lint_rules import ACROSS_ITEMS, KINDS, Finding
from index_builder.page import write_page
from index_builder.progress import Steps

MOST_EXAMPLES = 5
WIDTH_OF_A_LOG = 160


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``lint``."""
    parser.epilog = "Kinds of findings: " + "; ".join(f"{kind} ({meaning})" for kind, meaning in KINDS.items()) + "."
    parser.add_argument("--catalog", type=Path, required=True, help="folder, .csv or .jsonl, as for build")
    parser.add_argument(
        "--out", type=Path, help="folder of a build: what is embedded is kept there, and taken from there"
    )
    parser.add_argument("--model", type=Path, help="folder made by `model` (default: as for build)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with the pictures side by side")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all findings to this file")
    parser.add_argument(
        "--fail-on-dup-across-items", action="store_true", help="exit with 1 where items share a picture, or nearly"
    )
    parser.add_argument(
        "--fail-on", action="append", default=[], choices=list(KINDS), metavar="KIND", help="exit with 1 on findings"
    )
    add_threads(parser)


def run(args: argparse.Namespace) -> int:
    """Look at a catalog and print what was found; 1 where that includes a kind to fail on."""
    with _folder(args.out) as folder:
        with Steps() as steps:
            report = lint(
                args.catalog,
                folder,
                lambda: model_of(args.model, folder),
                max(1, args.threads),
                steps.announce,
            )
        if args.html is not None:
            write_page(args.html, lint_page(args.catalog.stem, report, Store(folder)))
    if args.json is not None:
        fields = dataclasses.asdict(report)
        del fields["thumbnails"]
        write_json(fields, args.json)
    _print(report)
    return exit_code(report, {*args.fail_on, *(ACROSS_ITEMS if args.fail_on_dup_across_items else ())})


def exit_code(report: LintReport, failing: set[str]) -> int:
    """1 where something was found that is to fail, else 0."""
    return int(not failing.isdisjoint(report.counts))


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    if out is not None:
        yield out
        return
    with TemporaryDirectory(prefix="lookalike-") as folder:
        yield Path(folder)


def _print(report: LintReport) -> None:
    console = Console(highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_A_LOG
    found = sum(report.counts.values())
    console.print(f"{report.items:,} items, {report.pictures:,} pictures: {found or 'no'} findings.")
    if not found:
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("kind", no_wrap=True)
    table.add_column("found", justify="right")
    table.add_column("")
    for kind, count in report.counts.items():
        table.add_row(Text(kind, style="bold"), f"{count:,}", KINDS[kind])
    console.print(table)
    for kind, count in report.counts.items():
        console.print()
        console.print(Text(kind, style="bold"))
        _print_examples(console, [finding for finding in report.findings if finding.kind == kind], count)


def _print_examples(console: Console, findings: list[Finding], count: int) -> None:
    for finding in findings[:MOST_EXAMPLES]:
        console.print("  " + _shown(finding), soft_wrap=True)
    if count > MOST_EXAMPLES:
        console.print(f"  and {count - MOST_EXAMPLES:,} more")


def _shown(finding: Finding) -> str:
    names = ", ".join(finding.item_ids[:MOST_EXAMPLES])
    if len(finding.item_ids) > MOST_EXAMPLES:
        names += f" and {len(finding.item_ids) - MOST_EXAMPLES:,} more"
    return f"{names}: {finding.says}" if finding.says else names
