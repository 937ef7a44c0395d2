"""A catalog becomes a generation: the real network, real pictures, real processes."""

import contextlib
import dataclasses
import hashlib
import http.server
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.catalog import load_catalog
from components.core.errors import BadContentError, FormatError, UnavailableError
from components.core.generations import SearchSettings
from components.core.golden import Golden, decode_golden, encode_golden
from components.featurizer.model import Model
from components.index_state import IndexState, write_state
from components.searcher.golden_check import check_golden
from components.searcher.snapshot import load_snapshot
from components.store import Store
from index_builder import increment
from index_builder.build import BuildOptions, BuildReport, build
from index_builder.embedding_store import Embedded, EmbeddingStore
from index_builder.inspection import inspect
from index_builder.pictures import Pictures
from index_builder.tuning import tune
from tests.generations import flip_byte, unit_vectors
from tests.meanwhile import served

COMMANDS = """
import sys
from argparse import ArgumentParser
from components.core.errors import LookalikeError
from index_builder import commands
parser = ArgumentParser()
getattr(commands, "add_" + sys.argv[1])(parser)
try:
    sys.exit(getattr(commands, "run_" + sys.argv[1])(parser.parse_args(sys.argv[2:])))
except LookalikeError as error:
    sys.exit(f"error: {error}")
"""


def start(command: str, *arguments: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", COMMANDS, command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(command: str, *arguments: object) -> tuple[int, str, str]:
    child = start(command, *arguments)
    out, err = child.communicate(timeout=120)
    return child.returncode, out.decode(), err.decode()


def silent(what: str, total: int) -> Callable[[int], None]:
    return lambda done: None


def picture(path: Path, seed: int, size: int = 96) -> Path:
    """A few colored shapes, another one for every seed."""
    rng = np.random.default_rng(seed)
    image = np.full((size, size, 3), rng.integers(0, 255, 3), np.uint8)
    for _ in range(6):
        x, y, radius = rng.integers(0, size, 3).tolist()
        cv2.circle(image, (x, y), radius // 3 + 2, rng.integers(0, 255, 3).tolist(), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def shop(folder: Path, count: int = 20) -> Path:
    for n in range(count):
        picture(folder / f"item-{n:02}.png", n)
    return folder


def made(catalog: Path, out: Path, model: Model, **options: object) -> BuildReport:
    given = {"catalog": catalog, "out": out, "name": "shop", "threads": 2, "camera_views": 2, **options}
    return build(BuildOptions(**given), lambda: model, silent)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def built(model: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, BuildReport]:
    """A folder of 20 pictures, its generation, the report; tests must not change them."""
    folder = tmp_path_factory.mktemp("built")
    catalog = shop(folder / "shop")
    return catalog, folder / "index", made(catalog, folder / "index", model, license="CC0-1.0")


def objects(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "objects").rglob("*") if path.is_file()}


def test_a_generation_holds_every_item_with_vectors_rows_thumbnails_and_the_model(
    built: tuple[Path, Path, BuildReport], model: Model
) -> None:
    _, out, report = built
    assert (report.generation, report.items, report.views, report.failures, report.dim) == (1, 20, 20, 0, 64)
    store = Store(out)
    catalog, snapshot = load_catalog(store, 1), load_snapshot(store, 1)
    assert snapshot.item_of == [f"item-{n:02}" for n in range(20)]
    for item_id in snapshot.item_of:
        item = catalog.get(item_id)
        assert item is not None
        thumbnail = store.read_object(item.thumbnail, 15 * 1024)
        assert cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_COLOR).shape == (96, 96, 3)
    manifest = store.manifest(1)
    assert (manifest.model.digest, manifest.model.license, manifest.license) == (model.digest, "Apache-2.0", "CC0-1.0")
    assert store.read_ref(manifest.model.file("model.bin")) == model.bin
    assert report.recall_at_10 >= 0.98


def test_the_same_input_gives_the_same_objects_in_any_folder_with_any_number_of_threads(
    built: tuple[Path, Path, BuildReport], model: Model, tmp_path: Path
) -> None:
    catalog, out, report = built
    again = made(catalog, tmp_path / "other", model, license="CC0-1.0", threads=1)
    assert again == report
    assert objects(tmp_path / "other") == objects(out)
    manifests = [folder / "generations" / "1.json" for folder in (out, tmp_path / "other")]
    assert manifests[0].read_bytes() == manifests[1].read_bytes()


@pytest.fixture
def copy(built: tuple[Path, Path, BuildReport], tmp_path: Path) -> tuple[Path, Store, BuildReport]:
    """The same, of one's own."""
    catalog, out, report = built
    shutil.copytree(catalog, tmp_path / "shop")
    shutil.copytree(out, tmp_path / "index")
    return tmp_path / "shop", Store(tmp_path / "index"), report


def test_the_same_input_again_makes_no_new_generation_and_another_one_does(
    copy: tuple[Path, Store, BuildReport], model: Model
) -> None:
    catalog, store, report = copy
    assert made(catalog, store.index_dir, model, license="CC0-1.0") == dataclasses.replace(report, unchanged=True)
    picture(catalog / "more.png", 99)
    more = made(catalog, store.index_dir, model, license="CC0-1.0")
    assert (more.generation, more.unchanged, more.items) == (2, False, 21)
    assert store.active() == 2


def test_what_is_damaged_or_lost_is_healed_by_building_again(
    copy: tuple[Path, Store, BuildReport], model: Model
) -> None:
    catalog, store, _ = copy
    whole = objects(store.index_dir)
    for path in (store.index_dir / "objects").rglob("*"):
        if path.is_file():
            flip_byte(path)
    made(catalog, store.index_dir, model, license="CC0-1.0")
    assert objects(store.index_dir) == whole
    lost = load_catalog(store, 1).get("item-01")
    assert lost is not None
    store.object_path(lost.thumbnail).unlink()
    (store.index_dir / "generations" / "1.json").write_bytes(b"{")
    assert made(catalog, store.index_dir, model, license="CC0-1.0").generation == 2
    inspect(store, 2)


def test_a_device_that_gets_updates_is_no_folder_to_build_into(tmp_path: Path, model: Model) -> None:
    write_state(tmp_path / "index", IndexState(active=7))
    with pytest.raises(UnavailableError, match="is the index of a device that gets updates"):
        made(shop(tmp_path / "shop", 1), tmp_path / "index", model)


def bad_pictures(folder: Path) -> dict[str, str]:
    """One picture of every bad kind, with a part of what must be said of it."""
    whole = picture(folder / "whole.png", 1).read_bytes()
    jpeg = cv2.imencode(".jpg", np.zeros((90, 90, 3), np.uint8))[1].tobytes()
    contents = {
        "empty.jpg": b"",
        "text.jpg": b"this is no picture at all, but long enough",
        "cut.png": whole[: len(whole) // 2],
        "cut.jpg": jpeg[: len(jpeg) // 3],
        "gif.png": b"GIF89a" + b"\0" * 60,
        "bomb.png": whole[:16] + (60_000).to_bytes(4, "big") * 2 + whole[24:],
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return {**dict.fromkeys(contents, ""), "missing.jpg": "does not exist", "a\0b.jpg": "no path of a picture"}


def test_bad_pictures_are_listed_with_the_reason_and_stop_nothing(model: Model, tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 2)
    bad = bad_pictures(folder)
    lines = [{"item_id": f"bad-{n}", "image": name} for n, name in enumerate(bad)]
    lines += [{"item_id": "good", "image": "item-00.png|cut.png"}, {"item_id": "none", "image": ""}]
    catalog = folder / "shop.jsonl"
    catalog.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = made(catalog, tmp_path / "out", model)
    assert (report.items, report.views, report.failures) == (1, 1, len(bad) + 2)
    listed = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").read_text().splitlines()]
    assert [one["item_id"] for one in listed] == [*(f"bad-{n}" for n in range(len(bad))), "good", "none"]
    for one, said in zip(listed, bad.values(), strict=False):
        assert said in one["reason"]
        assert one["reason"].endswith(".")
        assert "\n" not in one["reason"]
    assert listed[-1]["reason"] == "The item has no picture."


def test_more_failures_than_allowed_end_with_1_and_without_a_generation(tmp_path: Path, model_dir: Path) -> None:
    catalog = shop(tmp_path / "shop", 2)
    (catalog / "bad.jpg").write_bytes(b"no picture")
    out = tmp_path / "out"
    arguments = ("--catalog", catalog, "--out", out, "--model", model_dir)
    code, _, said = run("build", *arguments, "--max-failures", 0)
    assert (code, Store(out).active()) == (1, None)
    assert said.splitlines()[-1] == (
        f"error: 1 pictures could not be used, more than --max-failures 0: {out / 'failures.jsonl'} lists them. "
        "No generation was made; what was embedded is kept."
    )
    code, shown, _ = run("build", *arguments, "--max-failures", 1, "--json", tmp_path / "figures.json")
    assert (code, Store(out).active()) == (0, 1)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert (figures["items"], figures["failures"], figures["generation"]) == (2, 1, 1)
    assert re.search(rf"model +{figures['model']}", shown)


def test_a_catalog_without_any_usable_picture_says_what_is_wrong_with_the_first(model: Model, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(BadContentError, match=r"None of the catalog's 1 pictures can be used; the first one: bad, "):
        made(tmp_path / "shop", tmp_path / "out", model)


def test_a_build_that_was_killed_goes_on_and_gives_the_same(model: Model, model_dir: Path, tmp_path: Path) -> None:
    catalog, out = shop(tmp_path / "shop", 130), tmp_path / "out"
    child = start("build", "--catalog", catalog, "--out", out, "--model", model_dir, "--name", "shop", "--threads", 1)
    database = out / "work" / "embeddings.sqlite"

    def kept() -> int:
        try:
            with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
                return int(connection.execute("SELECT count(*) FROM embeddings").fetchone()[0])
        except sqlite3.Error:
            return 0

    end = time.monotonic() + 120
    while kept() == 0:
        assert child.poll() is None, child.communicate()[1].decode()
        assert time.monotonic() < end
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    before = kept()
    assert 0 < before < 130
    assert Store(out).active() is None
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "CREATE TRIGGER once BEFORE INSERT ON embeddings WHEN EXISTS (SELECT 1 FROM embeddings WHERE picture = "
            "NEW.picture) BEGIN SELECT RAISE(ABORT, 'a picture was embedded twice'); END"
        )
    report = made(catalog, out, model)
    uninterrupted = made(catalog, tmp_path / "other", model)
    assert report == uninterrupted
    assert objects(out) == objects(tmp_path / "other")


class Shop(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and counts what was asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved.png":
            self.send_response(302)
            self.send_header("Location", "/item-01.png")
            self.end_headers()
            return
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web_shop(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    folder, asked = shop(tmp_path / "web", 3), []  # type: ignore[var-annotated]

    class Here(Shop):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

    Here.asked = asked
    with served(Here) as address:
        yield address, asked


def test_pictures_from_the_web_are_fetched_once(web_shop: tuple[str, list[str]], model: Model, tmp_path: Path) -> None:
    address, asked = web_shop
    lines = [f"web,{address}/item-00.png", f"moved,{address}/moved.png", f"gone,{address}/none.png"]
    lines += [f"again,{address}/item-00.png", "nowhere,http://127.0.0.1:1/a.png", "odd,http://[::1/a.png"]
    catalog = tmp_path / "shop.csv"
    catalog.write_text("item_id,image\n" + "\n".join(lines) + "\n")
    first = made(catalog, tmp_path / "out", model)
    assert (first.items, first.failures) == (3, 3)
    listed = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").read_text().splitlines()]
    assert [one["item_id"] for one in listed] == ["gone", "nowhere", "odd"]
    assert "404" in listed[0]["reason"]
    assert all("could not be fetched" in one["reason"] and "\n" not in one["reason"] for one in listed)
    assert {"/item-00.png", "/moved.png", "/item-01.png", "/none.png"} == set(asked)
    asked.clear()
    assert made(catalog, tmp_path / "out", model).unchanged
    assert asked == ["/none.png"]  # what could not be had is tried again


def test_many_threads_fetch_the_same_picture_whole(web_shop: tuple[str, list[str]], tmp_path: Path) -> None:
    address, _ = web_shop
    pictures = Pictures(tmp_path / "cache")
    wanted = hashlib.sha256((tmp_path / "web" / "item-02.png").read_bytes()).hexdigest()
    found: list[str] = []

    def fetch() -> None:
        found.append(hashlib.sha256(pictures.read(f"{address}/item-02.png")).hexdigest())

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pictures.close()
    assert found == [wanted] * 8


def test_inspect_finds_a_flipped_byte_in_any_object(copy: tuple[Path, Store, BuildReport]) -> None:
    _, store, _ = copy
    figures = inspect(store, 1)
    assert (figures.items, figures.views, figures.thumbnails, figures.segments) == (20, 20, 20, 1)
    files = [path for path in (store.index_dir / "objects").rglob("*") if path.is_file()]
    assert len(files) == 20 + 2 + 1 + 1 + 3
    for path in files:
        flip_byte(path, path.stat().st_size // 2)
        with pytest.raises(FormatError, match=path.name):
            inspect(store, 1)
        flip_byte(path, path.stat().st_size // 2)
    inspect(store, 1)


def test_inspect_compares_the_figures_of_the_manifest(built: tuple[Path, Path, BuildReport]) -> None:
    _, out, _ = built
    store = Store(out)
    for wrong in ({"items": 21}, {"views": 21}):
        store.write_manifest(dataclasses.replace(store.manifest(1), seq=9, **wrong))
        with pytest.raises(FormatError, match="its manifest says 21"):
            inspect(store, 9)
        (out / "generations" / "9.json").unlink()


def test_inspect_prints_and_writes_the_figures(built: tuple[Path, Path, BuildReport], tmp_path: Path) -> None:
    code, shown, _ = run("inspect", built[1], "--json", tmp_path / "deep" / "figures.json")
    assert code == 0
    assert json.loads((tmp_path / "deep" / "figures.json").read_text())["items"] == 20
    assert re.search(r"items +20\b", shown)
    code, _, said = run("inspect", tmp_path)
    assert (code, "There is no index generation in" in said) == (1, True)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, model_dir: Path) -> None:
    catalog = shop(tmp_path / "shop", 1)
    (tmp_path / "file").write_bytes(b"")
    code, _, said = run("build", "--catalog", catalog, "--out", tmp_path / "file", "--model", model_dir)
    assert code == 1
    assert f"error: {tmp_path / 'file'} cannot be written" in said
    assert "Traceback" not in said


def test_a_damaged_file_of_embeddings_is_named(tmp_path: Path, model: Model) -> None:
    catalog, out = shop(tmp_path / "shop", 1), tmp_path / "out"
    (out / "work").mkdir(parents=True)
    (out / "work" / "embeddings.sqlite").write_bytes(b"no database, but long enough to be taken for one" * 100)
    with pytest.raises(FormatError, match=r"embeddings\.sqlite is damaged .* remove it"):
        made(catalog, out, model)


def test_a_full_disk_is_one_sentence(model: Model, tmp_path: Path) -> None:
    kept = EmbeddingStore(tmp_path / "embeddings.sqlite", model.digest)
    several = [Embedded(f"{n:064}", unit_vectors(1, 1280)[0], "") for n in range(50)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        with pytest.raises(UnavailableError, match="on a disk with room"):
            kept.add(several)
        with pytest.raises(UnavailableError, match="the room on the disk"):
            Store(tmp_path).write_object(b"x" * 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
        kept.close()


@pytest.mark.parametrize("count", [2, 16])
def test_a_catalog_of_one_picture_many_times_is_built(model: Model, tmp_path: Path, count: int) -> None:
    same = picture(tmp_path / "same.png", 1)
    catalog = tmp_path / "shop.csv"
    catalog.write_text("item_id,image\n" + "".join(f"i{n},{same.name}\n" for n in range(count)))
    report = made(catalog, tmp_path / "out", model)
    assert (report.items, report.recall_at_10) == (count, 1.0)
    inspect(Store(tmp_path / "out"), 1)


def test_items_that_share_a_placeholder_picture_do_not_count_against_annoy() -> None:
    vectors = unit_vectors(1_000)
    vectors[:300] = vectors[0]
    settings, recall = tune(vectors)
    assert settings.search_k > 0
    assert recall >= 0.99


def test_where_annoy_would_look_at_everything_the_scan_is_exact() -> None:
    rng = np.random.default_rng(0)
    nothing_in_common = rng.normal(size=(9_000, 256)).astype(np.float32)
    nothing_in_common /= np.linalg.norm(nothing_in_common, axis=1, keepdims=True)
    assert tune(nothing_in_common) == (SearchSettings(search_k=0), 1.0)


def test_the_golden_queries_find_their_items_on_the_way_of_the_device(
    copy: tuple[Path, Store, BuildReport],
) -> None:
    _, store, _ = copy
    snapshot, manifest = load_snapshot(store, 1), store.manifest(1)
    assert manifest.golden is not None
    golden = decode_golden(store.read_ref(manifest.golden))
    assert 8 <= len(golden.item_ids) <= 16
    assert len(set(golden.item_ids)) >= 8
    assert check_golden(store, snapshot) == len(golden.item_ids)
    wrong = store.write_object(encode_golden(Golden(golden.embeddings, golden.item_ids[::-1])))
    with pytest.raises(FormatError, match="does not find what it must: Golden query 0 finds"):
        check_golden(store, dataclasses.replace(snapshot, manifest=dataclasses.replace(manifest, golden=wrong)))


def test_a_build_adds_to_the_last_generation_what_is_new_and_takes_away_what_is_gone(
    copy: tuple[Path, Store, BuildReport], model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, store, first = copy
    assert first.learned == "fewer than 2,000 views"
    monkeypatch.setattr(increment, "FEWEST_VIEWS", 10)
    assert made(catalog, store.index_dir, model, license="CC0-1.0").unchanged
    picture(catalog / "more.png", 99)
    more = made(catalog, store.index_dir, model, license="CC0-1.0")
    assert (more.generation, more.learned, more.added_views, more.removed_views, more.items) == (2, "", 1, 0, 21)
    assert more.segments[:-1] == first.segments
    (catalog / "item-03.png").unlink()
    less = made(catalog, store.index_dir, model, license="CC0-1.0")
    assert (less.generation, less.learned, less.added_views, less.removed_views, less.items) == (3, "", 0, 1, 20)
    assert less.segments == more.segments
    inspect(store, 3)
    anew = made(catalog, store.index_dir, model, license="CC0-1.0", compact=True)
    assert (anew.generation, anew.learned, anew.items) == (4, "as was asked", 20)
    assert len(anew.segments) == 1
