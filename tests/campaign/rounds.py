"""One fault after the other, each watched from its beginning to the end of what it did."""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.campaign.device import Device, Failure, wait_for
from tests.campaign.faults import Fault


@dataclass(frozen=True)
class Outcome:
    """What came of one fault."""

    fault: str
    told_s: float = 0.0
    """From the fault until it was told."""
    healed_s: float = 0.0
    """From the fault's end until all was well."""
    reason: str = ""
    problem: str = ""
    """What the product owed and did not keep; "" where it kept all."""
    skipped: str = ""
    """Why there was no such fault here."""


def suffer(device: Device, faults: Iterable[Fault]) -> Iterator[Outcome]:
    """The outcome of each of ``faults``, on a device that must stay the same process by process."""
    for fault in faults:
        why_not = fault.why_not()
        yield Outcome(fault.name, skipped=why_not) if why_not else _outcome(device, fault)


def _outcome(device: Device, fault: Fault) -> Outcome:
    began = time.monotonic()
    told_s = 0.0
    try:
        try:
            before = device.starts()
            fault.begin(device)
            if fault.restarts:
                before = wait_for(lambda: _all_run(device), "every component runs again")
            reason = wait_for(lambda: _told(device, fault, began), lambda: f"it is told; {device.complaints()}")
            told_s = time.monotonic() - began
        finally:
            fault.end(device)
        lifted = time.monotonic()
        device.wait_until_well()
        if device.starts() != before:
            raise Failure(f"a component ended: {before} became {device.starts()}")
    except Failure as failure:
        return Outcome(fault.name, told_s, problem=str(failure))
    return Outcome(fault.name, told_s, time.monotonic() - lifted, reason)


def _all_run(device: Device) -> dict[str, tuple[int | None, int]]:
    starts = device.starts()
    return starts if all(pid for pid, _ in starts.values()) else {}


def _told(device: Device, fault: Fault, since: float) -> str:
    for component, reason in device.told(since):
        if re.fullmatch(fault.component, component) and re.search(fault.reason, reason):
            return f"{component}: {reason}"
    return ""
