"""A thousand devices that ask a real HTTP server for a newer index: no moment in which many of them come at once."""

from collections import Counter
from collections.abc import Callable, Iterator

from benchmarks.stampede import BACK, END, INTERVAL_S, OUTAGE, PUBLISHED, FixedInterval, peak_to_mean, run
from cloud_sync.schedule import Schedule
from tests.campaign.updates import Row

PHASES = {"start together": (0, PUBLISHED), "server in trouble": (OUTAGE, BACK), "server is back": (BACK, END)}
MOMENTS = 20
"""Of an interval."""
CROWD = 0.2
"""So large a share of all devices in one moment is a stampede."""


def crowds(asked: list[float], begin: float, end: float, devices: int) -> int:
    """In how many moments from ``begin`` to ``end``, in intervals, too many asked."""
    moments = Counter(int(one * MOMENTS) for one in asked if begin <= one < end)
    return sum(count > CROWD * devices for count in moments.values())


def stampede(devices: int) -> Iterator[Row]:
    """The product's schedule, and in its place a fixed interval."""
    ours, _ = run([Schedule(INTERVAL_S) for _ in range(devices)], INTERVAL_S)
    fixed, _ = run([FixedInterval(INTERVAL_S) for _ in range(devices)], INTERVAL_S)
    for phase, (begin, end) in PHASES.items():
        figures, others = peak_to_mean(ours, begin, end), peak_to_mean(fixed, begin, end)
        said = f"busiest moment to mean: {figures['peak/mean']:g}, at a fixed interval {others['peak/mean']:g}"
        bad, caught = crowds(ours, begin, end, devices), crowds(fixed, begin, end, devices)
        yield Row(f"{devices:,} devices: {phase}", int(figures["requests"]), bad, "fixed interval", caught, said)


PARTS: dict[str, tuple[Callable[[int], Iterator[Row]], int, str]] = {
    "stampede": (stampede, 1_000, "how many devices ask for a newer index"),
}
"""As updates.PARTS."""
