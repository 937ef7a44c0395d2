"""Small charts as SVG in a page: no script, in the page's own colors, light and dark."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from index_builder.page import Html

WIDTH, HEIGHT = 480, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 22, 14, 46
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Line:
    """Points of 0 to 1 that are joined."""

    name: str
    color: str
    """One of the page's: accent, other, quiet."""
    points: Sequence[tuple[float, float]]
    steps: bool = False


def line_chart(
    lines: Sequence[Line], across: str, up: str, label: str, marks: Sequence[tuple[float, float, str]] = ()
) -> Html:
    """Shares over shares; ``marks`` are points with a word beside them, ``label`` says it to who cannot see it."""
    body = [_axes(across, up)]
    for line in lines:
        body.append(
            f'<path d="{_path(line)}" fill="none" stroke="var(--{line.color})" stroke-width="2.5" '
            'stroke-linejoin="round"/>'
        )
    for x, y, word in marks:
        side, offset = ("end", -10) if x > 0.6 else ("start", 10)
        body.append(f'<circle cx="{_x(x)}" cy="{_y(y)}" r="4.5" fill="var(--accent)"/>')
        body.append(
            f'<text x="{_x(x) + offset}" y="{_y(y) + 16}" text-anchor="{side}" class="strong">{escape(word)}</text>'
        )
    return _svg([*body, _legend(lines)], label)


def reliability_chart(bins: Iterable[tuple[float, float, int]], across: str, up: str, label: str) -> Html:
    """A dot per bin (stated, right, count), as large as its count, against the diagonal where they are equal."""
    several = list(bins)
    most = max((count for _, _, count in several), default=1)
    body = [_axes(across, up)]
    body.append(
        f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="var(--quiet)" stroke-width="2" stroke-dasharray="5 5"/>'
    )
    for stated, right, count in several:
        body.append(
            f'<path d="M{_x(stated)} {_y(stated)}V{_y(right)}" stroke="var(--other)" stroke-width="2"/>'
            f'<circle cx="{_x(stated)}" cy="{_y(right)}" r="{4 + 9 * (count / most) ** 0.5:.1f}" fill="var(--accent)" '
            f'fill-opacity="0.85"><title>{stated:.0%} stated, {right:.0%} right, {count} photos</title></circle>'
        )
    return _svg(body, label)


def interval_chart(rows: Sequence[tuple[str, float, float, float]], label: str) -> Html:
    """Differences (name, value, low, high) with their intervals about a line at zero."""
    reach = max(0.02, *(max(abs(low), abs(high)) for _, _, low, high in rows)) * 1.15
    height = 46 * len(rows) + 34

    def x(value: float) -> float:
        return round(150 + (value + reach) / (2 * reach) * (WIDTH - 170), 1)

    body = [f'<path d="M{x(0)} 6V{height - 26}" stroke="var(--quiet)" stroke-width="1.5" stroke-dasharray="4 4"/>']
    for place, (name, value, low, high) in enumerate(rows):
        y = 28 + 46 * place
        color = "accent" if low > 0 else "other" if high < 0 else "soft"
        body.append(f'<text x="0" y="{y + 4}" class="strong">{escape(name)}</text>')
        body.append(
            f'<path d="M{x(low)} {y}H{x(high)}" stroke="var(--{color})" stroke-width="3" stroke-linecap="round"/>'
        )
        body.append(f'<circle cx="{x(value)}" cy="{y}" r="6" fill="var(--{color})"/>')
        body.append(f'<text x="{x(value)}" y="{y - 11}" text-anchor="middle">{value:+.3f}</text>')
    for value in (-reach / 1.15, 0.0, reach / 1.15):
        body.append(f'<text x="{x(value)}" y="{height - 8}" text-anchor="middle">{value:+.2f}</text>')
    return _svg(body, label, height)


def histogram(
    groups: Sequence[tuple[str, str, Sequence[float], int]], low: float, high: float, across: str, label: str
) -> Html:
    """How the values of some groups (name, color, values, of how many) are spread: as shares of these, in 25 bins."""
    bins = 25
    shares = []
    for name, color, values, whole in groups:
        counts = [0] * bins
        for value in values:
            counts[min(bins - 1, max(0, int((value - low) / (high - low) * bins)))] += 1
        shares.append((name, color, [count / max(1, whole) for count in counts]))
    highest = max(max(several) for _, _, several in shares) or 1.0
    lines = []
    for name, color, several in shares:
        points = [(0.0, 0.0)] + [((n + 0.5) / bins, share / highest) for n, share in enumerate(several)] + [(1.0, 0.0)]
        lines.append(Line(name, color, points))
    ticks = [f"{low + (high - low) * quarter:.2f}" for quarter in _QUARTERS]
    body = [_axes(across, "share of the photos", ticks, [])]
    for line in lines:
        body.append(f'<path d="{_path(line)}Z" fill="var(--{line.color})" fill-opacity="0.18"/>')
        body.append(f'<path d="{_path(line)}" fill="none" stroke="var(--{line.color})" stroke-width="2"/>')
    return _svg([*body, _legend(lines)], label)


def bar(share: float, color: str = "accent") -> Html:
    """A share as a bar with its figure, for the cell of a table."""
    return Html(
        f'<span class="bar"><i style="width:{100 * share:.1f}%;background:var(--{color})"></i></span> {share:.0%}'
    )


def _svg(body: Iterable[str], label: str, height: int = HEIGHT) -> Html:
    return Html(f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">{"".join(body)}</svg>')


def _axes(across: str, up: str, below: Sequence[str] | None = None, beside: Sequence[str] | None = None) -> str:
    percents = [f"{quarter:.0%}" for quarter in _QUARTERS]
    below, beside = percents if below is None else below, percents if beside is None else beside
    parts = []
    for quarter in _QUARTERS:
        parts.append(f'<path d="M{_x(0)} {_y(quarter)}H{_x(1)}M{_x(quarter)} {_y(0)}V{_y(1)}" stroke="var(--line)"/>')
    for quarter, word in zip(_QUARTERS, below, strict=False):
        parts.append(f'<text x="{_x(quarter)}" y="{_y(0) + 17}" text-anchor="middle">{word}</text>')
    for quarter, word in zip(_QUARTERS, beside, strict=False):
        parts.append(f'<text x="{_x(0) - 7}" y="{_y(quarter) + 4}" text-anchor="end">{word}</text>')
    middle = (_TOP + HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>'
    )
    parts.append(f'<text transform="translate(15 {middle}) rotate(-90)" text-anchor="middle">{escape(up)}</text>')
    return "".join(parts)


def _legend(lines: Sequence[Line]) -> str:
    parts = []
    for place, line in enumerate(lines if len(lines) > 1 else ()):
        y = _TOP + 14 + 18 * place
        parts.append(f'<path d="M{_x(1) - 22} {y}h16" stroke="var(--{line.color})" stroke-width="3"/>')
        parts.append(f'<text x="{_x(1) - 28}" y="{y + 4}" text-anchor="end">{escape(line.name)}</text>')
    return "".join(parts)


def _path(line: Line) -> str:
    parts, before = [], 0.0
    for number, (x, y) in enumerate(line.points):
        if line.steps and number:
            parts.append(f"L{_x(x)} {_y(before)}")
        parts.append(f"{'L' if number else 'M'}{_x(x)} {_y(y)}")
        before = y
    return "".join(parts)


def _x(share: float) -> float:
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _y(share: float) -> float:
    return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)
