"""The short version of the campaign (``tests/campaign``): the most telling faults once, some signals under load."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from index_builder.demo_catalog import write_demo_catalog
from tests.campaign.device import COMPONENTS, ITEMS, Device, device
from tests.campaign.faults import FAULTS, Fault
from tests.campaign.rounds import suffer
from tests.campaign.signals import check_the_index, load, strike

TELLING = {
    "camera hangs",
    "camera unplugged",
    "inference crashes",
    "disk full",
    "work folder read-only",
    "clock at 1970 at start",
    "bus cut",
}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_catalog(tmp_path_factory.mktemp("catalog"), items=ITEMS)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, catalog: Path) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("device"), catalog) as made:
        yield made


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in TELLING], ids=lambda fault: fault.name)
def test_a_fault_is_told_and_heals_and_no_component_ends(running: Device, fault: Fault) -> None:
    (outcome,) = suffer(running, [fault])
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert not outcome.problem


def test_under_load_every_component_is_down_in_three_seconds_and_nothing_is_torn(tmp_path: Path, catalog: Path) -> None:
    with device(tmp_path, catalog, busy=True) as running:
        with load(running, next((catalog.parent / "pictures").iterdir())):
            ends = list(strike(running, 8))
        running.nucleus.stop()
        check_the_index(running)
    assert not [end for end in ends if end.problem]
    assert {end.component for end in ends} == set(COMPONENTS)


def test_every_fault_of_the_short_version_is_one_of_the_campaign() -> None:
    assert {fault.name for fault in FAULTS} >= TELLING
