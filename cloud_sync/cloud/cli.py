"""``python -m cloud_sync cost``: what a fleet costs a month."""

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from cloud_sync.cloud.costs import Fleet, Line, Prices, first_fill, monthly
from components.core.errors import UnavailableError

PRICES = Path(__file__).with_name("prices.json")

_HELP = {
    "devices": "how many",
    "matches_per_day": "of one device",
    "updates_per_day": "generations that are published",
    "items": "of the catalog",
    "changed_items": "of one generation, against the one before",
    "dimension": "of the index's vectors",
    "thumbnail_bytes": "of one item",
    "row_bytes": "what an item's texts have, compressed",
    "events_per_match": "an item came, stayed, left",
    "event_bytes": "of one event in a batch",
    "open_hours": "of a day, in which the matches come",
    "gather_s": "the setting gather_s: how long matches wait for others to be sent with",
    "poll_interval_s": "the setting poll_interval_s: how often a device asks for a newer index",
    "status_interval_s": "the setting status_interval_s: how often it tells how a component is",
    "components": "of one device",
    "keep_events_days": "the template's KeepEventsDays",
    "keep_table_days": "the template's KeepTableDays",
}


def main(arguments: Sequence[str]) -> int:
    """Print the bill; raises LookalikeError for a number or a price list that cannot be used."""
    args = _parser().parse_args(arguments)
    settings = vars(args)
    prices = _prices(settings.pop("prices"))
    as_json = settings.pop("json")
    fleet = Fleet(**settings)
    lines, once = monthly(fleet, prices), first_fill(fleet, prices)
    if as_json:
        print(_json(fleet, prices, lines, once))
        return 0
    print(_table(lines))
    total = sum(line.usd for line in lines)
    print(
        f"\n{total:,.2f} {prices.currency} a month, {total / fleet.devices:,.2f} for each of {fleet.devices:,} devices."
    )
    print(f"Once, when every device fetches the whole index: {sum(line.usd for line in once):,.2f} {prices.currency}.")
    print(f"Prices of {prices.date}, {prices.region}. {prices.note}")
    return 0


def _prices(file: Path) -> Prices:
    try:
        return Prices.from_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnavailableError(
            f"The price list {file} cannot be read ({error}): name another with --prices."
        ) from error


def _table(lines: Sequence[Line]) -> str:
    rows = [("a month", "how much", "of", "USD")]
    rows += [(line.what, f"{line.quantity:,.1f}", line.unit, f"{line.usd:,.2f}") for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}".rstrip() for a, b, c, d in rows
    )


def _json(fleet: Fleet, prices: Prices, lines: Sequence[Line], once: Sequence[Line]) -> str:
    said = {
        "prices": {"date": prices.date, "region": prices.region, "currency": prices.currency},
        "fleet": dataclasses.asdict(fleet),
        "monthly": [dataclasses.asdict(line) for line in lines],
        "once": [dataclasses.asdict(line) for line in once],
        "total_usd": round(sum(line.usd for line in lines), 2),
    }
    return json.dumps(said, indent=1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cloud_sync cost", description="What a fleet costs a month.")
    for field in dataclasses.fields(Fleet):
        is_needed = field.default is dataclasses.MISSING
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=int if field.type is int else float,
            required=is_needed,
            default=None if is_needed else field.default,
            metavar="N",
            help=_HELP[field.name] + ("" if is_needed else "; default: %(default)s"),
        )
    parser.add_argument("--prices", type=Path, default=PRICES, metavar="FILE", help="another price list")
    parser.add_argument("--json", action="store_true", help="for a program")
    return parser
