"""What a device reports of its index: known states, short texts, no credentials."""

import json

import pytest

from cloud_sync.index_report import FIELDS, IndexReport


def test_report_has_the_fields_that_the_fleet_reads() -> None:
    said = IndexReport(active=42, previous=41, state="idle", channel="stable", desired="latest").to_dict()
    assert tuple(said) == FIELDS
    assert (said["active"], said["staged"]) == (42, None)
    assert json.loads(json.dumps(said)) == said


def test_long_or_secret_texts_do_not_leave_the_device() -> None:
    said = IndexReport(state="failed", reason="password=hunter2 " + "no way " * 500, desired="9" * 900).to_dict()
    assert "hunter2" not in said["reason"]
    assert len(json.dumps(said)) < 1_000


@pytest.mark.parametrize("wrong", [{"state": "happy"}, {"progress": 101}, {"progress": -1}])
def test_report_that_the_fleet_could_not_read_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        IndexReport(**wrong)  # type: ignore[arg-type]
