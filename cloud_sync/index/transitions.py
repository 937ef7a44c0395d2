"""What becomes of an active generation: it is kept, or the one before is active again."""

import logging
from pathlib import Path

from cloud_sync.index.lock import locked
from components.core.errors import UnavailableError
from components.index_state import read_state, write_state
from components.store import Store

log = logging.getLogger(__name__)


def confirm(index_dir: Path, seq: int) -> None:
    """Generation ``seq`` has proved itself, if it still is the active one. Raises UnavailableError."""
    with locked(index_dir):
        state = read_state(index_dir)
        if state is not None and state.active == seq and state.trial:
            write_state(index_dir, state.confirmed())
            log.info("Generation %d has proved itself.", seq)


def roll_back(index_dir: Path, seq: int, reason: str) -> None:
    """Go back from generation ``seq``, if it still is the active one, and refuse it. Raises UnavailableError."""
    with locked(index_dir):
        state = read_state(index_dir)
        if state is None or state.active != seq:
            return
        write_state(index_dir, state.rolled_back(reason))
        # Where the state is lost one day, it must not be what is found.
        Store(index_dir).manifest_path(seq).unlink(missing_ok=True)
        log.warning("Generation %d is refused, generation %s is in use again: %s", seq, state.previous, reason)


def go_back(index_dir: Path) -> int:
    """Go back to the previous generation because somebody says so; its ``seq``. Raises UnavailableError."""
    with locked(index_dir):
        state = read_state(index_dir)
        if state is None or state.active is None or state.previous is None:
            raise UnavailableError(f"There is no previous generation in {index_dir} to go back to.")
        reason = f"An operator went back from generation {state.active} to {state.previous}."
        write_state(index_dir, state.rolled_back(reason))
        return state.previous
