"""Taught items as one file: out, in again, and what is damaged is refused."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from components.core.errors import FormatError, UnavailableError
from components.searcher import taught_cli
from components.taught_archive import encode_archive, exported, read_archive, write_archive
from components.taught_store import TaughtStore
from tests.generations import unit_vectors
from tests.teaching_kit import WEBP, item, view

SOURCE_TREE = Path(__file__).parents[1]


def fill(folder: Path) -> TaughtStore:
    """Two items of two models with pictures, one changed catalog item, one draft."""
    import hashlib

    digest = hashlib.sha256(WEBP).hexdigest()
    store = TaughtStore(folder)
    views = [view("tea", unit_vectors(1, 64, n)[0], thumbnail=digest, taken_at=float(n)) for n in range(3)]
    views += [view("milk", unit_vectors(1, 48, n)[0], model="b" * 64) for n in range(2)]
    views += [
        view("tea", unit_vectors(1, 64, 9)[0], source="confirmed", state="quarantined"),
        view("draft", unit_vectors(1, 64, 8)[0]),
    ]
    items = [item("tea", description="茶"), item("milk", category="cold"), item("draft", state="draft")]
    items += [item("item-3", own=False, state="removed", title=""), item("gone", state="removed")]
    store.change("save", 1.0, items=items, views=views, thumbnails={digest: WEBP})
    return store


def run(folder: Path, *arguments: str) -> tuple[int, list[str], list[str]]:
    said: list[str] = []
    complaints: list[str] = []
    code = taught_cli.main(["--taught-dir", str(folder), *arguments], said.append, complaints.append)
    return code, said, complaints


def test_backup_and_restore_give_the_same_items(tmp_path: Path) -> None:
    store = fill(tmp_path / "a")
    file = tmp_path / "taught.zip"
    assert run(tmp_path / "a", "export", str(file))[:2] == (0, [f"{file}: 3 items, 6 views"])
    assert run(tmp_path / "b", "restore", str(file), "--dry-run")[1] == [
        f"{file} is whole: 3 items, 6 views",
        "3 items and 6 views would be added or changed; what else was taught stays",
    ]
    assert not (tmp_path / "b").exists()
    assert run(tmp_path / "b", "restore", str(file))[0] == 0
    restored, wanted = TaughtStore(tmp_path / "b").catalog(), exported(store.catalog())
    assert restored == wanted
    for one, other in zip(restored.views, wanted.views, strict=True):
        np.testing.assert_array_equal(one.embedding, other.embedding)
    assert TaughtStore(tmp_path / "b").thumbnail(restored.views[0].thumbnail) == WEBP
    again = tmp_path / "again.zip"
    run(tmp_path / "b", "export", str(again))
    assert again.read_bytes() == file.read_bytes()


def test_restoring_keeps_what_else_was_taught_and_can_be_undone(tmp_path: Path) -> None:
    fill(tmp_path / "a")
    file = tmp_path / "taught.zip"
    run(tmp_path / "a", "export", str(file))
    store = TaughtStore(tmp_path / "b")
    store.change("save", 1.0, items=[item("tea", title="other"), item("juice")], views=[view("juice")])
    before = store.catalog()
    assert run(tmp_path / "b", "restore", str(file))[0] == 0
    assert set(store.catalog().items) == {"tea", "milk", "item-3", "juice"}
    assert store.catalog().items["tea"].title == "tea"
    assert run(tmp_path / "b", "restore", str(file))[1][1].startswith("0 items and 0 views are added")
    assert store.undo(store.operations()[0].number, 2.0) is not None
    assert (store.catalog().items["tea"].title, store.catalog().views) == ("other", before.views)


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes], *, honest: bool = True) -> bytes:
    """The archive of ``parts``; an honest one has a manifest that fits them."""
    import hashlib

    if honest:
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items() if name != "manifest.json"}
        parts = {
            **parts,
            "manifest.json": json.dumps({**json.loads(parts["manifest.json"]), "members": hashes}).encode(),
        }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def changed(parts: dict[str, bytes], name: str, data: bytes | None) -> dict[str, bytes]:
    rest = {member: content for member, content in parts.items() if member != name}
    return rest if data is None else {**rest, name: data}


def name_of(parts: dict[str, bytes], start: str) -> str:
    return next(name for name in parts if name.startswith(start))


@pytest.mark.parametrize("position", range(0, 100, 7))
def test_a_flipped_bit_is_found(tmp_path: Path, position: int) -> None:
    store = fill(tmp_path / "a")
    data = bytearray(encode_archive(exported(store.catalog()), store.thumbnail))
    data[len(data) * position // 100] ^= 0x10
    file = tmp_path / "taught.zip"
    file.write_bytes(data)
    before = exported(store.catalog())
    try:
        read = read_archive(file)
    except FormatError as error:
        assert str(file) in str(error)
    else:  # in a field that says nothing, such as a time of writing
        assert read.catalog == before


def test_what_is_no_whole_archive_is_refused_and_nothing_is_restored(tmp_path: Path) -> None:
    store = fill(tmp_path / "a")
    whole = encode_archive(exported(store.catalog()), store.thumbnail)
    parts = members(whole)
    vectors, picture = name_of(parts, "embeddings/"), name_of(parts, "thumbnails/")
    manifest = json.loads(parts["manifest.json"])
    bad = {
        "nothing": b"",
        "no zip": b"PK\x03\x04" + bytes(100),
        "cut off": whole[: len(whole) // 2],
        "later format": packed(changed(parts, "manifest.json", json.dumps({**manifest, "format": 2}).encode())),
        "another kind": packed(changed(parts, "manifest.json", b'{"kind": "other"}')),
        "no manifest": packed(changed(parts, "manifest.json", None), honest=False),
        "a member more": packed({**parts, "more": b"x"}, honest=False),
        "a member less": packed(changed(parts, picture, None), honest=False),
        "another content": packed({**parts, "items.jsonl": b""}, honest=False),
        "no vector": packed(changed(parts, vectors, None)),
        "too few vectors": packed({**parts, vectors: npy(np.ones((1, 64), np.float16) / 8)}),
        "vectors that are none": packed({**parts, vectors: npy(np.zeros((3, 64), np.float16))}),
        "a pickle": packed({**parts, vectors: npy(np.array([{}, {}, {}], dtype=object))}),
        "another picture": packed({**parts, picture: b"RIFF"}),
        "an unknown state": packed({**parts, "items.jsonl": parts["items.jsonl"].replace(b"active", b"strange")}),
        "no json": packed({**parts, "views.jsonl": b"{"}),
        "a view twice": packed({**parts, "views.jsonl": parts["views.jsonl"] * 2}),
    }
    for what, data in bad.items():
        file = tmp_path / "bad.zip"
        file.write_bytes(data)
        code, said, (complaint,) = run(tmp_path / "b", "restore", str(file))
        assert (code, said, complaint.count("\n")) == (1, [], 0), what
        assert complaint.startswith(f"error: {file}"), what
        assert not (tmp_path / "b").exists(), what


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    for arguments in (("restore", str(tmp_path / "no.zip")), ("export", str(tmp_path / "out.zip"))):
        code, _, complaints = run(tmp_path / "nobody", *arguments)
        assert (code, len(complaints)) == (1, 1)
    store = fill(tmp_path / "a")
    with pytest.raises(UnavailableError, match="cannot be written"):
        write_archive(tmp_path / "a" / "taught.sqlite" / "x.zip", store.catalog(), store.thumbnail)


def test_the_command_lists_and_erases(tmp_path: Path) -> None:
    fill(tmp_path / "a").close()
    command = [sys.executable, "-m", "components.searcher", "taught", "--taught-dir", str(tmp_path / "a")]
    listed = subprocess.run([*command, "list"], cwd=SOURCE_TREE, capture_output=True, text=True, check=True).stdout
    assert "tea  active  4 views, 1 of them not confirmed yet  tea" in listed.splitlines()
    assert run(tmp_path / "a", "erase", "--yes")[0] == 0
    assert run(tmp_path / "a", "list")[1] == []
