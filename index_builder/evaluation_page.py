"""The page of an evaluation: figures, plots, and what is confused with what, side by side."""

from collections.abc import Iterator
from math import floor
from pathlib import Path

from components.core.errors import LookalikeError
from components.core.items import DEFAULT_LANGUAGE
from components.featurizer.frame import Image
from components.thumbnails import read_thumbnail
from index_builder.answers import Answer, Run, read_photo
from index_builder.charts import Line, bar, histogram, interval_chart, line_chart, reliability_chart
from index_builder.comparison import Comparison, Difference
from index_builder.evaluate import WRONG_ANSWERS, Calibration, Confusion, Evaluation, OpenSet
from index_builder.page import Html, box, page, picture, section, table, text, tile

MOST_CONFUSIONS, MOST_UNREADABLE, MOST_CATEGORIES = 24, 50, 60
_DECISIONS = {"match": "match", "ambiguous": "one of several", "no_match": "no match"}


def evaluation_page(run: Run, figures: Evaluation, comparison: Comparison | None) -> str:
    """The document."""
    manifest = run.snapshot.manifest
    subtitle = (
        f"Generation {manifest.seq}: {manifest.items:,} items, {manifest.views:,} views, model {manifest.model.name}. "
        f"{_counted(figures.photos, 'photo')} of its items, {_counted(figures.unknown_photos, 'photo')} of others."
    )
    parts = [box("tiles", _tiles(figures))]
    if comparison is not None:
        parts.append(_comparison(comparison))
    parts.append(_decisions(figures))
    if figures.open_set is not None:
        parts.append(_open_set(figures.open_set, run.answers, comparison))
    parts.append(_calibration(figures.calibration))
    if set(figures.categories) - {""}:
        parts.append(_categories(figures))
    if figures.confusions:
        parts.append(_confusions(figures, run))
    if run.unreadable:
        rows = [(one.photo, one.reason) for one in run.unreadable[:MOST_UNREADABLE]]
        parts.append(section("Photos that could not be used", "", table(("photo", "reason"), rows)))
    return page(f"How good is {manifest.name}?", subtitle, parts)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _tiles(figures: Evaluation) -> Iterator[Html]:
    if figures.hit_rate_at_1 is not None and figures.hit_rate_at_1_interval is not None:
        low, high = figures.hit_rate_at_1_interval
        yield tile(_percent(figures.hit_rate_at_1), "right item first", f"95 % interval {low:.0%} to {high:.0%}")
        yield tile(_percent(figures.hit_rate_at_5), "among the first five", "hit rate@5")
        yield tile(f"{figures.mrr:.2f}", "mean reciprocal rank", "1 is best")
    if figures.open_set is not None:
        opened = figures.open_set
        yield tile(f"{opened.auroc:.2f}", "AUROC", "known against unknown; 0.5 is chance")
        right = _percent(opened.answered_right_at_5_percent_wrong)
        yield tile(right, "answered rightly", "while 5 % of the unknown are answered")
    if figures.expected_calibration_error is not None:
        yield tile(f"{figures.expected_calibration_error:.3f}", "calibration error", "0 is best")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _comparison(comparison: Comparison) -> Html:
    named = {
        "hit rate@1": comparison.hit_rate_at_1,
        "hit rate@5": comparison.hit_rate_at_5,
        "MRR": comparison.mrr,
    }
    first = comparison.hit_rate_at_1
    verdict = "better" if first.low > 0 else "worse" if first.high < 0 else "neither clearly better nor worse"
    says = (
        f"On the {comparison.photos:,} photos whose item both hold, this generation is {verdict} at finding the right "
        f"item first. Only this one is right on {comparison.only_this_right}, only the other one on "
        f"{comparison.only_other_right}; by chance alone as much would differ with a probability of "
        f"{_chance(comparison.p_value)} (McNemar). The lines are 95 % intervals."
    )
    rows = [(name, f"{one.this:.3f}", f"{one.other:.3f}", f"{one.difference:+.3f}") for name, one in named.items()]
    heading = f"Against {comparison.other.name}, generation {comparison.other.generation}"
    shown = table(("", "this", "other", "difference"), rows, frozenset({1, 2, 3}))
    chart = interval_chart([(name, *_interval(one)) for name, one in named.items()], "differences with 95 % intervals")
    return section(heading, says, box("two", [chart, shown]))


def _interval(one: Difference) -> tuple[float, float, float]:
    return one.difference, one.low, one.high


def _chance(p_value: float) -> str:
    return "less than 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _decisions(figures: Evaluation) -> Html:
    rows = []
    for kind, decided in figures.decisions.items():
        rows.append((_DECISIONS[kind], *(_bar(share) for share in (decided.known, decided.right, decided.unknown))))
    says = (
        "What the kiosk would say. A match is right when the item is the first one, an answer with several when it is "
        "one of them. For anything that is not in the catalog, no match is the right answer."
    )
    header = ("decision", "of the known photos", "of these right", "of the unknown photos")
    return section("Decisions", says, table(header, rows))


def _bar(share: float | None) -> Html:
    return text("–") if share is None else bar(share)


def _open_set(opened: OpenSet, answers: list[Answer], comparison: Comparison | None) -> Html:
    lines = [Line("this generation", "accent", _curve(opened), steps=True)]
    if comparison is not None and comparison.other.open_set is not None:
        other = comparison.other
        lines.append(Line(f"generation {other.generation}", "other", _curve(comparison.other.open_set), steps=True))
    right = opened.answered_right_at_5_percent_wrong
    curve = line_chart(
        lines,
        "unknown things that are answered all the same",
        "known ones answered rightly",
        f"open-set curve; {right:.0%} of the known are answered rightly at 5 % wrong answers",
        [(WRONG_ANSWERS, right, f"{right:.0%} at 5 %")],
    )
    says = f"Answering only from a {opened.by} on: the higher it is, the less is said, right and wrong."
    return section("Known or unknown", says, box("two", [curve, _spread(opened.by, answers)]))


def _curve(opened: OpenSet) -> list[tuple[float, float]]:
    return [(0.0, 0.0), *((point.wrong, point.right) for point in opened.curve)]


def _spread(by: str, answers: list[Answer]) -> Html:
    groups: dict[str, list[float]] = {"known, right": [], "known, wrong": [], "unknown": []}
    for answer in answers:
        value = answer.probability if by == "probability" and answer.probability is not None else answer.score
        groups["unknown" if not answer.known else "known, right" if answer.rank == 1 else "known, wrong"].append(value)
    low = 0.0 if by == "probability" else floor(10 * min(map(min, filter(None, groups.values())))) / 10
    colors = ("accent", "quiet", "other")
    known = sum(answer.known for answer in answers)
    spread = [
        (name, color, values, known if name.startswith("known") else len(values))
        for (name, values), color in zip(groups.items(), colors, strict=True)
        if values
    ]
    return histogram(spread, low, 1.0, f"{by} of the best match", f"how the {by} is spread")


def _calibration(calibration: Calibration | None) -> Html:
    if calibration is None:
        says = "This generation states no probabilities: it was not calibrated."
        return section("Stated probability", says)
    chart = reliability_chart(
        [(one.stated, one.right, one.count) for one in calibration.bins],
        "stated probability of the best match",
        "share that was right",
        f"reliability diagram; expected calibration error {calibration.expected_calibration_error:.3f}",
    )
    rows = [(f"{one.stated:.0%}", f"{one.right:.0%}", one.count) for one in calibration.bins]
    says = (
        "Of all photos, known and unknown. On the dashed line, what is stated is what comes true; the expected "
        f"calibration error is {calibration.expected_calibration_error:.3f}."
    )
    shown = table(("stated", "right", "photos"), rows, frozenset({0, 1, 2}))
    return section("Stated probability", says, box("two", [chart, shown]))


def _categories(figures: Evaluation) -> Html:
    rows = [
        (name or "(none)", one.photos, bar(one.hit_rate_at_1), bar(one.hit_rate_at_5))
        for name, one in list(figures.categories.items())[:MOST_CATEGORIES]
    ]
    left = len(figures.categories) - len(rows)
    says = f"The {len(rows)} with the most photos; --json lists {left} more." if left else ""
    return section("Categories", says, table(("category", "photos", "right item first", "among the first five"), rows))


def _confusions(figures: Evaluation, run: Run) -> Html:
    shown = figures.confusions[:MOST_CONFUSIONS]
    cards = (box("card", _confusion(one, run)) for one in shown)
    says = "A photo, the item that it shows, and the one that was found instead; the most frequent ones first."
    return section("Worst confusions", says, box("cards wide", cards))


def _confusion(one: Confusion, run: Run) -> Iterator[Html]:
    yield box(
        "side",
        [
            picture(_photo(one.example), Path(one.example).name, "photo"),
            picture(_of_item(one.item_id, run), _title(one.item_id, run), "is right"),
            picture(_of_item(one.taken_for, run), _title(one.taken_for, run), "was found"),
        ],
    )
    yield Html(f"<p>{_counted(one.photos, 'photo')}</p>")


def _photo(path: str) -> Image | None:
    try:
        return read_photo(Path(path))
    except LookalikeError:  # it was there when it was asked for; the page does without it
        return None


def _title(item_id: str, run: Run) -> str:
    item = run.catalog.get(item_id)
    return item_id if item is None else item.title.get(DEFAULT_LANGUAGE, item_id)


def _of_item(item_id: str, run: Run) -> Image | None:
    item = run.catalog.get(item_id)
    return read_thumbnail(run.store, item.thumbnail) if item is not None and item.thumbnail else None
