"""What publishers, signers and devices really ask of S3 is what the template's roles let them, and hardly more."""

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws_policies import is_allowed
from aws_stub import REGION, aws_stub
from cloud_template import Stack
from publish_kit import make_keys, shop

from cloud_sync.sources import open_source
from index_builder.cli import main
from index_builder.publish.keys import Keys
from index_builder.publish.verifying import verify

STACK = Stack()
BUCKET = STACK.outputs["ArtifactsBucketName"]
PLACE = STACK.outputs["IndexSource"]
# What fails is colored.
_REQUEST = re.compile(r'"(?:\x1b\[\d+m)*(GET|HEAD|PUT|POST|DELETE) /([^/?" ]+)/?([^?" ]*)(\?\S*)? HTTP')

Asked = set[tuple[str, str]]


class _Requests(logging.Handler):
    """Takes from moto's log what S3 was asked: actions and resources, as policies name them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Asked = set()

    def emit(self, record: logging.LogRecord) -> None:
        if found := _REQUEST.search(record.getMessage()):
            method, bucket, key = found[1], found[2], found[3]
            names = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
            action = f"s3:{names.get(method, method)}" if key else "s3:ListBucket"
            self.asked.add((action, f"arn:aws:s3:::{bucket}/{key}".rstrip("/")))


@contextlib.contextmanager
def recorded() -> Iterator[Asked]:
    """What S3 is asked inside the block."""
    handler, logger = _Requests(), logging.getLogger("werkzeug")
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield handler.asked
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path / "keys")


@pytest.fixture
def shop_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A shop's index, and the template's bucket at an S3 that the environment names."""
    with aws_stub() as served:
        for name, value in served.environment().items():
            monkeypatch.setenv(name, value)
        with served.client("s3") as s3:
            s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield shop(tmp_path / "shop").index_dir


def refused(role: str, asked: Asked) -> Asked:
    """Of what was asked, what ``role`` may not."""
    policies = [*STACK.role_policies(role), STACK.bucket_policy(BUCKET)]
    context = {"aws:SecureTransport": "true"}
    return {one for one in asked if not is_allowed(policies, *one, context)}


def test_roles_let_through_what_is_asked_and_each_only_its_own(shop_dir: Path, keys: Keys, tmp_path: Path) -> None:
    to = ("--to", PLACE, "--keys", str(keys.folder))
    with recorded() as published:
        assert main(["publish", "--from", str(shop_dir), *to]) == 0
    with recorded() as signed:
        assert main(["sign", "--timestamp", *to]) == 0
    with recorded() as fetched:
        source = open_source(PLACE)
        verify(source, "stable", keys.root_file(1), tmp_path / "device", lambda what, total: lambda done: None)
    assert {action for action, _ in published} == {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}
    assert {action for action, _ in fetched} == {"s3:GetObject"}
    assert refused("IndexPublisher", published) == set()
    assert refused("TimestampSigner", signed) == set()
    assert refused("DeviceRole", fetched) == set()
    # The roles of others are not enough: they are not wider than they must be.
    assert refused("TimestampSigner", published)
    assert refused("DeviceRole", published)
    assert refused("ComponentsPublisher", published)
