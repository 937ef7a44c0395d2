"""``python -m tests.campaign``: faults, signals, taught items, updates, outbox; exit code 1 where anything failed."""

import argparse
import logging
import signal
import sys
import tempfile
import time
from pathlib import Path

from components.core.errors import LookalikeError
from components.core.figures import percentile
from index_builder.demo_catalog import write_demo_catalog
from tests.campaign import increments, outbox, stampede, updates
from tests.campaign.device import ITEMS, Failure, device
from tests.campaign.faults import FAULTS
from tests.campaign.rounds import Outcome, suffer
from tests.campaign.signals import End, check_the_index, load, strike
from tests.campaign.taught import summary, survive
from tests.campaign.updates import HEAD, line

PARTS = {**updates.PARTS, **increments.PARTS, **outbox.PARTS, **stampede.PARTS}
TAUGHT_UPDATES, TAUGHT_KILLS = 20, 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each fault comes (default: 3)")
    parser.add_argument("--signals", type=int, default=100, metavar="N", help="how many signals (default: 100)")
    parser.add_argument("--only", default="", metavar="WORDS", help="the faults with these words in their names")
    parser.add_argument("--taught", type=int, default=500, metavar="N", help="how many items are taught (default: 500)")
    for name, (_, count, counted) in PARTS.items():
        parser.add_argument(f"--{name}", type=int, default=count, metavar="N", help=f"{counted} (default: {count})")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by the way on which the disk is unmounted
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalog = write_demo_catalog(folder / "catalog", items=ITEMS)
        try:
            failed = _faults(folder / "faults", catalog, arguments.rounds, arguments.only) if arguments.rounds else 0
            failed += _signals(folder / "signals", catalog, arguments.signals) if arguments.signals else 0
            if arguments.taught:
                _taught(folder / "taught", arguments.taught)
            failed += _updates({name: getattr(arguments, name.replace("-", "_")) for name in PARTS})
        except (Failure, LookalikeError) as failure:
            print(f"FAILED: {failure}", flush=True)
            return 1
    return 1 if failed else 0


def _faults(folder: Path, catalog: Path, rounds: int, only: str) -> int:
    folder.mkdir()
    began, outcomes = time.monotonic(), []
    with device(folder, catalog) as running:
        print(f"{'fault':<24} {'told after':>11} {'healed after':>13}  how it was told", flush=True)
        for outcome in suffer(running, [fault for fault in FAULTS if only in fault.name] * rounds):
            outcomes.append(outcome)
            print(_line(outcome), flush=True)
    failed = sum(bool(outcome.problem) for outcome in outcomes)
    minutes = (time.monotonic() - began) / 60
    print(f"{len(outcomes)} faults in {minutes:.1f} min; not told or not healed: {failed}.\n", flush=True)
    return failed


def _line(outcome: Outcome) -> str:
    if outcome.skipped:
        return f"{outcome.fault:<24} {'-':>11} {'-':>13}  left out: {outcome.skipped}"
    said = f"FAILED: {outcome.problem}" if outcome.problem else outcome.reason[:140]
    return f"{outcome.fault:<24} {outcome.told_s:9.1f} s {outcome.healed_s:11.1f} s  {said}"


def _signals(folder: Path, catalog: Path, count: int) -> int:
    folder.mkdir()
    ends = []
    with device(folder, catalog, busy=True) as running:
        with load(running, next((catalog.parent / "pictures").iterdir())):
            for end in strike(running, count):
                ends.append(end)
                if end.problem:
                    print(f"FAILED: {end.component}: {end.problem}", flush=True)
        running.nucleus.stop()
        check_the_index(running)
    _print_ends(ends)
    return sum(bool(end.problem) for end in ends)


def _taught(folder: Path, count: int) -> None:
    folder.mkdir()
    record = survive(folder, count, TAUGHT_UPDATES, TAUGHT_KILLS, lambda line: print(line, flush=True))
    print(f"{summary(record)}; {TAUGHT_UPDATES} index updates, {TAUGHT_KILLS} kills, nothing lost or torn.")


def _updates(counts: dict[str, int]) -> int:
    logging.getLogger().addHandler(logging.NullHandler())  # what the product warns of in here is what was done to it
    failed = 0
    for name, count in counts.items():
        if count:
            began = time.monotonic()
            print(f"\n{HEAD}", flush=True)
            for row in PARTS[name][0](count):
                failed += row.failed
                print(line(row), flush=True)
            print(f"{name}: {(time.monotonic() - began) / 60:.1f} min.", flush=True)
    return failed


def _print_ends(ends: list[End]) -> None:
    print(f"{'SIGTERM under load':<24} {'signals':>11} {'down: median':>13} {'p95':>8} {'longest':>8}")
    for name in sorted({end.component for end in ends}):
        took = [end.seconds for end in ends if end.component == name]
        median, p95 = percentile(took, 50), percentile(took, 95)
        print(f"{name:<24} {len(took):11} {median:11.2f} s {p95:6.2f} s {max(took):6.2f} s")
    print(f"{len(ends)} signals; not down in 3 s, torn or left behind: {sum(bool(end.problem) for end in ends)}.")


if __name__ == "__main__":
    sys.exit(main())
