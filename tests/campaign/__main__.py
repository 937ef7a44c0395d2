"""``python -m tests.campaign``: every fault three times, a hundred signals under load; exit code 1 where any failed."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.campaign.device import device
from tests.campaign.faults import FAULTS
from tests.campaign.rounds import Outcome, suffer


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each fault comes (default: 3)")
    parser.add_argument("--only", default="", metavar="WORDS", help="the faults with these words in their names")
    arguments = parser.parse_args()
    chosen = [fault for fault in FAULTS if arguments.only in fault.name] * arguments.rounds
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, device(Path(folder)) as running:
        print(f"{'fault':<26} {'told after':>10} {'healed after':>12}  how it was told", flush=True)
        outcomes = []
        for outcome in suffer(running, chosen):
            outcomes.append(outcome)
            print(_line(outcome), flush=True)
    failed = [outcome for outcome in outcomes if outcome.problem]
    print(f"{len(outcomes)} faults in {(time.monotonic() - began) / 60:.1f} min, {len(failed)} not healed or not told.")
    return 1 if failed else 0


def _line(outcome: Outcome) -> str:
    if outcome.skipped:
        return f"{outcome.fault:<26} {'-':>10} {'-':>12}  left out: {outcome.skipped}"
    said = f"FAILED: {outcome.problem}" if outcome.problem else outcome.reason
    return f"{outcome.fault:<26} {outcome.told_s:8.1f} s {outcome.healed_s:10.1f} s  {said[:140]}"


if __name__ == "__main__":
    sys.exit(main())
