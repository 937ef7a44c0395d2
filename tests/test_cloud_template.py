"""cloud_sync/cloud/template.yaml: what it promises of storage, permissions and rules, as AWS would judge it."""

import json
import random
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from aws_policies import is_allowed, listed
from cloud_template import ACCOUNT, REGION, TEMPLATE, Stack
from iot_rules import Cloud

from cloud_sync.drain import acknowledgement_topic, outbox_topic
from cloud_sync.shadow import shadow_topic
from components.core.outbox_documents import FULL, KINDS, TAUGHT, Acknowledgement, Batch, Gap, Row
from components.nucleus.access import MQTT
from components.nucleus.recipe import load_recipes

ROOT = Path(__file__).parents[1]
RECIPES = {recipe.name: recipe for recipe in load_recipes(ROOT / "recipes")}
STACK = Stack()
ARTIFACTS = f"lookalike-artifacts-{REGION}-{ACCOUNT}"
EVENTS = f"lookalike-events-{REGION}-{ACCOUNT}"
TLS = {"aws:SecureTransport": "true"}
THING = "${iot:Connection.Thing.ThingName}"


def linted(file: Path) -> str:
    command = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([command, "--format", "parseable", file], check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_cloudformation_takes_the_template() -> None:
    assert linted(TEMPLATE) == ""
    assert len(TEMPLATE.read_bytes()) <= 51_200, "what the AWS CLI sends without a bucket to put it first"


def test_template_that_cloudformation_refuses_is_noticed(tmp_path: Path) -> None:
    planted = TEMPLATE.read_text().replace("SqsManagedSseEnabled: true", "SqsManagedSse: maybe")
    (tmp_path / "template.yaml").write_text(planted)
    assert "SqsManagedSse" in linted(tmp_path / "template.yaml")


# -- storage ----------------------------------------------------------------------------------------------------------


def test_whatever_holds_data_stays_when_the_stack_goes() -> None:
    holding = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SQS::Queue"}
    found = [one for one in STACK.resources.values() if one["Type"] in holding]
    assert len(found) == 4
    for one in found:
        assert (one["DeletionPolicy"], one["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("bucket", ["Artifacts", "Events"])
def test_bucket_is_private_versioned_and_encrypted(bucket: str) -> None:
    properties = STACK.properties(bucket)
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    ((rule,),) = properties["BucketEncryption"].values()
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert any("NoncurrentVersionExpiration" in rule for rule in properties["LifecycleConfiguration"]["Rules"])


@pytest.mark.parametrize("bucket", [ARTIFACTS, EVENTS])
@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:ListBucket"])
def test_nobody_reaches_a_bucket_without_tls(bucket: str, action: str) -> None:
    anything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    resource = f"arn:aws:s3:::{bucket}" + ("" if action == "s3:ListBucket" else "/index/a")
    policies = [anything, STACK.bucket_policy(bucket)]
    assert is_allowed(policies, action, resource, TLS)
    assert not is_allowed(policies, action, resource, {"aws:SecureTransport": "false"})


def test_index_components_and_taught_items_never_expire_and_other_events_do() -> None:
    for rule in STACK.properties("Artifacts")["LifecycleConfiguration"]["Rules"]:
        assert not {"ExpirationInDays", "ExpirationDate"} & set(rule)
    rules = Stack(KeepEventsDays="30").properties("Events")["LifecycleConfiguration"]["Rules"]
    expiring = {rule.get("Prefix"): rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    assert expiring == {f"{kind}/": "30" for kind in KINDS if kind != TAUGHT}


# -- what a device may ------------------------------------------------------------------------------------------------

DEVICE_POLICY = STACK.properties("DevicePolicy")["PolicyDocument"]


def iot(rest: str) -> str:
    return f"arn:aws:iot:{REGION}:{ACCOUNT}:{rest}"


def device_may(action: str, resource: str, thing: str = "kiosk-1") -> bool:
    return is_allowed([DEVICE_POLICY], action, iot(resource), thing=thing)


OWN_PUBLISHED = [
    "$aws/things/{}/greengrassv2/health/json",
    "$aws/things/{}/greengrass/health/json",
    "$aws/things/{}/jobs/$next/namespace-aws-gg-deployment/get",
    "$aws/things/{}/jobs/some-job/namespace-aws-gg-deployment/update",
    "$aws/things/{}/shadow/name/AWSManagedGreengrassV2Deployment/get",
    "$aws/things/{}/shadow/name/AWSManagedGreengrassV2Deployment/update",
    "$aws/things/{}/shadow/name/lookalike/update",
    "lookalike/{}/status",
    *(f"lookalike/{{}}/{kind}" for kind in KINDS),
]
OWN_HEARD = [
    "$aws/things/{}/jobs/notify-next-namespace-aws-gg-deployment",
    "$aws/things/{}/jobs/notify-namespace-aws-gg-deployment",
    "$aws/things/{}/jobs/$next/namespace-aws-gg-deployment/get/accepted",
    "$aws/things/{}/jobs/some-job/namespace-aws-gg-deployment/update/rejected",
    "$aws/things/{}/shadow/name/AWSManagedGreengrassV2Deployment/update/delta",
    "lookalike/{}/acks",
]
NOT_HEARD = ["lookalike/{}/matches", "lookalike/{}/taught", "lookalike/{}/#", "lookalike/#", "#"]
NOT_PUBLISHED = ["$aws/things/{}/shadow/update", "$aws/things/{}/shadow/name/other/update", "lookalike/{}", "other"]


@pytest.mark.parametrize("topic", OWN_PUBLISHED)
def test_device_may_publish_what_both_nuclei_and_the_components_publish(topic: str) -> None:
    assert device_may("iot:Publish", f"topic/{topic.format('kiosk-1')}")
    for other in ("kiosk-2", "kiosk-10"):
        assert not device_may("iot:Publish", f"topic/{topic.format(other)}")


@pytest.mark.parametrize("topic", OWN_HEARD)
def test_device_may_hear_what_both_nuclei_and_the_components_hear(topic: str) -> None:
    for action, kind in (("iot:Subscribe", "topicfilter"), ("iot:Receive", "topic")):
        assert device_may(action, f"{kind}/{topic.format('kiosk-1')}")
        for other in ("kiosk-2", "kiosk-10", "+"):
            assert not device_may(action, f"{kind}/{topic.format(other)}")


@pytest.mark.parametrize("topic", NOT_HEARD)
def test_device_may_not_hear_what_devices_tell(topic: str) -> None:
    assert not device_may("iot:Subscribe", f"topicfilter/{topic.format('kiosk-1')}")
    assert not device_may("iot:Receive", f"topic/{topic.format('kiosk-1')}")


@pytest.mark.parametrize("topic", NOT_PUBLISHED)
def test_device_may_publish_nothing_else(topic: str) -> None:
    assert not device_may("iot:Publish", f"topic/{topic.format('kiosk-1')}")


def test_device_connects_as_itself_alone() -> None:
    for client in ("kiosk-1", "kiosk-1#2"):
        assert device_may("iot:Connect", f"client/{client}")
    for client in ("kiosk-2", "kiosk-10", "kiosk-1-console"):
        assert not device_may("iot:Connect", f"client/{client}")


def cloud_topics(operation: str) -> Iterator[str]:
    """The topics of AWS IoT Core that any recipe grants ``operation`` on."""
    for recipe in RECIPES.values():
        for granted in recipe.configuration.get("accessControl", {}).get(MQTT, {}).values():
            if f"aws.greengrass#{operation}" in granted["operations"]:
                yield from granted["resources"]


def test_components_do_in_aws_what_the_policy_lets_through() -> None:
    published = {topic.replace("+", "kiosk-1") for topic in cloud_topics("PublishToIoTCore")}
    assert shadow_topic("kiosk-1") in published
    for topic in published:
        # What the predecessor's topic is for is off by default; fleet.md says what to add.
        assert device_may("iot:Publish", f"topic/{topic}") != topic.endswith("/infer")
    for topic in cloud_topics("SubscribeToIoTCore"):
        assert device_may("iot:Subscribe", f"topicfilter/{topic.replace('+', 'kiosk-1')}")
        assert device_may("iot:Receive", f"topic/{topic.replace('+', 'kiosk-1')}")


def squeezed(policy: Any) -> str:
    return "".join(json.dumps(policy).split())


def test_iot_policy_is_as_long_as_aws_iot_takes_also_with_the_predecessors_topic() -> None:
    line = "arn:aws:iot:REGION:ACCOUNT_ID:topic/$aws/things/${iot:Connection.Thing.ThingName}/infer"
    assert line in (ROOT / "docs" / "fleet.md").read_text()
    longest = max(map(len, botocore.session.get_session().get_available_regions("iot")))
    more = squeezed(DEVICE_POLICY).count(REGION) * (longest - len(REGION))
    assert len(squeezed(DEVICE_POLICY)) + more + len(line) + len('"",') + 12 <= 2_048


def test_iot_policy_has_no_wildcard_beyond_the_thing_itself() -> None:
    everywhere = []
    for statement in DEVICE_POLICY["Statement"]:
        assert not any("*" in action for action in listed(statement["Action"]))
        for resource in listed(statement["Resource"]):
            if resource == "*":
                everywhere += statement["Action"]
            elif "*" in resource:
                assert THING in resource.partition("*")[0]
    assert sorted(everywhere) == [  # reading one's own deployment; AWS documents them on all resources
        "greengrass:GetComponentVersionArtifact",
        "greengrass:GetDeploymentConfiguration",
        "greengrass:ListThingGroupsForCoreDevice",
        "greengrass:ResolveComponentCandidates",
    ]


def role_may(role: str, action: str, resource: str, **context: str) -> bool:
    bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
    own = [STACK.bucket_policy(bucket)] if bucket in (ARTIFACTS, EVENTS) else []
    return is_allowed([*STACK.role_policies(role), *own], action, resource, {**TLS, **context})


def test_device_reads_artifacts_and_index_and_nothing_more() -> None:
    bucket = f"arn:aws:s3:::{ARTIFACTS}"
    keys = [f"{r.name}/{r.version}/{archive}.zip" for r in RECIPES.values() for archive in r.archives]
    for key in (*keys, "index/stable/metadata/timestamp.json", "index/objects/aa/0"):
        assert role_may("DeviceRole", "s3:GetObject", f"{bucket}/{key}")
        for action in ("s3:PutObject", "s3:DeleteObject", "s3:GetObjectVersion", "s3:PutObjectAcl"):
            assert not role_may("DeviceRole", action, f"{bucket}/{key}")
    assert role_may("DeviceRole", "s3:GetBucketLocation", bucket)
    for action in ("s3:ListBucket", "s3:DeleteBucket", "s3:PutBucketPolicy"):
        assert not role_may("DeviceRole", action, bucket)
    for resource in (
        f"{bucket}/secrets/key",
        f"{bucket}/index2/a",
        f"arn:aws:s3:::{EVENTS}/matches/kiosk-1/e/1-2.json",
    ):
        assert not role_may("DeviceRole", "s3:GetObject", resource)
    (policy,) = STACK.role_policies("DeviceRole")
    actions = [action for statement in policy["Statement"] for action in listed(statement["Action"])]
    assert sorted(actions) == ["s3:GetBucketLocation", "s3:GetObject"]


def test_role_is_assumed_by_the_credentials_provider_for_this_account_and_alias_alone() -> None:
    (trust,) = STACK.properties("DeviceRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "credentials.iot.amazonaws.com"}
    asked = {**trust, "Resource": "*"}
    alias = iot("rolealias/LookalikeTokenExchange")
    context = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": alias}
    assert is_allowed([{"Statement": [asked]}], "sts:AssumeRole", "role", context)
    for change in ({"aws:SourceAccount": "210987654321"}, {"aws:SourceArn": f"{alias}2"}):
        assert not is_allowed([{"Statement": [asked]}], "sts:AssumeRole", "role", {**context, **change})
    assert STACK.properties("DeviceRoleAlias")["RoleAlias"] == alias.rpartition("/")[2]
    assert device_may("iot:AssumeRoleWithCertificate", "rolealias/LookalikeTokenExchange")
    assert not device_may("iot:AssumeRoleWithCertificate", "rolealias/Another")


# -- who publishes ----------------------------------------------------------------------------------------------------


def test_publisher_of_components_may_publish_ours_and_nothing_more() -> None:
    components, bucket = f"arn:aws:greengrass:{REGION}:{ACCOUNT}:components:", f"arn:aws:s3:::{ARTIFACTS}"
    for name, recipe in RECIPES.items():
        assert role_may("ComponentsPublisher", "greengrass:CreateComponentVersion", f"{components}{name}")
        assert role_may("ComponentsPublisher", "greengrass:ListComponentVersions", f"{components}{name}")
        assert role_may("ComponentsPublisher", "s3:PutObject", f"{bucket}/{name}/{recipe.version}/any.zip")
    for asked in ("s3:ListBucket", "s3:GetBucketLocation"):  # our command and GDK ask whether the bucket is there
        assert role_may("ComponentsPublisher", asked, bucket)
    assert not role_may("ComponentsPublisher", "greengrass:CreateComponentVersion", f"{components}com.example.Other")
    assert not role_may("ComponentsPublisher", "s3:PutObject", f"{bucket}/index/stable/metadata/timestamp.json")


def test_publisher_of_the_index_may_not_touch_components_nor_delete() -> None:
    bucket = f"arn:aws:s3:::{ARTIFACTS}"
    for key in ("index/objects/aa/0", "index/stable/metadata/3.targets.json", "index/stable/targets/0.3.json"):
        assert role_may("IndexPublisher", "s3:PutObject", f"{bucket}/{key}")
        assert role_may("IndexPublisher", "s3:GetObject", f"{bucket}/{key}")
        assert not role_may("IndexPublisher", "s3:DeleteObject", f"{bucket}/{key}")
    assert role_may("IndexPublisher", "s3:ListBucket", bucket), "to tell what is not there from what is forbidden"
    for key in ("com.lookalike.Searcher/1.0.0/lookalike-searcher.zip", "index-of-another/a"):
        assert not role_may("IndexPublisher", "s3:PutObject", f"{bucket}/{key}")


def test_signer_of_timestamps_writes_timestamps_alone() -> None:
    bucket = f"arn:aws:s3:::{ARTIFACTS}"
    assert role_may("TimestampSigner", "s3:PutObject", f"{bucket}/index/stable/metadata/timestamp.json")
    assert role_may("TimestampSigner", "s3:GetObject", f"{bucket}/index/stable/metadata/3.snapshot.json")
    for key in ("index/stable/metadata/3.targets.json", "index/stable/targets/0.3.json", "index/objects/aa/0"):
        assert not role_may("TimestampSigner", "s3:PutObject", f"{bucket}/{key}")


@pytest.mark.parametrize(
    "role", ["ComponentsPublisher", "IndexPublisher", "TimestampSigner", "RulesRole", "DeviceRole"]
)
def test_no_role_has_an_action_with_a_wildcard_or_all_resources(role: str) -> None:
    for policy in STACK.role_policies(role):
        for statement in policy["Statement"]:
            assert not any("*" in action or "Delete" in action for action in listed(statement["Action"]))
            assert "*" not in listed(statement["Resource"])


def test_index_may_be_published_below_another_prefix() -> None:
    stack = Stack(IndexPrefix="shops/index")
    key = f"arn:aws:s3:::{ARTIFACTS}/shops/index/objects/aa/0"
    assert is_allowed(stack.role_policies("DeviceRole"), "s3:GetObject", key)
    assert is_allowed(stack.role_policies("IndexPublisher"), "s3:PutObject", key)
    assert stack.outputs["IndexSource"] == f"s3://{ARTIFACTS}/shops/index"


# -- the rules --------------------------------------------------------------------------------------------------------


def batch(first: int, last: int, kind: str = "matches", thing: str = "kiosk-1", **more: Any) -> bytes:
    events = [{"seq": seq, "event": "entered", "item": f"item-{seq}"} for seq in range(first, last + 1)]
    said = {"version": 1, "kind": kind, "thing": thing, "epoch": "e1", "first_seq": first, "last_seq": last}
    return json.dumps({**said, "events": events, **more}).encode()


def cloud() -> Cloud:
    return Cloud(STACK.of_type("AWS::IoT::TopicRule"))


@pytest.mark.parametrize("kind", KINDS)
def test_batch_is_kept_in_bucket_and_table_and_acknowledged(kind: str) -> None:
    received = cloud()
    received.receive(f"lookalike/kiosk-1/{kind}", batch(7, 9, kind))
    assert list(received.objects) == [f"{EVENTS}/{kind}/kiosk-1/e1/7-9.json"]
    assert list(received.items) == [("kiosk-1", f"{kind}#e1#7-9")]
    assert received.published == [
        (
            "lookalike/kiosk-1/acks",
            {"thing": "kiosk-1", "epoch": "e1", "first_seq": 7, "last_seq": 9, "kind": kind},
        )
    ]
    (item,) = received.items.values()
    assert item["expires_s"] == 1_800_000_000 + 30 * 86_400


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_device_sends_is_kept_and_its_acknowledgement_is_one_that_the_device_reads(kind: str) -> None:
    rows = (made(7, kind, b'{"event":"entered"}'), made(9, kind, Gap(reason=FULL, events=3).encoded()))
    sent, received = Batch(kind, rows), cloud()
    received.receive(outbox_topic("kiosk-1", kind), sent.encoded("kiosk-1", "e1"))
    ((topic, payload),) = received.published
    assert topic == acknowledgement_topic("kiosk-1")
    read = Acknowledgement.of(json.dumps(payload).encode())
    assert (read.thing, read.epoch, read.range) == ("kiosk-1", "e1", sent.range)
    assert set(received.events()) == {("kiosk-1", "e1", 7), ("kiosk-1", "e1", 9)}


def made(seq: int, kind: str, body: bytes) -> Row:
    return Row(seq, kind, body, zlib.crc32(body))


def test_batches_that_come_twice_late_and_cut_otherwise_lose_nothing_and_double_nothing() -> None:
    chance = random.Random(5)
    sent = [(first, first + chance.randrange(1, 9)) for first in range(1, 200)] * 2
    chance.shuffle(sent)
    received = cloud()
    for first, last in sent:
        received.receive("lookalike/kiosk-1/matches", batch(first, last))
    events = received.events()
    assert set(events) == {("kiosk-1", "e1", seq) for first, last in sent for seq in range(first, last + 1)}
    assert all(event["item"] == f"item-{seq}" for (_, _, seq), event in events.items())
    assert len(received.objects) == len(set(sent)), "the same batch is there once"


FOREIGN: dict[str, dict[str, Any]] = {
    "another thing's": {"thing": "kiosk-2"},
    "another kind": {"kind": "other"},
    "a version to come": {"version": 2},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_is_not_kept_is_not_acknowledged(kind: str, foreign: str) -> None:
    received = cloud()
    received.receive(f"lookalike/kiosk-1/{kind}", batch(1, 2, **{"kind": kind, **FOREIGN[foreign]}))
    received.receive(f"lookalike/kiosk-1/{kind}", b"{}")
    assert (received.objects, received.items, received.published) == ({}, {}, [])


@pytest.mark.parametrize("topic", ["lookalike/kiosk-1/status", "lookalike/kiosk-1/acks", "lookalike/a/b/matches"])
def test_rules_hear_no_other_topic(topic: str) -> None:
    received = cloud()
    received.receive(topic, batch(1, 2))
    assert (received.objects, received.items, received.published) == ({}, {}, [])


def test_rules_alone_assume_their_role() -> None:
    (trust,) = STACK.properties("RulesRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "iot.amazonaws.com"}
    policy = {"Statement": [{**trust, "Resource": "*"}]}
    for rule in STACK.of_type("AWS::IoT::TopicRule").values():
        context = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": iot(f"rule/{rule['RuleName']}")}
        assert is_allowed([policy], "sts:AssumeRole", "role", context)
    for change in ({"aws:SourceAccount": "210987654321"}, {"aws:SourceArn": iot("rule/Other")}):
        assert not is_allowed([policy], "sts:AssumeRole", "role", {**context, **change})


def test_rules_may_do_their_actions_and_nothing_more() -> None:
    may = [
        ("s3:PutObject", f"arn:aws:s3:::{EVENTS}/matches/kiosk-1/e1/7-9.json"),
        ("dynamodb:PutItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/LookalikeEvents"),
        ("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:LookalikeErrors"),
        ("iot:Publish", iot("topic/lookalike/kiosk-1/acks")),
    ]
    may_not = [
        ("s3:PutObject", f"arn:aws:s3:::{ARTIFACTS}/index/stable/metadata/timestamp.json"),
        ("s3:GetObject", f"arn:aws:s3:::{EVENTS}/matches/kiosk-1/e1/7-9.json"),
        ("dynamodb:DeleteItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/LookalikeEvents"),
        ("dynamodb:PutItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Other"),
        ("iot:Publish", iot("topic/lookalike/kiosk-1/matches")),
    ]
    assert [role_may("RulesRole", *one) for one in may] == [True] * len(may)
    assert [role_may("RulesRole", *one) for one in may_not] == [False] * len(may_not)


def test_what_a_rule_fails_at_goes_to_the_queue_for_two_weeks() -> None:
    queue = STACK.properties("Errors")
    assert (queue["MessageRetentionPeriod"], queue["SqsManagedSseEnabled"]) == (14 * 86_400, True)
    for rule in STACK.of_type("AWS::IoT::TopicRule").values():
        assert rule["TopicRulePayload"]["ErrorAction"]["Sqs"]["QueueUrl"].endswith(f"/{ACCOUNT}/LookalikeErrors")
        assert rule["TopicRulePayload"]["RuleDisabled"] is False
        assert rule["TopicRulePayload"]["AwsIotSqlVersion"] == "2016-03-23"


def test_names_that_aws_wants_short_are_short() -> None:
    for rule in STACK.of_type("AWS::IoT::TopicRule").values():
        assert re.fullmatch(r"\w{1,128}", rule["RuleName"])
    for role in STACK.of_type("AWS::IAM::Role").values():
        assert len(role["RoleName"]) <= 64


def test_deployments_go_to_the_groups_of_the_template() -> None:
    groups = {one["ThingGroupName"] for one in STACK.of_type("AWS::IoT::ThingGroup").values()}
    deployments = [json.loads(file.read_text()) for file in (ROOT / "docs" / "fleet").glob("*.json")]
    targets = {one["targetArn"].rpartition("/")[2] for one in deployments if "targetArn" in one}
    assert groups == targets


def test_bucket_is_the_one_that_components_are_published_to() -> None:
    (component,) = json.loads((ROOT / "gdk-config.json").read_text())["component"].values()
    assert STACK.outputs["ArtifactsBucketName"] == f"{component['publish']['bucket']}-{REGION}-{ACCOUNT}"
