"""Whether the device recognizes items now, and if not, why."""

from dataclasses import dataclass
from typing import Any

from dashboard.catalogs import Catalogs
from dashboard.live import Live
from dashboard.preview import Preview

NEEDED = ("featurizer", "searcher")
AWAY_AFTER_NS = 15 * 1_000_000_000


@dataclass(frozen=True)
class Problem:
    """What keeps the device from recognizing: of which component, of what kind, in words."""

    component: str
    kind: str
    """away, starting, degraded or no_generation."""
    reason: str

    def view(self) -> dict[str, str]:
        """As JSON."""
        return {"component": self.component, "kind": self.kind, "reason": self.reason}


class Health:
    """Judges what the components say of themselves, and their silence."""

    def __init__(self, live: Live, catalogs: Catalogs, preview: Preview) -> None:
        self._live = live
        self._catalogs = catalogs
        self._preview = preview

    def problems(self) -> list[Problem]:
        """All that is wrong now; silence first, for it explains the rest."""
        statuses = self._live.statuses()
        found = [Problem(name, "away", f"The {name} has not been heard of lately.") for name in self._silent()]
        silent = {problem.component for problem in found}
        for name, seen in sorted(statuses.items()):
            if name not in silent and seen.status.state != "running":
                found.append(Problem(name, seen.status.state, seen.status.reason))
        if not self._catalogs.seqs():
            found.append(Problem("dashboard", "no_generation", "No index generation is loaded yet."))
        return found

    def not_ready(self) -> list[Problem]:
        """The problems that keep every result away."""
        return [problem for problem in self.problems() if problem.kind in ("away", "no_generation") or _starts(problem)]

    def _silent(self) -> list[str]:
        now = self._live.clock()
        newest = self._live.newest()
        if newest is not None and newest.age_ns(now) < AWAY_AFTER_NS:
            return []  # a result has just come through both of them
        statuses = self._live.statuses()
        return [name for name in NEEDED if name not in statuses or now - statuses[name].seen_ns > AWAY_AFTER_NS]

    def view(self) -> dict[str, Any]:
        """The whole state, for the status page and for the kiosk."""
        now = self._live.clock()
        newest = self._live.newest()
        return {
            "ready": not self.not_ready(),
            "problems": [problem.view() for problem in self.problems()],
            "generation": self._catalogs.current() or None,
            "preview_age_ms": self._preview.age_ms(),
            "result_age_ms": None if newest is None else round(newest.age_ns(now) / 1e6),
            "components": [
                {
                    "component": name,
                    "state": seen.status.state,
                    "reason": seen.status.reason,
                    "details": dict(seen.status.details),
                    "age_ms": round((now - seen.seen_ns) / 1e6),
                }
                for name, seen in sorted(self._live.statuses().items())
            ],
        }


def _starts(problem: Problem) -> bool:
    return problem.kind == "starting" and problem.component in NEEDED
