"""A bucket, a folder and a tar give the same bytes, whole or from the middle on."""

import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync import pace
from cloud_sync.sources import open_source, read_small
from cloud_sync.sources.opened import Opened, first_bytes
from components.core.errors import ConfigurationError, FormatError, NotThereError, UnavailableError
from index_builder.publish.places import open_place
from tests.object_place import BUCKET, as_device, put, s3_server, source_of, write_tar, write_tree

ROOT = Path(__file__).parents[1]
KINDS = ("s3", "folder", "tar")
LARGE = bytes(range(256)) * 1_000
FILES = {"stable/metadata/timestamp.json": b"{}", "objects/aa/large": LARGE, "objects/ee/empty": b""}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    as_device(monkeypatch)


def joined(opened: Opened) -> bytes:
    return b"".join(opened.parts)


@pytest.mark.parametrize("kind", KINDS)
def test_small_files_are_read_whole_and_never_beyond_what_is_allowed(kind: str, tmp_path: Path, server: str) -> None:
    source = source_of(kind, tmp_path, server, FILES)
    assert read_small(source, "stable/metadata/timestamp.json", 2) == b"{}"
    assert read_small(source, "objects/ee/empty", 10) == b""
    with pytest.raises(FormatError, match="256000 bytes, more than the 255999"):
        read_small(source, "objects/aa/large", len(LARGE) - 1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_is_told_apart_from_what_cannot_be_had(kind: str, tmp_path: Path, server: str) -> None:
    source = source_of(kind, tmp_path, server, FILES)
    with pytest.raises(NotThereError):
        read_small(source, "stable/metadata/2.root.json", 100)
    with pytest.raises(NotThereError), source.open("objects/aa/none"):
        pass


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_goes_on_where_it_broke_off(kind: str, tmp_path: Path, server: str) -> None:
    source = source_of(kind, tmp_path, server, FILES)
    with source.open("objects/aa/large") as whole:
        assert (whole.size, whole.offset, joined(whole)) == (len(LARGE), 0, LARGE)
    assert whole.etag
    with source.open("objects/aa/large", 100_000, whole.etag) as rest:
        assert (rest.size, rest.offset, joined(rest)) == (len(LARGE), 100_000, LARGE[100_000:])


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_that_changed_meanwhile_begins_anew(kind: str, tmp_path: Path, server: str) -> None:
    source = source_of(kind, tmp_path, server, FILES)
    with source.open("objects/aa/large") as before:
        pass
    changed = {**FILES, "objects/aa/large": LARGE[::-1] + b"more"}
    source = source_of(kind, tmp_path, server, changed)
    with source.open("objects/aa/large", 100_000, before.etag) as again:
        assert (again.offset, joined(again)) == (0, changed["objects/aa/large"])
    with source.open("objects/aa/large", 10**9, again.etag) as beyond:
        assert beyond.offset == 0 or joined(beyond) == b""


def test_a_server_that_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    source = open_source("s3://some-bucket/shop", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match=r"cannot be had now .*: look at the network, and try again") as told:
        read_small(source, "stable/metadata/timestamp.json", 100)
    assert "Signature" not in str(told.value)


def test_without_credentials_the_token_exchange_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UnavailableError, match=r"aws\.greengrass\.TokenExchangeService"):
        read_small(open_source("s3://some-bucket/shop"), "x", 100)


@pytest.mark.parametrize("address", ["", "http://host/path", "s3://", "s3:/bucket/x", "s3://UPPER/x", "s3:///x"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="expected s3://bucket/prefix"):
        open_source(address)


@pytest.mark.parametrize("endpoint", ["localhost:9000", "s3.example.com", "https://", "http:///x", "http://a b"])
def test_an_endpoint_that_is_none_is_refused_by_who_reads_and_who_publishes(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="expected an address like https://"):
        open_source("s3://some-bucket/shop", endpoint)
    with (
        pytest.raises(ConfigurationError, match="expected an address like https://"),
        open_place("s3://some-bucket/shop", endpoint),
    ):
        pass


@pytest.mark.parametrize("address", ["s3://UPPER/x", "s3://a b/x", "s3://x", "s3://", "s3:///x"])
def test_nobody_publishes_where_no_device_would_look(address: str) -> None:
    with pytest.raises(ConfigurationError, match="expected s3://bucket/prefix"), open_place(address):
        pass


def test_a_bucket_without_a_prefix_is_a_place(server: str) -> None:
    put(server, FILES, prefix="a/b")
    assert read_small(open_source(f"s3://{BUCKET}", server), "a/b/stable/metadata/timestamp.json", 9) == b"{}"
    assert read_small(open_source(f"s3://{BUCKET}/a/b/", server), "stable/metadata/timestamp.json", 9) == b"{}"


def test_a_tar_that_is_none_is_refused_and_one_that_was_copied_again_is_read(tmp_path: Path) -> None:
    path = tmp_path / "place.tar"
    source = open_source(str(path))
    with pytest.raises(NotThereError, match="is the stick plugged in"):
        read_small(source, "x", 9)
    for broken in (b"", b"no tar", b"\0" * 512 + b"x"):
        path.write_bytes(broken)
        with pytest.raises((FormatError, NotThereError)):
            read_small(source, "x", 9)
    write_tar(path, FILES, tmp_path / "place")
    assert read_small(source, "objects/aa/large", 10**6) == LARGE


def test_a_header_that_claims_gigabytes_makes_no_room_for_them(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bomb.tar", "w") as tar:
        for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
            member = tarfile.TarInfo("x")
            member.type, member.size = kind, 7 * 2**30
            tar.addfile(member)
    code = f"""
import resource
from cloud_sync.sources import open_source, read_small
from components.core.errors import FormatError, NotThereError
resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
try:
    read_small(open_source({str(tmp_path / "bomb.tar")!r}), "x", 9)
except (FormatError, NotThereError):
    print("refused")
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.stdout == "refused\n", told.stderr


def test_a_link_in_a_tar_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "place" / "x").symlink_to("../secret")
    write_tar(tmp_path / "place.tar", FILES, tmp_path / "place")
    with pytest.raises(NotThereError):
        read_small(open_source(str(tmp_path / "place.tar")), "x", 9)


def test_a_file_that_cannot_be_read_may_come_back(tmp_path: Path) -> None:
    write_tree(tmp_path, FILES)
    with pytest.raises(UnavailableError, match="cannot be read"):
        read_small(open_source(str(tmp_path)), "objects/aa", 9)


def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "place.zip").touch()
    with pytest.raises(UnavailableError, match=r"place\.zip is no folder, and no file that ends in \.tar"):
        read_small(open_source(str(tmp_path / "place.zip")), "x", 9)
    with (
        pytest.raises(UnavailableError, match=r"x\.tar cannot be used .*place\.zip\): look at the address"),
        open_place(str(tmp_path / "place.zip" / "x.tar")),
    ):
        pass


def test_a_small_file_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PATIENCE_S", 0.05)

    def drip() -> Iterator[bytes]:
        for _ in range(300):
            time.sleep(0.002)
            yield b"x"

    with pytest.raises(UnavailableError, match=r"brought \d+ bytes"):
        first_bytes(Opened(300, 0, "", drip()), "stable/metadata/3.targets.json", 300)
