"""The short version of ``python -m tests.campaign --taught``: taught items outlive kills and index updates."""

from pathlib import Path

from tests.campaign.taught import survive


def test_taught_items_are_found_at_once_and_outlive_kills_and_updates(tmp_path: Path) -> None:
    record = survive(tmp_path, count=8, updates=2, kills=2)
    assert len(record.found_after_s) == 8
