"""Counts what the device finds."""

import threading
from dataclasses import dataclass, replace

from components.core.messages import Details, SearchResult, Status

NAME = "cloud_sync"
_NO_ITEM = ("poor_picture", "nothing_there")
"""Why there is no match where nothing was to be recognized."""


@dataclass(frozen=True)
class Counts:
    """What was found since the start."""

    results: int = 0
    matches: int = 0
    ambiguous: int = 0
    """One of several items: more than nothing, but no match."""
    no_match: int = 0
    """Items that were not recognized; poor pictures and those that show no item count among the results alone."""
    unreadable: int = 0
    """Messages that this version does not understand."""
    understands: bool = True
    """Whether the newest message was readable."""


class Counter:
    """Counts results; may be used from several threads."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._lock = threading.Lock()

    def add(self, result: SearchResult) -> None:
        """Count one result."""
        is_missed = result.decision == "no_match" and result.cause not in _NO_ITEM
        with self._lock:
            c = self._counts
            self._counts = replace(
                c,
                results=c.results + 1,
                matches=c.matches + (result.decision == "match"),
                ambiguous=c.ambiguous + (result.decision == "ambiguous"),
                no_match=c.no_match + is_missed,
                understands=True,
            )

    def add_unreadable(self) -> None:
        """Count one message that could not be read."""
        with self._lock:
            self._counts = replace(self._counts, unreadable=self._counts.unreadable + 1, understands=False)

    @property
    def counts(self) -> Counts:
        """What was counted until now."""
        with self._lock:
            return self._counts


def status_of(counts: Counts, more: Details | None = None, problem: str = "") -> Status:
    """The counts as the status that is told to everybody; degraded while messages cannot be understood.

    ``more`` details are told with them, and a ``problem`` of another kind.
    """
    reason = problem
    if not counts.understands:
        reason = f"{counts.unreadable} results could not be read: deploy the same version of all components."
    found = {name: getattr(counts, name) for name in ("results", "matches", "ambiguous", "no_match")}
    return Status.of(NAME, reason, details={**found, **(more or {})})
