"""Updates that are killed, or whose disk runs full; the short version of ``python -m tests.campaign --kills``."""

import pytest

from tests import file_operations, full_disk
from tests.full_disk import runs_full
from tests.interrupted_updates import killed_at_operations, killed_at_random

watched = pytest.mark.skipif(bool(file_operations.why_not()), reason=file_operations.why_not())


@watched
def test_an_update_that_is_killed_leaves_the_old_or_the_new_generation_and_the_next_one_succeeds() -> None:
    assert not killed_at_random(2)
    assert not killed_at_operations(4)


@watched
def test_a_generation_that_counts_before_it_is_there_is_noticed() -> None:
    assert killed_at_operations(3, "commits first")


def test_on_a_disk_that_runs_full_the_active_generation_is_whole() -> None:
    if why_not := full_disk.why_not():
        pytest.skip(why_not)
    assert not runs_full(4)
    assert runs_full(4, "commits first", ["checking"])
