"""Attacks on a channel's signed metadata; the short version of ``python -m tests.campaign --attacks``."""

import pytest

from tests.attacks import ATTACKS, BREAKS, attack

TELLING = (
    *("intermediate_root_incorrectly_signed", "duplicate_signatures", "new_timestamp_version_rollback"),
    *("new_snapshot_version_rollback", "mix_and_match", "rollback_of_everything", "freeze", "fast_forward"),
    *("endless_timestamp", "another_channel"),
)


@pytest.mark.parametrize("name", TELLING)
def test_an_attack_changes_nothing_and_the_true_publisher_is_believed_afterwards(name: str) -> None:
    assert not attack(name)


@pytest.mark.parametrize("left_out", BREAKS)
def test_without_this_check_an_attack_succeeds(left_out: str) -> None:
    how, names = BREAKS[left_out]
    with how():
        assert attack(names[0])


def test_there_are_attacks_enough() -> None:
    assert len(ATTACKS) >= 30
    assert set(TELLING) <= set(ATTACKS)
