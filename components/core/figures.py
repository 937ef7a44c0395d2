"""How what was measured is shown: percentiles and shares, rounded."""

from collections.abc import Sequence


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The nearest-rank percentile of ``values`` in any order, rounded to 0.01; None of no values."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, -(-len(ordered) * percent // 100) - 1)], 2)


def share(part: int, whole: int) -> float | None:
    """``part`` of ``whole``, rounded to 0.0001; None of nothing."""
    return round(part / whole, 4) if whole else None
