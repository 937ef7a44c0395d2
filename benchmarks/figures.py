"""Repeats, percentiles and tables."""

import time
from collections.abc import Callable, Sequence

import numpy as np


def durations_ms(call: Callable[[], object], repeats: int, warm_up: int = 5) -> list[float]:
    """How long each of ``repeats`` calls took, milliseconds, after ``warm_up`` calls that are not counted."""
    for _ in range(warm_up):
        call()
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - began))
    return found


def p50_p95(values: Sequence[float]) -> dict[str, float]:
    """The median and the 95th percentile, rounded to the microsecond."""
    return {"p50_ms": round(float(np.percentile(values, 50)), 3), "p95_ms": round(float(np.percentile(values, 95)), 3)}


def print_table(title: str, rows: dict[str, dict[str, float]]) -> None:
    """One line per row, one column per figure."""
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    width = max(len(name) for name in rows)
    print(f"\n{title}\n{'':<{width}}  " + "  ".join(f"{name:>12}" for name in columns))
    for name, row in rows.items():
        print(f"{name:<{width}}  " + "  ".join(f"{row.get(column, ''):>12}" for column in columns))
