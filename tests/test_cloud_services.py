"""What the template holds, given to the services themselves as moto plays them: each takes its part."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import boto3
import pytest
from aws_stub import REGION, Aws, aws_stub
from cloud_template import ACCOUNT, Stack
from iot_rules import Cloud

STACK = Stack()
EVENT = {"seq": 7, "event": "entered", "item_id": "mug", "score": 0.91, "probability": None, "alternatives": ["cup"]}
_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
BATCH = {"version": 1, "kind": "matches", "thing": "kiosk-1", "epoch": "e", "first_seq": 7, "last_seq": 7}


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with aws_stub() as served:
        yield served


def lower(value: Any) -> Any:
    """The names of a resource's properties as AWS IoT's API has them."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: lower(one) for name, one in value.items()}
    return [lower(one) for one in value] if isinstance(value, list) else value


def test_iam_takes_every_role_and_its_policies(aws: Aws) -> None:
    with aws.client("iam") as iam:
        for role in STACK.of_type("AWS::IAM::Role").values():
            document = json.dumps(role["AssumeRolePolicyDocument"])
            made = iam.create_role(RoleName=role["RoleName"], AssumeRolePolicyDocument=document)["Role"]
            assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/{role['RoleName']}"
            for policy in role["Policies"]:
                document = json.dumps(policy["PolicyDocument"])
                names = {"RoleName": role["RoleName"], "PolicyName": policy["PolicyName"]}
                iam.put_role_policy(**names, PolicyDocument=document)


def test_iam_refuses_a_policy_that_is_none(aws: Aws) -> None:
    wrong = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3GetObject", "Resource": "bucket"}]}
    with aws.client("iam") as iam, pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.create_policy(PolicyName="wrong", PolicyDocument=json.dumps(wrong))


def test_iot_takes_the_policy_the_alias_the_groups_and_the_rules(aws: Aws) -> None:
    with aws.client("iot") as iot:
        policy = STACK.properties("DevicePolicy")
        iot.create_policy(policyName=policy["PolicyName"], policyDocument=json.dumps(policy["PolicyDocument"]))
        iot.create_role_alias(**lower(STACK.properties("DeviceRoleAlias")))
        for group in STACK.of_type("AWS::IoT::ThingGroup").values():
            iot.create_thing_group(**lower(group))
        for rule in STACK.of_type("AWS::IoT::TopicRule").values():
            iot.create_topic_rule(ruleName=rule["RuleName"], topicRulePayload=lower(rule["TopicRulePayload"]))
        assert len(iot.list_topic_rules()["rules"]) == 6


def test_table_keeps_a_batch_once_under_its_key(aws: Aws) -> None:
    cloud = Cloud(STACK.of_type("AWS::IoT::TopicRule"))
    for _ in range(2):
        cloud.receive("lookalike/kiosk-1/matches", json.dumps({**BATCH, "events": [EVENT]}).encode())
    table = dict(STACK.properties("EventTable"))
    ttl, recovery = table.pop("TimeToLiveSpecification"), table.pop("PointInTimeRecoverySpecification")
    with aws.client("dynamodb") as dynamodb:
        dynamodb.create_table(**table)
        dynamodb.update_time_to_live(TableName=table["TableName"], TimeToLiveSpecification=ttl)
        dynamodb.update_continuous_backups(TableName=table["TableName"], PointInTimeRecoverySpecification=recovery)
    resource = boto3.resource("dynamodb", endpoint_url=aws.moto, region_name=REGION, **_KEYS)
    kept = resource.Table(table["TableName"])
    for item in (*cloud.items.values(), *cloud.items.values()):
        kept.put_item(Item=json.loads(json.dumps(item), parse_float=Decimal))
    (found,) = kept.scan()["Items"]
    assert (found["thing"], found["batch"], found["events"][0]["item_id"]) == ("kiosk-1", "matches#e#7-7", "mug")
    assert found[ttl["AttributeName"]] > 1_800_000_000
    resource.meta.client.close()


@pytest.mark.parametrize("name", ["Artifacts", "Events"])
def test_s3_takes_what_a_bucket_is_given(aws: Aws, name: str) -> None:
    properties = STACK.properties(name)
    bucket = properties["BucketName"]
    public, policy = properties["PublicAccessBlockConfiguration"], STACK.bucket_policy(bucket)
    with aws.client("s3") as s3:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=properties["VersioningConfiguration"])
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=public)
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=properties["OwnershipControls"])
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
