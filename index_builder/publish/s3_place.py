"""A bucket of S3, or of what speaks like it, as a place to publish to."""

import contextlib
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cloud_sync.sources.s3 import located
from components.core.errors import FormatError, NotThereError, UnavailableError
from index_builder.publish.taken import TakenError

_CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"mode": "standard", "max_attempts": 5},
    max_pool_connections=16,
    # What speaks like S3 may not know the newer checksums; TLS and the hash in the name are enough.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
_NOT_THERE = {"NoSuchKey", "404"}
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


@contextlib.contextmanager
def s3_place(address: str, endpoint_url: str = "") -> Iterator["S3Place"]:
    """The place at ``s3://bucket/prefix``, with the credentials of whoever publishes."""
    bucket, prefix, endpoint = located(address, endpoint_url)
    try:
        client = boto3.client("s3", endpoint_url=endpoint, config=_CONFIG)
    except (BotoCoreError, ValueError) as error:
        raise UnavailableError(
            f"S3 cannot be used ({error}): look at AWS_DEFAULT_REGION and your credentials."
        ) from error
    with contextlib.closing(client):
        yield S3Place(client, bucket, prefix)


class S3Place:
    """Objects under a prefix; ``swap`` is a conditional write, so that of two publishers one is refused."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def read(self, path: str, max_bytes: int) -> bytes:
        """The file; raises NotThereError, or FormatError where it is larger."""
        return self._read(path, max_bytes)[0]

    def sizes(self, folder: str) -> dict[str, int]:
        """Every file under ``folder``, by its path."""
        return {path: int(one["Size"]) for path, one in self._objects(f"{folder.rstrip('/')}/").items()}

    def written(self) -> dict[str, float]:
        """Every object, by its path, with when it was written: seconds since 1970."""
        return {path: one["LastModified"].timestamp() for path, one in self._objects("").items()}

    def put(self, path: str, data: bytes) -> None:
        """Write a file whose name tells its content."""
        with self._converting(path):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + path, Body=data)

    def swap(self, path: str, old: bytes | None, new: bytes) -> None:
        """Replace ``old`` by ``new`` where the bucket has nothing newer."""
        condition = {"IfNoneMatch": "*"}
        if old is not None:
            there, etag = self._read(path, max(len(old), len(new)) + 2**16)
            if there != old:
                raise TakenError(self._address(path))
            condition = {"IfMatch": etag}
        try:
            with self._converting(path):
                # No cache may keep the one file that changes.
                self._client.put_object(
                    Bucket=self._bucket, Key=self._prefix + path, Body=new, CacheControl="no-cache", **condition
                )
        except TakenError:
            if self._read(path, len(new) + 2**20)[0] != new:  # the answer to our own first try may have been lost
                raise

    def _objects(self, prefix: str) -> dict[str, Any]:
        with self._converting(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            found = [one for page in pages for one in page.get("Contents", ())]
        return {one["Key"].removeprefix(self._prefix): one for one in found}

    def _read(self, path: str, max_bytes: int) -> tuple[bytes, str]:
        with self._converting(path):
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)
            with contextlib.closing(found["Body"]) as body:
                if found["ContentLength"] > max_bytes:
                    raise FormatError(f"{self._address(path)} is larger than the {max_bytes} bytes that it may have.")
                return body.read(), found["ETag"]

    def _address(self, path: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{path}"

    @contextlib.contextmanager
    def _converting(self, path: str) -> Iterator[None]:
        where = self._address(path)
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _NOT_THERE:
                raise NotThereError(f"{where} is not there.") from error
            if code in _CHANGED:
                raise TakenError(where) from error
            raise UnavailableError(
                f"{where} cannot be used ({code}): look at the name of the bucket, at your permissions (s3:GetObject, "
                "s3:PutObject, s3:ListBucket) and at AWS_DEFAULT_REGION."
            ) from error
        except BotoCoreError as error:
            raise UnavailableError(
                f"{where} cannot be reached ({error}): look at your credentials (AWS_PROFILE and the like) and at the "
                "network, and try again."
            ) from error
