"""The table of retrieval: that it runs on any folder of the kind, and that its figures are what they are called."""

import csv
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.grocery import Groceries
from benchmarks.plain_cosine import PlainCosine, told_apart
from benchmarks.retrieval import measure
from components.core.segments import Vectors
from components.featurizer.sources.labels import Photo
from components.featurizer.synthetic import SyntheticCamera
from index_builder.answers import Seen
from index_builder.catalog import read_catalog
from index_builder.demo_catalog import write_demo_catalog

ITEMS = 7
"""Too few to hold any out: a build takes seconds, and states no probabilities."""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered items in a folder like the groceries': two photos of each to teach, one to ask with."""
    folder = tmp_path_factory.mktemp("groceries")
    write_demo_catalog(folder, items=ITEMS)
    rows, count = [], dict.fromkeys(list(csv_ids(folder / "catalog.csv")), 0)
    for number, (image, label) in enumerate(SyntheticCamera(folder, fps=1, hold_s=1, empty_s=0.1).pictures()):
        if label and count[label] < 3:
            count[label] += 1
            cv2.imwrite(str(folder / f"photo-{number}.jpg"), image)
            rows.append((f"photo-{number}.jpg", label, "query" if count[label] == 3 else "teach"))
        if min(count.values()) == 3:
            break
    with (folder / "photos.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("photo", "item_id", "use"), *rows])
    return folder


def csv_ids(table: Path) -> list[str]:
    with table.open(newline="") as file:
        return [row["item_id"] for row in csv.DictReader(file)]


def test_the_table_has_every_figure_of_any_such_folder(rendered: Path) -> None:
    rows = measure(Groceries(rendered), seeds=1, left_out=2, camera_views=4, others_of_each=3)
    shares = [figure for row in rows.values() for figure in row.values()]
    assert all(0 <= share <= 1 for share in shares)
    assert rows["photos of every item"]["hit@5"] >= 0.8
    assert {f"half, {half}" for half in ("taught, after", "never taught, before", "never taught, after")} <= set(rows)
    told = {"hit@1", "hit@5", "AUROC", "right at 5 %"}
    assert told <= set(rows["some left out"]) and told == set(rows["some left out, plain cosine"])
    assert {"  photos of those", "  empty scenes", "  rendered items", "  scikit-image's pictures"} <= set(rows)
    for name in ("some left out", "  photos of those", "  empty scenes"):
        assert sum(rows[name][kind] for kind in ("match", "ambiguous", "no_match")) == pytest.approx(1, abs=0.001)


def test_a_catalog_teaches_and_leaves_out_what_is_said(rendered: Path, tmp_path: Path) -> None:
    first, second, third, *_ = csv_ids(rendered / "catalog.csv")
    entries = read_catalog(Groceries(rendered).write_catalog(tmp_path / "some.csv", [first, third], without=[third]))
    assert len(entries) == ITEMS - 1
    photos = {entry.item_id: sum(picture.by_camera for picture in entry.pictures) for entry in entries}
    assert (photos[first], photos[second], third in photos) == (2, 0, False)


def seen(vectors: Vectors, items: str) -> Seen:
    return Seen([Photo(Path(item), item) for item in items], vectors, [])


def test_plain_cosine_ranks_by_the_studio_picture_alone() -> None:
    studio = np.eye(3, dtype=np.float32)
    photos = np.array([[0.9, 0.1, 0], [0.8, 0.6, 0], [0, 0.2, 0.7]], np.float32)
    peer = PlainCosine(seen(studio, "abc"), seen(photos, "abc"))
    assert peer.hits("abc") == {"hit@1": 0.6667, "hit@5": 1.0}
    assert peer.hits("b") == {"hit@1": 0.0, "hit@5": 1.0}
    assert peer.open_set("ac") == {"hit@1": 1.0, "hit@5": 1.0, "AUROC": 0.5, "right at 5 %": 0.5}


def test_known_and_unknown_are_told_apart_by_what_was_stated() -> None:
    known, right = np.array([0.9, 0.8, 0.3]), np.array([True, False, True])
    assert told_apart(known, right, np.array([0.1, 0.2])) == {"AUROC": 1.0, "right at 5 %": 0.6667}
    assert told_apart(known, right, np.array([0.85, 0.2]))["right at 5 %"] == 0.3333


def test_without_the_groceries_it_says_where_they_were_expected(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "retrieval", "--grocery", str(tmp_path / "none")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 1
    assert "There are no groceries in" in found.stderr and "Traceback" not in found.stderr
