"""A fleet's status for people and for programs."""

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence

from cloud_sync.fleet.device import Device

SILENT_AFTER_S = 2 * 86_400
"""Devices report once a day though nothing changes."""
_WELL = ("off", "idle", "checking", "planning", "fetching", "staging", "probing", "trial")
_HEAD = ("group", "thing", "active", "staged", "state", "asks for", "heard", "waiting", "why")


def problem_of(device: Device, now_s: float) -> str:
    """What an operator has to look at, in a few words; "" where all is well."""
    if device.heard_s is None:
        return "it never reported"
    if device.silent_s(now_s) > SILENT_AFTER_S:
        return "it reports no more"
    if device.state not in _WELL:
        return device.reason or f"its state is {device.state or 'not known'}"
    return str(device.outbox.get("problem", ""))


def table(devices: Sequence[Device], now_s: float) -> str:
    """A line per device, those with a problem first in each group; below, what each group runs."""
    lines = sorted(devices, key=lambda one: (one.group, not problem_of(one, now_s), one.thing))
    rows = [_HEAD, *(_row(device, now_s) for device in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join([text, "", *summary(devices, now_s)])


def summary(devices: Sequence[Device], now_s: float) -> list[str]:
    """A sentence per group: how many devices, which versions, how many with a problem."""
    said = []
    for group in sorted({device.group for device in devices}):
        members = [device for device in devices if device.group == group]
        runs = Counter(device.active for device in members)
        versions = ", ".join(f"{_version(seq)}: {count}" for seq, count in sorted(runs.items(), key=_by_version))
        problems = sum(bool(problem_of(device, now_s)) for device in members)
        said.append(f"{group}: {len(members)} device{'s' * (len(members) != 1)}; {versions}; {problems} with a problem")
    return said


def as_json(devices: Sequence[Device], now_s: float) -> str:
    """All that is known, for a program."""
    said = [{**dataclasses.asdict(device), "problem": problem_of(device, now_s)} for device in devices]
    return json.dumps({"at": int(now_s), "devices": said}, indent=1)


def _row(device: Device, now_s: float) -> tuple[str, ...]:
    state = f"fetching {device.progress} %" if device.state == "fetching" else device.state or "-"
    ago = "never" if device.heard_s is None else f"{_ago(device.silent_s(now_s))} ago"
    return (
        device.group,
        device.thing,
        _version(device.active),
        _version(device.staged),
        state,
        device.desired or "-",
        ago,
        _waiting(device),
        problem_of(device, now_s) or device.reason,
    )


def _waiting(device: Device) -> str:
    lost = device.outbox.get("lost", 0)
    return str(device.outbox.get("depth", "-")) + (f", {lost} lost" if lost else "")


def _version(seq: int | None) -> str:
    return "-" if seq is None else str(seq)


def _by_version(item: tuple[int | None, int]) -> int:
    return -1 if item[0] is None else -item[0]


def _ago(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
