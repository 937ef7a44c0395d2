"""Generations and objects on a disk."""

import contextlib
import hashlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.catalog import load_catalog
from components.core.errors import FormatError, LookalikeError, UnavailableError
from components.core.generations import ObjectRef
from components.store import Store
from tests.generations import flip_byte, items, make_store, unit_vectors, write_generation


def test_an_object_lies_under_its_hash(tmp_path: Path) -> None:
    store = Store(tmp_path)
    ref = store.write_object(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    assert ref == ObjectRef(digest, 7)
    assert (tmp_path / "objects" / digest[:2] / digest).read_bytes() == b"content"
    assert store.read_ref(ref) == b"content"


def test_an_object_that_is_whole_is_not_written_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.object_path(store.write_object(b"content").sha256)
    before = path.stat().st_ino
    store.write_object(b"content")
    assert path.stat().st_ino == before


def test_writing_a_damaged_object_again_heals_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    ref = store.write_object(b"content")
    flip_byte(store.object_path(ref.sha256))
    with pytest.raises(FormatError, match="is damaged: its content does not have the hash of its name"):
        store.read_ref(ref)
    store.write_object(b"content")
    assert store.read_ref(ref) == b"content"


def test_a_missing_or_too_large_object_is_refused_with_its_path(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(FormatError, match=f"{'a' * 64} is missing"):
        store.read_object("a" * 64, 10)
    with pytest.raises(FormatError, match="larger than the 6 bytes"):
        store.read_object(store.write_object(b"content").sha256, 6)


def test_an_object_that_cannot_be_read_may_come_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.object_path("a" * 64).mkdir(parents=True)
    with pytest.raises(UnavailableError, match="cannot be read"):
        store.read_object("a" * 64, 10)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnavailableError, match="cannot be written"):
        Store(tmp_path / "file").write_object(b"content")


def test_the_newest_generation_is_active_and_other_names_are_ignored(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path)
    write_generation(store, vectors, items(len(vectors)), seq=12)
    for name in ("99.json.part", ".100.json.7", "²²².json", "٣٣٣.json", "0777.json", "x.json", "-5.json"):
        (tmp_path / "generations" / name).write_bytes(b"")
    assert store.active() == store.require_active() == 12


def test_without_a_generation_there_is_none(tmp_path: Path) -> None:
    assert Store(tmp_path).active() is None
    with pytest.raises(UnavailableError, match="make one with `python -m index_builder build`"):
        Store(tmp_path).require_active()


def test_a_manifest_under_another_number_is_refused(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path)
    (tmp_path / "generations" / "1.json").rename(tmp_path / "generations" / "2.json")
    with pytest.raises(FormatError, match="says that it is generation 1"):
        store.manifest(2)


def test_rows_that_are_no_zstd_or_claim_too_much_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    bomb = bytearray(zstandard.ZstdCompressor().compress(b"x" * 100_000))
    assert bomb[4] & 0xC0  # a frame that names the size of its content
    claims = zstandard.ZstdCompressor().compress(b"")[:4] + b"\xc0\x58" + (2**60).to_bytes(8, "little") + b"\x01\0\0"
    unknown = zstandard.ZstdCompressor(write_content_size=False).compress(b"x" * 100)
    for data in (b"", b"no zstd", bytes(bomb[:-9]), claims, unknown):
        with pytest.raises(FormatError, match="holds no readable rows"):
            store.read_rows(store.write_object(data))


def test_empty_rows_are_rows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.read_rows(store.write_rows(b"")) == b""
    assert store.read_rows(store.write_rows(b"a\n" * 100_000)) == b"a\n" * 100_000


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(0, 200), byte=st.integers(0, 255))
def test_damaged_rows_raise_nothing_but_the_declared_error(tmp_path: Path, position: int, byte: int) -> None:
    store = Store(tmp_path)
    packed = bytearray(zstandard.ZstdCompressor().compress(b"".join(b"%d\n" % n for n in range(500))))
    packed[position % len(packed)] = byte
    with contextlib.suppress(LookalikeError):
        store.read_rows(store.write_object(bytes(packed)))


def test_a_catalog_gives_its_items_without_the_removed_ones(tmp_path: Path) -> None:
    store, several = Store(tmp_path), items(6, views=2)
    write_generation(store, unit_vectors(6), several, removed=(0, 2, 3), tail=2)
    catalog = load_catalog(store, 1)
    assert (catalog.seq, len(catalog)) == (1, 2)
    assert catalog.get("item-0") == several[1]
    assert catalog.get("item-1") is None
    assert catalog.get("item-2") == several[5]


def test_a_catalog_whose_rows_are_damaged_is_refused(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path)
    flip_byte(store.object_path(store.manifest(1).segments[0].rows.sha256), 60)
    with pytest.raises(FormatError):
        load_catalog(store, 1)
