"""The CloudFormation template as AWS sees it once it is deployed: every reference filled in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[1] / "cloud_sync" / "cloud" / "template.yaml"
ACCOUNT, REGION = "123456789012", "ap-southeast-1"
"""The region has one of the longest names."""
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
ARNS = {
    "AWS::S3::Bucket": lambda p: f"arn:aws:s3:::{p['BucketName']}",
    "AWS::DynamoDB::Table": lambda p: f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{p['TableName']}",
    "AWS::SQS::Queue": lambda p: f"arn:aws:sqs:{REGION}:{ACCOUNT}:{p['QueueName']}",
    "AWS::IAM::Role": lambda p: f"arn:aws:iam::{ACCOUNT}:role/{p['RoleName']}",
}
NAMES = {
    "AWS::S3::Bucket": lambda p: p["BucketName"],
    "AWS::DynamoDB::Table": lambda p: p["TableName"],
    "AWS::SQS::Queue": lambda p: f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{p['QueueName']}",
}


class _Loader(yaml.SafeLoader):
    """Reads the short forms !Ref, !Sub and !GetAtt."""


def _construct(loader: _Loader, suffix: str, node: yaml.Node) -> tuple[str, Any]:
    assert suffix in ("Ref", "Sub", "GetAtt"), suffix
    return suffix, loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _construct)


class Stack:
    """The template, deployed with its default parameters and ``more``."""

    def __init__(self, text: str | None = None, **more: str) -> None:
        # A subclass of the safe loader, which makes nothing but tuples of texts more.
        self.document = yaml.load(text or TEMPLATE.read_text(), _Loader)
        parameters = {name: str(one["Default"]) for name, one in self.document["Parameters"].items()}
        self._values = {**PSEUDO, **parameters, **more}
        self.resources: Mapping[str, Any] = {
            name: {**one, "Properties": self._filled(one["Properties"])}
            for name, one in self.document["Resources"].items()
        }
        self.outputs = {name: self._filled(one["Value"]) for name, one in self.document["Outputs"].items()}

    def of_type(self, kind: str) -> dict[str, Any]:
        """The properties of every resource of ``kind``, by logical name."""
        return {name: one["Properties"] for name, one in self.resources.items() if one["Type"] == kind}

    def properties(self, name: str) -> Any:
        return self.resources[name]["Properties"]

    def role_policies(self, name: str) -> list[Any]:
        return [one["PolicyDocument"] for one in self.properties(name)["Policies"]]

    def bucket_policy(self, bucket: str) -> Any:
        """The resource policy of the bucket that is called ``bucket``."""
        (found,) = [
            one["PolicyDocument"] for one in self.of_type("AWS::S3::BucketPolicy").values() if one["Bucket"] == bucket
        ]
        return found

    def _filled(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return self._function(*value)
        if isinstance(value, dict):
            return {key: self._filled(one) for key, one in value.items()}
        return [self._filled(one) for one in value] if isinstance(value, list) else value

    def _function(self, name: str, text: str) -> str:
        if name == "Sub":
            filled = re.sub(r"\$\{([\w:.]+)\}", lambda found: self._reference(found[1]), text)
            return filled.replace("${!", "${")
        return self._reference(text)

    def _reference(self, name: str) -> str:
        if name in self._values:
            return self._values[name]
        resource, _, attribute = name.partition(".")
        one = self.document["Resources"][resource]
        assert attribute in ("", "Arn"), name
        return (ARNS if attribute else NAMES)[one["Type"]](self._filled(one["Properties"]))
