"""AWS as operators see it: moto serves S3, STS and AWS IoT, this file what moto lacks of AWS IoT Greengrass."""

import base64
import contextlib
import hashlib
import http.server
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

from tests.meanwhile import served

ACCOUNT = "123456789012"
REGION = "eu-central-1"
_CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}


@dataclass
class Aws:
    """What was published and deployed, and in which order."""

    moto: str
    """Where S3, STS and AWS IoT are served."""
    greengrass: str = ""
    recipes: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """As they were received, by component and version, in the order of their creation."""
    deployments: list[dict[str, Any]] = field(default_factory=list)
    """As they were received, in the order of their creation."""

    def environment(self) -> dict[str, str]:
        """For a process whose boto3 shall come here."""
        return {
            "AWS_ENDPOINT_URL": self.moto,
            "AWS_ENDPOINT_URL_GREENGRASSV2": self.greengrass,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def created(self) -> list[str]:
        """The components that were created, in order."""
        return [name for name, _ in self.recipes]

    def stored(self, bucket: str) -> dict[str, str]:
        """SHA-256 of everything in ``bucket``, by key; empty where there is no such bucket."""
        with self.client("s3") as s3:
            try:
                listed = s3.list_objects_v2(Bucket=bucket).get("Contents", ())
            except s3.exceptions.NoSuchBucket:
                return {}
            return {one["Key"]: _digest(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"]) for one in listed}

    def create(self, recipe: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
        """As the service does: a version exists once, and its artifacts must be there before it."""
        document = yaml.safe_load(recipe)
        name, version = document["ComponentName"], document["ComponentVersion"]
        if (name, version) in self.recipes:
            return HTTPStatus.CONFLICT, {"message": f"{name} {version} exists"}
        uris = [artifact["URI"] for manifest in document["Manifests"] for artifact in manifest.get("Artifacts", ())]
        missing = [uri for uri in uris if not self._is_stored(uri)]
        if missing:
            return HTTPStatus.BAD_REQUEST, {"message": f"cannot read {', '.join(missing)}"}
        self.recipes[name, version] = recipe
        return HTTPStatus.CREATED, {"componentName": name, "componentVersion": version}

    def versions(self, arn: str) -> dict[str, Any]:
        name = arn.rpartition(":")[2]
        found = [version for known, version in self.recipes if known == name]
        return {"componentVersions": [{"componentName": name, "componentVersion": one} for one in found]}

    def deploy(self, deployment: dict[str, Any]) -> dict[str, Any]:
        """Create a deployment."""
        self.deployments.append({name: one for name, one in deployment.items() if name != "clientToken"})
        return {"deploymentId": str(len(self.deployments))}

    def deployed(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """The newest deployment to a target, which is what LATEST_ONLY asks for."""
        assert query["historyFilter"] == ["LATEST_ONLY"]
        ids = [n for n, one in enumerate(self.deployments, 1) if [one["targetArn"]] == query["targetArn"]]
        return {"deployments": [{"deploymentId": str(n), "targetArn": query["targetArn"][0]} for n in ids[-1:]]}

    def deployment(self, number: str) -> dict[str, Any]:
        """One deployment, with what the service adds to it."""
        more = {"deploymentId": number, "deploymentStatus": "ACTIVE", "isLatestForTarget": True, "tags": {}}
        return {**self.deployments[int(number) - 1], **more, "creationTimestamp": 1_800_000_000}

    @contextlib.contextmanager
    def client(self, service: str) -> Iterator[Any]:
        """A client of ``service``, one that moto serves."""
        with contextlib.closing(boto3.client(service, endpoint_url=self.moto, **_CREDENTIALS)) as client:
            yield client

    def _is_stored(self, uri: str) -> bool:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        with self.client("s3") as s3:
            try:
                s3.head_object(Bucket=bucket, Key=key)
            except ClientError:
                return False
        return True


def _digest(body: Any) -> str:
    digest = hashlib.sha256()
    with contextlib.closing(body):
        for chunk in body.iter_chunks(2**20):
            digest.update(chunk)
    return digest.hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    aws: Aws

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        path = urllib.parse.unquote(path)
        if found := re.fullmatch(r"/greengrass/v2/components/(.+)/versions", path):
            self._answer(HTTPStatus.OK, self.aws.versions(found[1]))
        elif path == "/greengrass/v2/deployments":
            self._answer(HTTPStatus.OK, self.aws.deployed(urllib.parse.parse_qs(query)))
        elif found := re.fullmatch(r"/greengrass/v2/deployments/(\d+)", path):
            self._answer(HTTPStatus.OK, self.aws.deployment(found[1]))
        else:
            self._answer(HTTPStatus.NOT_FOUND, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/greengrass/v2/createComponentVersion":
            self._answer(*self.aws.create(base64.b64decode(json.loads(body)["inlineRecipe"])))
        elif self.path == "/greengrass/v2/deployments":
            self._answer(HTTPStatus.CREATED, self.aws.deploy(json.loads(body)))
        else:
            self._answer(HTTPStatus.NOT_FOUND, {})

    def _answer(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def aws_stub() -> Iterator[Aws]:
    """Serve until the block is left; skips where moto, one of the ``dev`` group's packages, is not installed."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install --editable '.[dev]'")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        # One process has one moto, with all that earlier tests left there.
        urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()
        with _greengrass(Aws(f"http://{host}:{port}")) as aws:
            yield aws
    finally:
        server.stop()


@contextlib.contextmanager
def _greengrass(aws: Aws) -> Iterator[Aws]:
    with served(type("Handler", (_Handler,), {"aws": aws})) as aws.greengrass:
        yield aws
