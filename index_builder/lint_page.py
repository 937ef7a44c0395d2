"""The page of lint: findings with their pictures side by side."""

from collections.abc import Iterator

from components.store import Store
from components.thumbnails import read_thumbnail
from index_builder.lint import LintReport
from index_builder.lint_rules import KINDS, Finding
from index_builder.page import Html, box, chips, page, picture, section, text, tile

MOST_CARDS, MOST_PICTURES, MOST_CHIPS = 60, 6, 200
_BY_NAME = ("single_view", "no_picture")
"""There is nothing to compare: the ids say it all."""


def lint_page(name: str, report: LintReport, store: Store) -> str:
    """The document; the thumbnails are taken from ``store``."""
    subtitle = f"{report.items:,} items, {report.pictures:,} pictures"
    counted = [tile(f"{count:,}", _named(kind)) for kind, count in report.counts.items()]
    parts = [box("tiles", counted or [tile("0", "findings", "nothing stands out")])]
    parts += [_section(kind, report, store) for kind in report.counts]
    return page(f"Catalog check: {name}", subtitle, parts)


def _named(kind: str) -> str:
    return kind.replace("_", " ")


def _section(kind: str, report: LintReport, store: Store) -> Html:
    findings = [finding for finding in report.findings if finding.kind == kind]
    heading = Html(f"<b>{len(findings):,}</b>{text(_named(kind))}")
    says = KINDS[kind][0].upper() + KINDS[kind][1:] + "."
    if kind in _BY_NAME:
        return section(heading, says, chips([finding.item_ids[0] for finding in findings], MOST_CHIPS))
    if len(findings) > MOST_CARDS:
        says += f" The first {MOST_CARDS} are shown; --json lists all."
    cards = (box("card", _card(finding, report, store)) for finding in findings[:MOST_CARDS])
    return section(heading, says, box("cards", cards))


def _card(finding: Finding, report: LintReport, store: Store) -> Iterator[Html]:
    ids = finding.item_ids if len(finding.item_ids) == len(finding.pictures) else finding.item_ids * MOST_PICTURES
    figures = [
        picture(read_thumbnail(store, digest) if (digest := report.thumbnails.get(location)) else None, item_id)
        for item_id, location in list(zip(ids, finding.pictures, strict=False))[:MOST_PICTURES]
    ]
    yield box("side", figures) if figures else chips(finding.item_ids, MOST_PICTURES)
    left = len(finding.item_ids) - MOST_PICTURES
    says = [finding.says] * bool(finding.says) + [f"and {left} more items"] * (left > 0)
    if says:
        yield Html(f"<p>{text(', '.join(says))}</p>")
