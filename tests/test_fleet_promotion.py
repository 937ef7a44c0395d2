"""Which devices prove a version, what speaks against giving it on, and the deployment that does."""

import json
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.fleet.device import Device
from cloud_sync.fleet.promotion import COMPONENT, Bar, next_deployment, objections, version_of
from cloud_sync.fleet.report import as_json, summary, table
from components.core.errors import ConfigurationError

ROOT = Path(__file__).parents[1]
NOW_S = 1_800_000_000
DAY_S = 86_400
BAR = Bar(share=0.9, hours=24, silent_hours=48)


def device(number: int = 1, **more: Any) -> Device:
    """One that has run 42 well for two days and reported an hour ago."""
    well: dict[str, Any] = {"active": 42, "previous": 41, "state": "idle", "channel": "stable", "desired": "latest"}
    times = {"since_s": NOW_S - 2 * DAY_S, "heard_s": NOW_S - 3_600}
    return Device(**{"thing": f"kiosk-{number}", "group": "lookalike-canary", **well, **times, **more})


def fleet(*different: dict[str, Any], of: int = 20) -> list[Device]:
    """``of`` devices of which the last ones differ."""
    alike = [device(number) for number in range(of - len(different))]
    return [*alike, *(device(100 + number, **more) for number, more in enumerate(different))]


def against(*different: dict[str, Any], bar: Bar = BAR, of: int = 20) -> str:
    return " ".join(objections(42, fleet(*different, of=of), bar, NOW_S))


def test_version_that_every_device_runs_well_may_go_on() -> None:
    assert against() == ""


def test_version_may_go_on_while_one_in_ten_is_behind() -> None:
    behind = {"active": 41, "state": "fetching"}
    assert against(behind, behind) == ""
    assert "17 of 20 devices have run 42 well for 24 h, 90% are needed." in against(behind, behind, behind)


@pytest.mark.parametrize(
    "different",
    [
        {"active": 41},
        {"active": None, "state": "failed"},
        {"state": "trial"},
        {"since_s": NOW_S - 23 * 3_600},
        {"since_s": NOW_S + 7_200},
        {"heard_s": NOW_S - 49 * 3_600},
        {"heard_s": None, "since_s": None, "active": None, "state": ""},
    ],
    ids=["runs another", "nothing", "on trial", "too short", "its clock is ahead", "silent", "never reported"],
)
def test_device_that_proves_nothing_does_not_count(different: dict[str, Any]) -> None:
    assert against(different) == ""
    said = against(*[different] * 3)
    assert "17 of 20" in said
    assert "kiosk-100" in said


@pytest.mark.parametrize("state", ["rolled_back", "refused"])
def test_one_device_that_went_back_is_enough_to_stop(state: str) -> None:
    said = against({"active": 41, "state": state, "reason": "the searcher crashed"}, of=1_000)
    assert said == "1 went back or refused a version: kiosk-100 (the searcher crashed)."


def test_one_device_that_sees_expired_metadata_is_enough_to_stop() -> None:
    assert "Sign the timestamp anew" in against({"state": "stale"}, of=1_000)


def test_device_that_refused_the_version_after_it_may_prove_this_one() -> None:
    assert against({"state": "refused", "reason": "43 is bad"}) == ""


def test_empty_group_proves_nothing() -> None:
    assert objections(42, [], BAR, NOW_S) == ["The group has no devices, so nothing was proved."]


def test_device_that_does_not_know_since_when_counts_from_its_last_report() -> None:
    young = {"since_s": None, "heard_s": NOW_S - 3_600}
    assert "17 of 20" in against(young, young, young)
    assert against(young, young, young, bar=Bar(share=0.9, hours=1)) == ""


def test_only_some_are_named_where_many_are_bad() -> None:
    said = against(*[{"active": 41, "state": "rolled_back"}] * 12)
    assert "kiosk-104 and 7 more." in said
    assert "kiosk-105" not in said.split(".")[0]


# -- the deployment ---------------------------------------------------------------------------------------------------


def current(**index: str) -> dict[str, Any]:
    deployment = json.loads((ROOT / "docs" / "fleet" / "early.json").read_text())
    merge = {"status_limit": 20, "index": {"source": "s3://b/index", "version": "41", **index}}
    component = {"componentVersion": "1.0.0", "configurationUpdate": {"merge": json.dumps(merge), "reset": ["/x"]}}
    deployment["components"][COMPONENT] = component
    return {**deployment, "deploymentId": "7", "deploymentStatus": "ACTIVE", "revisionId": "3", "tags": {}}


def test_next_deployment_changes_the_version_of_the_index_and_nothing_else() -> None:
    before, after = current(), next_deployment(current(), 42, ["stable"])
    assert version_of(after) == "42"
    assert set(before) - set(after) == {"deploymentId", "deploymentStatus", "revisionId", "tags"}
    update = after["components"][COMPONENT]["configurationUpdate"]
    assert json.loads(update["merge"]) == {"status_limit": 20, "index": {"source": "s3://b/index", "version": "42"}}
    assert update["reset"] == ["/x"]
    for name in ("targetArn", "deploymentName", "deploymentPolicies", "iotJobConfiguration"):
        assert after[name] == before[name]
    for name in set(before["components"]) - {COMPONENT}:
        assert after["components"][name] == before["components"][name]


def test_component_without_settings_of_its_own_gets_the_version() -> None:
    deployment = current()
    deployment["components"][COMPONENT] = {"componentVersion": "1.0.0"}
    assert version_of(deployment) == "latest"
    assert version_of(next_deployment(deployment, 42, [])) == "42"


@pytest.mark.parametrize("deployment", [None, {"components": {}, "targetArn": "a"}])
def test_group_without_a_deployment_of_ours_is_refused(deployment: dict[str, Any] | None) -> None:
    with pytest.raises(ConfigurationError, match="deploy the components to it first"):
        next_deployment(deployment, 42, ["stable"])


def test_same_number_of_another_channel_is_refused() -> None:
    assert version_of(next_deployment(current(channel="beta"), 42, ["beta"])) == "42"
    for other in ("stable", "beta2"):
        with pytest.raises(ConfigurationError, match="is another index there"):
            next_deployment(current(channel="beta"), 42, [other])


@pytest.mark.parametrize("merge", ["{", "[]", '{"index": 3}', "null"])
def test_settings_that_cannot_be_read_are_refused(merge: str) -> None:
    deployment = current()
    deployment["components"][COMPONENT]["configurationUpdate"]["merge"] = merge
    with pytest.raises(ConfigurationError, match="cannot be read"):
        next_deployment(deployment, 42, [])


# -- the shadow and the table -----------------------------------------------------------------------------------------

REPORTED = {"index": {"active": 42, "state": "fetching", "progress": 37, "desired": "latest"}, "outbox": {"depth": 9}}


def shadow(reported: Any = REPORTED, at: int = NOW_S - 300) -> dict[str, Any]:
    stamped = {"index": {"active": {"timestamp": at - DAY_S}, "state": {"timestamp": at}}}
    return {"state": {"reported": reported}, "metadata": {"reported": stamped}, "version": 3, "timestamp": NOW_S}


def test_device_is_what_its_shadow_says() -> None:
    said = Device.of("kiosk-1", "lookalike-canary", shadow())
    assert (said.active, said.previous, said.state, said.progress) == (42, None, "fetching", 37)
    assert (said.heard_s, said.outbox) == (NOW_S - 300, {"depth": 9}), "the newest of the cloud's own times"


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        [],
        {"state": None},
        shadow(None),
        shadow("text"),
        shadow({"index": ["a"], "outbox": 7}),
        shadow({"index": {"active": "42", "previous": -1, "staged": True, "progress": None, "state": {"a": 1}}}),
        {**shadow(), "metadata": {"reported": {"index": {"timestamp": "now"}}}},
    ],
)
def test_shadow_that_makes_no_sense_ends_nothing(document: Any) -> None:
    said = Device.of("kiosk-1", "lookalike-canary", document)
    assert said.active in (None, 42)
    assert "kiosk-1" in table([said], NOW_S)
    json.loads(as_json([said], NOW_S))


def test_device_cannot_write_on_the_operators_terminal() -> None:
    said = Device.of("kiosk-1", "g", shadow({"index": {"state": "failed", "reason": "\x1b[2J\r\n" + "x" * 9_000}}))
    text = table([said], NOW_S)
    assert "\x1b" not in text
    assert "\r" not in text
    assert len(text.splitlines()) == 4
    assert len(text) < 1_500


def test_table_has_a_line_per_device_those_with_a_problem_first() -> None:
    lines = table(
        [
            device(1),
            device(2, state="failed", reason="S3 answers 503"),
            device(3, heard_s=NOW_S - 3 * DAY_S),
            device(4, heard_s=None, active=None, state=""),
            device(6, outbox={"depth": 0, "problem": "the disk is full"}),
            device(5, state="fetching", progress=37, staged=43, outbox={"depth": 12, "lost": 3}),
        ],
        NOW_S,
    ).splitlines()
    things = [line.split()[1].removeprefix("kiosk-") for line in lines[1:7]]
    assert things == ["2", "3", "4", "6", "1", "5"]
    assert lines[1].endswith("S3 answers 503")
    assert lines[2].endswith("it reports no more")
    assert lines[3].endswith("it never reported")
    assert lines[4].endswith("the disk is full")
    assert "fetching 37 %" in lines[6]
    assert " 12, 3 lost" in lines[6]
    assert lines[-1] == "lookalike-canary: 6 devices; 42: 5, -: 1; 4 with a problem"


def test_summary_is_a_sentence_per_group() -> None:
    devices = [device(1), device(2, group="lookalike-all", active=41), device(3, group="lookalike-all", active=43)]
    assert summary(devices, NOW_S) == [
        "lookalike-all: 2 devices; 43: 1, 41: 1; 0 with a problem",
        "lookalike-canary: 1 device; 42: 1; 0 with a problem",
    ]
