"""python -m cloud_sync fleet, against AWS IoT as moto serves it and a stub of AWS IoT Greengrass."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_stub import REGION, Aws, aws_stub

from cloud_sync.fleet.promotion import COMPONENT, version_of
from cloud_sync.index_report import IndexReport
from cloud_sync.shadow import Shadow, index_part

ROOT = Path(__file__).parents[1]
CANARIES = 6


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """Six canaries that have run 42 for two days, one early device that runs 41."""
    with aws_stub() as served:
        for group in ("canary", "early", "all"):
            with served.client("iot") as iot:
                iot.create_thing_group(thingGroupName=f"lookalike-{group}")
        for number in range(CANARIES):
            report(served, f"canary-{number}", "canary", active=42)
        report(served, "early-0", "early", active=41)
        yield served


@pytest.fixture(autouse=True)
def nothing_deployed(aws: Aws) -> None:
    """The early group has its deployment, and no other."""
    deployment = json.loads((ROOT / "docs" / "fleet" / "early.json").read_text())
    with aws.client("iot") as iot:
        arn = iot.describe_thing_group(thingGroupName="lookalike-early")["thingGroupArn"]
    aws.deployments[:] = [{**deployment, "targetArn": arn}]


class _Uplink:
    """The way of a device's report to moto's shadows."""

    def __init__(self, aws: Aws, thing: str) -> None:
        self._aws, self._thing = aws, thing

    def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
        assert topic == f"$aws/things/{self._thing}/shadow/name/lookalike/update"
        with self._aws.client("iot-data") as data:
            data.update_thing_shadow(thingName=self._thing, shadowName="lookalike", payload=payload)


def report(aws: Aws, thing: str, group: str, **index: Any) -> None:
    """Have ``thing`` report what a device's own code reports."""
    with aws.client("iot") as iot:
        iot.create_thing(thingName=thing)
        iot.add_thing_to_thing_group(thingGroupName=f"lookalike-{group}", thingName=thing)
    since_s = int(time.time()) - 2 * 86_400
    said = IndexReport(**{"state": "idle", "channel": "stable", "desired": "latest", "since_s": since_s, **index})
    Shadow(_Uplink(aws, thing), thing, {"index": index_part(said.to_dict)}).send_due()


def fleet(aws: Aws, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "cloud_sync", "fleet", *arguments, "--region", REGION]
    env = {**os.environ, **aws.environment(), **environment}
    return subprocess.run(line, check=False, capture_output=True, text=True, cwd=ROOT, env=env)


def test_status_is_what_the_devices_reported(aws: Aws) -> None:
    done = fleet(aws, "status")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:]][:CANARIES] == [
        ["lookalike-canary", f"canary-{number}", "42"] for number in range(CANARIES)
    ]
    assert lines[-3:] == [
        f"lookalike-canary: {CANARIES} devices; 42: {CANARIES}; 0 with a problem",
        "lookalike-early: 1 device; 41: 1; 0 with a problem",
        "lookalike-all: no devices",
    ]


def test_status_of_one_group_as_json(aws: Aws) -> None:
    said = json.loads(fleet(aws, "status", "--group", "early", "--json").stdout)
    (device,) = said["devices"]
    assert (device["thing"], device["active"], device["state"], device["problem"]) == ("early-0", 41, "idle", "")
    assert abs(device["heard_s"] - said["at"]) < 60


def test_promotion_deploys_the_version_and_keeps_the_rest(aws: Aws) -> None:
    done = fleet(aws, "promote", "42", "--from", "canary", "--to", "early")
    assert (done.returncode, done.stderr) == (0, "")
    assert "lookalike-early gets version 42: deployment 2." in done.stdout
    before, after = aws.deployments
    assert version_of(after) == "42"
    for one in (before, after):
        update = one["components"][COMPONENT]["configurationUpdate"]
        update["merge"] = json.loads(update["merge"])
        del update["merge"]["index"]["version"]
    assert after == before
    again = fleet(aws, "promote", "42", "--from", "canary", "--to", "all")
    assert "deploy the components to it first" in again.stderr


def test_version_that_the_group_has_is_not_deployed_again(aws: Aws) -> None:
    for said in ("gets version 42", "has version 42 already"):
        assert said in fleet(aws, "promote", "42", "--from", "canary", "--to", "early").stdout
    assert len(aws.deployments) == 2


def test_dry_run_checks_and_deploys_nothing(aws: Aws) -> None:
    done = fleet(aws, "promote", "42", "--from", "canary", "--to", "early", "--dry-run")
    assert done.returncode == 0
    assert 'would deploy to lookalike-early: com.lookalike.CloudSync {"source": "s3://BUCKET/index",' in done.stdout
    assert len(aws.deployments) == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("promote", "42", "--from", "canary", "--to", "canary"), "--from and --to are both canary"),
        (("promote", "43", "--from", "canary", "--to", "early"), "0 of 6 devices have run 43 well"),
        (("promote", "42", "--from", "canary", "--to", "early", "--hours", "72"), "well for 72 h"),
        (("promote", "42", "--from", "nobody", "--to", "early"), "There is no thing group lookalike-nobody."),
        (("promote", "42", "--from", "canary", "--to", "nobody"), "There is no thing group lookalike-nobody."),
        (("promote", "42", "--from", "all", "--to", "early"), "has no devices"),
        (("status", "--prefix", "other-"), "no thing group whose name begins with 'other-'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_deploys_nothing(
    aws: Aws, arguments: tuple[str, ...], why: str
) -> None:
    done = fleet(aws, *arguments)
    assert done.returncode == 1
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert len(aws.deployments) == 1


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (("0",), "expected a number from 1 on"),
        (("abc",), "expected a number from 1 on"),
        (("latest",), "expected a number from 1 on"),
        (("42", "--share", "90"), "expected a number above 0, up to 1"),
        (("42", "--share", "x"), "expected a number above 0, up to 1"),
        (("42", "--hours", "-1"), "expected hours from 0 on"),
        (("42", "--silent-hours", "inf"), "expected hours from 0 on"),
    ],
)
def test_what_no_promotion_can_be_is_told_before_aws_is_asked(wrong: tuple[str, ...], why: str) -> None:
    line = [sys.executable, "-m", "cloud_sync", "fleet", "promote", *wrong, "--from", "canary", "--to", "early"]
    done = subprocess.run(line, check=False, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, why in done.stderr) == (2, True), done.stderr


def test_aws_out_of_reach_is_one_sentence(aws: Aws) -> None:
    done = fleet(aws, "status", AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: The thing groups cannot be listed")
    assert "look at --region, at your credentials" in done.stderr
    assert "Traceback" not in done.stderr
