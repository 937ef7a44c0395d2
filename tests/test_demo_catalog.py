"""The demo catalog: complete, the same for a seed, and never half there."""

import csv
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.core.errors import BadContentError, UnavailableError
from index_builder import demo_catalog_cli
from index_builder.catalog import read_catalog
from index_builder.demo.assortment import KINDS
from index_builder.demo.items import assortment, picture, row
from index_builder.demo.labels import LAYOUTS, MOTIFS
from index_builder.demo.palette import PALETTES
from index_builder.demo.patterns import PATTERNS
from index_builder.demo_catalog import MAX_ITEMS, write_demo_catalog

COLUMNS = ["item_id", "title", "title_ko", "title_zh", "category", "description", "url", "price", "image", "place"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    write_demo_catalog(out, items=3, seed=3)
    return out


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "catalog.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_shop_sells_at_least_120_items_each_once():
    rows = [row(item, 0) for item in assortment()]
    assert len(rows) == MAX_ITEMS >= 120
    for column in ("item_id", "title", "title_ko", "title_zh", "image"):
        assert len({r[column] for r in rows}) == len(rows), column


def test_every_variant_names_what_there_is():
    for kind in KINDS:
        for _, palette, motif, pattern, layout in kind.variants:
            assert palette in PALETTES and motif in MOTIFS and layout in LAYOUTS
            assert pattern in PATTERNS or pattern == "plain"


def test_every_kind_can_be_drawn_into_a_picture_of_640_by_640():
    for item in assortment()[: len(KINDS)]:
        data = picture(item, 0)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (640, 640, 3)
        border = [image[0], image[:, 0], image[:, -1]]
        assert min(int(edge.min()) for edge in border) > 215, f"{item.item_id} touches the edge of its picture"
        assert image[100:600, 100:540].std() > 15, f"{item.item_id} is not to be seen"


def test_catalog_lists_every_picture_with_all_columns(made: Path):
    rows = rows_of(made)
    assert len(rows) == 3 and list(rows[0]) == COLUMNS
    for r in rows:
        assert all(r.values()), r
        assert cv2.imread(str(made / r["image"])).shape == (640, 640, 3)
        assert r["url"] == f"https://example.com/items/{r['item_id']}"
        assert r["price"].endswith(" EUR") and r["place"].startswith("Aisle ")
    assert {p.name for p in (made / "pictures").iterdir()} == {Path(r["image"]).name for r in rows}
    assert "CC0-1.0" in (made / "LICENSE.txt").read_text()


def test_index_builder_reads_the_catalog_with_all_three_languages(made: Path):
    entries = read_catalog(made / "catalog.csv")
    assert len(entries) == 3
    assert {"", "ko", "zh"} == set(entries[0].title)


def test_same_seed_gives_the_same_catalog_and_another_seed_another(made: Path, tmp_path: Path):
    write_demo_catalog(tmp_path / "again", items=3, seed=3)
    names = ["catalog.csv", *(r["image"] for r in rows_of(made))]
    assert all((made / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)
    write_demo_catalog(tmp_path / "other", items=3, seed=4)
    assert (made / "catalog.csv").read_bytes() != (tmp_path / "other" / "catalog.csv").read_bytes()


@pytest.mark.parametrize("items", [0, -1, MAX_ITEMS + 1])
def test_a_number_of_items_that_there_is_not_is_refused(tmp_path: Path, items: int):
    with pytest.raises(BadContentError, match=f"1 to {MAX_ITEMS} items, not {items}"):
        write_demo_catalog(tmp_path, items=items)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(UnavailableError, match="file/out"):
        write_demo_catalog(blocked / "out", items=1)


class Interrupted(Exception):
    pass


def test_an_error_while_drawing_leaves_no_catalog_and_takes_the_old_one_away(tmp_path: Path):
    (tmp_path / "catalog.csv").write_text("item_id,image\nold,old.jpg\n")

    def fail(item_id: str) -> None:
        raise Interrupted(item_id)

    with pytest.raises(Interrupted):
        write_demo_catalog(tmp_path, items=4, on_done=fail)
    assert not (tmp_path / "catalog.csv").exists()


def test_a_killed_run_leaves_no_catalog(tmp_path: Path):
    code = (
        "import pathlib, sys; from index_builder.demo_catalog import write_demo_catalog\n"
        "if __name__ == '__main__': write_demo_catalog(pathlib.Path(sys.argv[1]))"
    )
    script = tmp_path / "run.py"
    script.write_text(code)
    out = tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    run = subprocess.Popen([sys.executable, str(script), str(out)], env=environment, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not list(out.glob("pictures/*.jpg")) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert list(out.glob("pictures/*.jpg")), "nothing was drawn in time"
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert not (out / "catalog.csv").exists()


def test_command_draws_what_was_asked_for(tmp_path: Path):
    parser = ArgumentParser()
    demo_catalog_cli.add_arguments(parser)
    args = parser.parse_args(["--out", str(tmp_path), "--items", "2", "--seed", "5"])
    assert demo_catalog_cli.run(args) == 0
    assert len(rows_of(tmp_path)) == 2
