"""The same files as a folder, a tar and a bucket, behind the three sources."""

import tarfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

from cloud_sync.sources import Source, open_source

BUCKET = "lookalike-test"
_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-central-1"}


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of a real S3 server of moto's, with one empty bucket."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install --editable '.[dev]'")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        # One process has one moto, with all that earlier tests left there.
        urllib.request.urlopen(f"{address}/moto-api/reset", data=b"").close()
        client = boto3.client("s3", endpoint_url=address, **_KEYS)
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": _KEYS["region_name"]})
        client.close()
        yield address
    finally:
        server.stop()


def put(address: str, files: Mapping[str, bytes], prefix: str = "shop") -> None:
    """Upload ``files`` under ``prefix``."""
    client = boto3.client("s3", endpoint_url=address, **_KEYS)
    for path, data in files.items():
        client.put_object(Bucket=BUCKET, Key=f"{prefix}/{path}", Body=data)
    client.close()


def as_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process the credentials that a nucleus gives a component."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "eu-central-1"),
    ):
        monkeypatch.setenv(name, value)


def write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write ``files`` as a publisher's folder."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def write_tar(path: Path, files: Mapping[str, bytes], folder: Path) -> None:
    """Write ``files`` as a publisher's tar, by way of ``folder``."""
    write_tree(folder, files)
    with tarfile.open(path, "w") as tar:
        tar.add(folder, arcname=".")


def source_of(kind: str, tmp_path: Path, server: str, files: Mapping[str, bytes]) -> Source:
    """The source of ``kind`` (s3, folder or tar) that offers ``files``."""
    if kind == "s3":
        put(server, files)
        return open_source(f"s3://{BUCKET}/shop", endpoint_url=server)
    write_tar(tmp_path / "place.tar", files, tmp_path / "place")
    return open_source(str(tmp_path / ("place.tar" if kind == "tar" else "place")))
