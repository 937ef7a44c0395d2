"""Whether the devices of one group have proved a version, and the deployment that gives it to the next group."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloud_sync.fleet.device import Device
from components.core.errors import ConfigurationError

COMPONENT = "com.lookalike.CloudSync"
DEFAULT_CHANNEL = "stable"
_BAD = ("rolled_back", "refused")
_MOST_NAMED = 5
_CARRIED = ("deploymentName", "components", "deploymentPolicies", "iotJobConfiguration")
"""What of a deployment the one after it takes over."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What a version must have shown in the first group."""

    share: float = 0.9
    """So many of its devices must run it, and have it proved: it is not on trial any more ..."""
    hours: float = 24.0
    """... and have done so for this long."""
    silent_hours: float = 48.0
    """Whoever did not report for so long does not count as running anything."""


def objections(version: int, devices: Sequence[Device], bar: Bar, now_s: float) -> list[str]:
    """Why ``version`` is not to be given to others, one sentence each; empty where nothing speaks against it."""
    if not devices:
        return ["The group has no devices, so nothing was proved."]
    bad = [one for one in devices if one.state in _BAD and one.active != version]
    stale = [one for one in devices if one.state == "stale"]
    running = [one for one in devices if _runs(one, version) and one.silent_s(now_s) <= bar.silent_hours * 3_600]
    proved = [one for one in running if one.state != "trial" and _hours(one, now_s) >= bar.hours]
    said = []
    if bad:
        said.append(f"{len(bad)} went back or refused a version: {_named(bad)}.")
    if stale:
        said.append(f"{len(stale)} see signed metadata that has expired: {_named(stale)}. Sign the timestamp anew.")
    if len(proved) < bar.share * len(devices):
        waiting = [one for one in running if one not in proved]
        others = [one for one in devices if one not in running]
        said.append(
            f"{len(proved)} of {len(devices)} devices have run {version} well for {bar.hours:g} h, "
            f"{bar.share:.0%} are needed."
            + (f" Not yet: {_named(waiting)}." if waiting else "")
            + (f" Without it, or silent: {_named(others)}." if others else "")
        )
    return said


def next_deployment(current: Mapping[str, Any] | None, version: int, channels: Sequence[str]) -> dict[str, Any]:
    """A group's deployment with ``version`` as its index and everything else as in ``current``.

    ``channels`` are those in which the version was proved. Raises ConfigurationError where there is no deployment to
    go on from, or where it takes its index from another channel.
    """
    component = (current or {}).get("components", {}).get(COMPONENT)
    if current is None or component is None:
        raise ConfigurationError(f"The group has no deployment with {COMPONENT}: deploy the components to it first.")
    update = component.get("configurationUpdate", {})
    settings = _settings(update.get("merge", "{}"))
    channel = settings.setdefault("index", {}).get("channel", DEFAULT_CHANNEL)
    if others := sorted(set(channels) - {channel}):
        raise ConfigurationError(
            f"The group takes its index from the channel {channel!r}, but version {version} was proved in "
            f"{', '.join(map(repr, others))}: the same number is another index there."
        )
    settings["index"]["version"] = str(version)
    changed = {**component, "configurationUpdate": {**update, "merge": json.dumps(settings)}}
    carried = {name: current[name] for name in _CARRIED if name in current}
    return {
        "targetArn": current["targetArn"],
        **carried,
        "components": {**current["components"], COMPONENT: changed},
    }


def version_of(deployment: Mapping[str, Any]) -> str:
    """The version of the index that ``deployment`` asks for."""
    update = deployment["components"][COMPONENT].get("configurationUpdate", {})
    return str(_settings(update.get("merge", "{}")).get("index", {}).get("version", "latest"))


def _settings(merge: str) -> dict[str, Any]:
    try:
        settings = json.loads(merge or "{}")
        if not isinstance(settings, dict) or not isinstance(settings.get("index", {}), dict):
            raise ValueError("it is no map of settings")
        return settings
    except ValueError as error:
        raise ConfigurationError(
            f"The group's deployment merges something into {COMPONENT} that cannot be read ({error}): {merge[:100]}"
        ) from error


def _runs(device: Device, version: int) -> bool:
    return device.active == version and device.state not in ("", *_BAD)


def _hours(device: Device, now_s: float) -> float:
    # A device that does not know when has run it since its last report at least.
    since_s = device.heard_s if device.since_s is None else device.since_s
    return 0.0 if since_s is None else (now_s - since_s) / 3_600


def _named(devices: Sequence[Device]) -> str:
    names = [f"{one.thing} ({one.reason})" if one.reason else one.thing for one in devices[:_MOST_NAMED]]
    more = len(devices) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
