"""A publisher's place in a bucket of S3: boto3 signs with the device's own credentials, urllib3 asks.

Not boto3 itself: it would take an answer to another question than was asked, and read an endless error to its end.
"""

import contextlib
import os
import re
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import get_cert_path

from cloud_sync.sources.opened import AGAIN, PART_BYTES, Opened
from components.core.errors import ConfigurationError, NotThereError, UnavailableError

CONNECT_S, ANSWER_S = 10.0, 20.0
_SIGNED_FOR_S = 900
_MAX_ERROR_BYTES = 4_096
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*?))?/*")
_ENDPOINT = re.compile(r"https?://[^\s/]+(/\S*)?")
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_CODE = re.compile(rb"<Code>(\w{1,80})</Code>")
_OK, _PARTIAL, _CHANGED, _OUT_OF_RANGE = 200, 206, 412, 416
_NOT_THERE = (403, 404)
_ANOTHER_REGION = (301, 307, 400)
_PLAIN = ("", "identity", "aws-chunked")


def located(address: str, endpoint_url: str) -> tuple[str, str, str | None]:
    """Bucket, prefix and endpoint (None: Amazon's own), the same for who publishes and who reads.

    Raises ConfigurationError for what cannot be one.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ConfigurationError(f"{address!r} is no place in S3; expected s3://bucket/prefix, as S3 allows its names.")
    if endpoint_url and not _ENDPOINT.fullmatch(endpoint_url):
        raise ConfigurationError(
            f"{endpoint_url!r} is no endpoint of an S3; expected an address like https://s3.example.com, or nothing "
            "for Amazon's own."
        )
    return found[1], found[2] or "", endpoint_url or None


class S3Source:
    """Reads objects under ``s3://bucket/prefix``; every wait has a deadline, and nothing is tried again in here."""

    def __init__(self, address: str, endpoint_url: str = "") -> None:
        self._bucket, self._prefix, self._endpoint_url = located(address, endpoint_url)
        self._region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        self._s3: Any = None
        self._pool = _pool()

    @contextlib.contextmanager
    def open(self, path: str, offset: int = 0, etag: str = "") -> Iterator[Opened]:
        """An object's bytes from ``offset`` on, if it still is the one that had ``etag``."""
        key = "/".join(filter(None, (self._prefix, path)))
        asked = offset if etag else 0
        with self._converting(key):
            answer = self._answer(key, asked, etag)
            try:
                yield _opened(answer, key, asked)
            finally:
                answer.close()  # what was read to its end has given its connection back already

    def _answer(self, key: str, offset: int, etag: str) -> urllib3.BaseHTTPResponse:
        """The answer that brings the object, from ``offset`` on or from its beginning."""
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers |= {"Range": f"bytes={offset}-", "If-Match": etag}
        answer = self._ask(key, headers)
        if answer.status in (_OK, _PARTIAL):
            return answer
        code, region = _told(answer), answer.headers.get("x-amz-bucket-region", "")
        answer.close()
        if offset and answer.status in (_CHANGED, _OUT_OF_RANGE):
            return self._answer(key, 0, "")
        if answer.status in _ANOTHER_REGION and re.fullmatch(r"[a-z0-9-]{4,30}", region) and region != self._region:
            self._region, self._s3 = region, None
            return self._answer(key, offset, etag)
        raise self._refused(key, answer.status, code)

    def _ask(self, key: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        if self._s3 is None:
            # Left to itself it signs for the global endpoint, which redirects. No certificate fits a name with a dot.
            style = "path" if self._endpoint_url or "." in self._bucket else "virtual"
            config = Config(signature_version="s3v4", s3={"addressing_style": style})
            session = boto3.Session(region_name=self._region)
            self._s3 = session.client("s3", endpoint_url=self._endpoint_url, config=config)
        url = self._s3.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=_SIGNED_FOR_S
        )
        return self._pool.request(
            "GET",
            url,
            headers=dict(headers),
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_S, read=ANSWER_S),
        )

    def _refused(self, key: str, status: int, code: str) -> UnavailableError:
        where, said = f"s3://{self._bucket}/{key}", f"{status} {code}".strip()
        if code == "RequestTimeTooSkewed":
            return UnavailableError(f"S3 does not take this device's clock ({said}): set the clock.")
        if status in _NOT_THERE:
            return NotThereError(
                f"{where} is not there, or may not be read ({said}): look at the address (a device's is index.source), "
                "and at s3:GetObject of who reads it (a device's role)."
            )
        return UnavailableError(f"{where} cannot be had now (S3 answered {said}): {AGAIN}.")

    @contextlib.contextmanager
    def _converting(self, key: str) -> Iterator[None]:
        where = f"s3://{self._bucket}/{key}"
        try:
            yield
        except (BotoCoreError, ClientError) as error:  # of its credentials alone: it asks for nothing else
            raise UnavailableError(
                f"{where} cannot be asked for ({_short(error)}): a device has its credentials from the recipe's "
                "dependency aws.greengrass.TokenExchangeService, a person has AWS_PROFILE and the like."
            ) from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise UnavailableError(
                f"{where} cannot be had now ({_short(error)}): look at the network, and {AGAIN}."
            ) from error


def _pool() -> urllib3.PoolManager:
    proxy = urllib.request.getproxies().get("https")
    # The bundle that boto3 itself asks with; AWS_CA_BUNDLE names another one.
    certificates = os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True)
    if proxy and not os.environ.get("AWS_ENDPOINT_URL_S3"):
        return urllib3.ProxyManager(proxy, ca_certs=certificates)
    return urllib3.PoolManager(ca_certs=certificates)


def _opened(answer: urllib3.BaseHTTPResponse, key: str, asked: int) -> Opened:
    """What ``answer`` brings, if it is an answer to what was asked; raises UnavailableError."""
    length = answer.headers.get("Content-Length", "")
    if answer.headers.get("Content-Encoding", "") not in _PLAIN or not re.fullmatch(r"\d{1,15}", length):
        raise UnavailableError(f"S3 sends {key} encoded, or of no known length: upload it again as it is.")
    offset, size = 0, int(length)
    if answer.status == _PARTIAL:
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        offset, last, size = map(int, found.groups()) if found else (-1, -1, -1)
        if (offset, last - offset) != (asked, int(length) - 1) or last != size - 1:
            raise UnavailableError(f"S3 sends another part of {key} than it was asked for: {AGAIN}.")
    return Opened(size, offset, answer.headers.get("ETag", ""), _parts(answer, key, size - offset))


def _parts(answer: urllib3.BaseHTTPResponse, key: str, left: int) -> Iterator[bytes]:
    while left > 0:
        # read1: what has come, so that whoever reads can look at the clock between two drops.
        part = answer.read1(min(PART_BYTES, left))
        if not part:
            raise UnavailableError(f"{key} broke off {left} bytes before its end: {AGAIN}.")
        left -= len(part)
        yield part


def _told(answer: urllib3.BaseHTTPResponse) -> str:
    """S3's own word for what is wrong, like NoSuchKey; "" where it says none."""
    try:
        found = _CODE.search(answer.read1(_MAX_ERROR_BYTES))
    except (urllib3.exceptions.HTTPError, OSError):
        return ""
    return found[1].decode() if found else ""


def _short(error: BaseException) -> str:
    # The text of some of them holds the address, and that the signature.
    name = type(error).__name__
    return name if "http" in str(error).lower() and "Amz" in str(error) else f"{name}: {str(error)[:120]}"
