"""Counts what the device finds."""

import threading
from dataclasses import dataclass

from components.core.messages import Details, SearchResult, Status

NAME = "cloud_sync"


@dataclass(frozen=True)
class Counts:
    """What was found since the start."""

    results: int = 0
    matches: int = 0
    no_match: int = 0
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
        matched = result.decision == "match"
        with self._lock:
            c = self._counts
            self._counts = Counts(c.results + 1, c.matches + matched, c.no_match + (not matched), c.unreadable)

    def add_unreadable(self) -> None:
        """Count one message that could not be read."""
        with self._lock:
            c = self._counts
            self._counts = Counts(c.results, c.matches, c.no_match, c.unreadable + 1, False)

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
    details = {"results": counts.results, "matches": counts.matches, "no_match": counts.no_match, **(more or {})}
    return Status.of(NAME, reason, details=details)
