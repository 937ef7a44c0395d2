"""The updates of the index: what is active and what was before, what became of the last one."""

from collections.abc import Mapping
from typing import Any

from components.doctor.finding import FAULT, OK, SKIPPED, WARN, Device, Finding
from components.doctor.running import ask_dashboard
from components.index_state import STATE_FILES, IndexState, read_state

_REMEDIES = {
    "failed": "it is tried again; see cloud sync's log",
    "stale": "have the publisher run `python -m index_builder sign --timestamp`, and look at this device's clock",
    "refused": "publish another generation, or name this one as index.version to have it tried again",
    "rolled_back": "publish another generation; see the searcher's log",
}


def check_updates(device: Device) -> Finding:
    """What the state file says, and what cloud sync says where the dashboard runs."""
    state = read_state(device.index_dir)
    if state is None:
        if any((device.index_dir / name).exists() for name in STATE_FILES):
            said = f"the state of the index in {device.index_dir} is damaged or not readable"
            return Finding("updates", FAULT, said, "run the doctor as the components' user; cloud sync makes it anew")
        return Finding("updates", SKIPPED, f"no update has been in {device.index_dir} yet")
    said, details = _generations(state), _details(ask_dashboard(device, "api/v1/status"))
    at, progress = str(details.get("index_state", "")), details.get("index_progress")
    if at:
        said += f"; {at.replace('_', ' ')}" + (f", {progress} %" if progress else "")
    reason = str(details.get("index_reason", ""))
    if not reason and not at and state.refused:
        seq, refusal = list(state.refused.items())[-1]
        reason = f"generation {seq} was refused: {refusal.reason}"
    if reason:
        return Finding("updates", WARN, f"{said}: {reason}", _REMEDIES.get(at, "see cloud sync's log"))
    return Finding("updates", OK, said)


def _generations(state: IndexState) -> str:
    active = "no generation" if state.active is None else f"generation {state.active}"
    said = f"{active} is active" + (", on trial" if state.trial else "")
    said += "" if state.previous is None else f", {state.previous} was before"
    return said + ("" if state.staged is None else f", {state.staged} is staged")


def _details(status: Any) -> Mapping[str, Any]:
    """What cloud sync says, as the dashboard passes it on; empty where none of both runs."""
    try:
        (found,) = (one["details"] for one in status["components"] if one["component"] == "cloud_sync")
        return dict(found)
    except (TypeError, KeyError, ValueError):
        return {}
