"""As much of STS, S3 and AWS IoT Greengrass as publishing needs, on one local port."""

import base64
import contextlib
import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

ACCOUNT = "123456789012"


@dataclass
class Aws:
    """What was stored, and what was done in which order."""

    port: int = 0
    buckets: set[str] = field(default_factory=set)
    objects: dict[str, int] = field(default_factory=dict)
    """Size of what was sent, by bucket/key."""
    components: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """For a process whose boto3 shall come here."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def create(self, recipe: str) -> dict[str, Any]:
        document = yaml.safe_load(recipe)
        name, version = document["ComponentName"], document["ComponentVersion"]
        self.components[name, version] = document
        self.done.append(f"create {name} {version}")
        return {"componentName": name, "componentVersion": version}

    def versions(self, arn: str) -> dict[str, Any]:
        name = arn.rpartition(":")[2]
        found = [version for known, version in self.components if known == name]
        return {"componentVersions": [{"componentName": name, "componentVersion": one} for one in found]}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    aws: Aws

    def do_HEAD(self) -> None:
        self._answer(200 if self._path().strip("/") in self.aws.buckets else 404, b"")

    def do_GET(self) -> None:
        found = re.fullmatch(r"/greengrass/v2/components/(.+)/versions", self._path())
        if found:
            self._answer(200, json.dumps(self.aws.versions(found[1])).encode())
        elif self._path().strip("/") in self.aws.buckets:
            self._answer(200, b"<LocationConstraint>eu-central-1</LocationConstraint>")
        else:
            self._answer(404, b"<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>")

    def do_PUT(self) -> None:
        body, path = self._body(), self._path().strip("/")
        if "/" in path:
            self.aws.objects[path] = self.aws.objects.get(path, 0) + len(body)
            self.aws.done.append(f"upload {path.partition('/')[2]}")
        else:
            self.aws.buckets.add(path)
        self._answer(200, b"")

    def do_POST(self) -> None:
        body, query = self._body(), urllib.parse.urlsplit(self.path).query
        if self._path() == "/greengrass/v2/createComponentVersion":
            recipe = base64.b64decode(json.loads(body)["inlineRecipe"]).decode()
            self._answer(201, json.dumps(self.aws.create(recipe)).encode())
        elif "uploads" in query:
            self._answer(200, b"<R><UploadId>1</UploadId></R>")
        elif "uploadId" in query:
            self._answer(200, b"<R><ETag>x</ETag></R>")
        else:
            self._answer(
                200,
                b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>" + ACCOUNT.encode() + b"</Account>"
                b"</GetCallerIdentityResult></GetCallerIdentityResponse>",
            )

    def _path(self) -> str:
        return urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"x"')
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def aws_stub() -> Iterator[Aws]:
    """Serve until the block is left."""
    aws = Aws()
    handler = type("Handler", (_Handler,), {"aws": aws})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    aws.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield aws
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
