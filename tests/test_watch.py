"""The searcher before a camera: steadied over frames, centered by what the camera sees, searched when it changes."""

from pathlib import Path

import numpy as np
import pytest

from components.core.camera_mean import PRIOR_SCENES
from components.core.messages import Filters, Match, SearchResult
from components.core.projection import Projection, encode_projection
from components.core.segments import Vectors
from components.searcher.camera_means import CameraMeans
from components.searcher.index import Index
from components.searcher.searcher import Searcher
from components.searcher.snapshot import Snapshot, load_snapshot
from components.searcher.watch import FORGOTTEN_AFTER_S, MAX_WATCHES, SEARCH_AGAIN_AFTER_S
from components.store import Store
from tests.generations import DIM, items, make_store, query, unit_vectors, write_generation

VECTORS = unit_vectors(200)
FRAME_S = 0.125
START_S = 1000.0


class CountingIndex(Index):
    """An index that counts its searches."""

    searches = 0

    def search(self, vector: Vectors, k: int, filters: Filters | None = None) -> tuple[Match, ...]:
        self.searches += 1
        return super().search(vector, k, filters)


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return load_snapshot(make_store(tmp_path)[0], 1)


@pytest.fixture
def searcher(snapshot: Snapshot) -> Searcher:
    return Searcher(CountingIndex(snapshot))


def near(vector: Vectors, noise: float, seed: int) -> Vectors:
    moved = vector + noise * unit_vectors(1, vector.size, seed)[0]
    return np.asarray(moved / np.linalg.norm(moved), np.float32)


class Camera:
    """Asks frame by frame, eight a second."""

    def __init__(self, searcher: Searcher, **asked: object) -> None:
        self.searcher, self.asked, self.now_s, self.seed = searcher, asked, START_S, 0

    def sees(self, vector: Vectors, frames: int = 1, noise: float = 0.1, pause_s: float = FRAME_S) -> SearchResult:
        """The result of the last of ``frames`` frames of ``vector``."""
        for _ in range(frames):
            self.now_s += pause_s
            self.seed += 1
            asked = query(near(vector, noise, self.seed), captured_ns=int(self.now_s * 1e9), **self.asked)
            result = self.searcher.answer(asked)
        return result


def best(result: SearchResult) -> str:
    return result.matches[0].item_id if result.decision == "match" else ""


def nothing() -> Vectors:
    candidates = (unit_vectors(1, seed=seed)[0] for seed in range(300, 350))
    return min(candidates, key=lambda vector: float((VECTORS @ vector).max()))


def test_the_first_frame_of_all_is_answered_at_once(searcher: Searcher) -> None:
    assert best(Camera(searcher).sees(VECTORS[3])) == "item-3"


def test_one_item_after_another_is_one_change_each(searcher: Searcher) -> None:
    camera = Camera(searcher)
    showings = []
    for item in (3, 8, 5):
        camera.sees(near(VECTORS[item], 1.5, item))  # something that passes by
        result = camera.sees(VECTORS[item], 6)
        assert best(result) == f"item-{item}"
        showings.append(result.showing)
    assert np.diff(showings).tolist() == [1, 1]


def test_an_item_gives_way_to_nothing(searcher: Searcher) -> None:
    camera = Camera(searcher)
    camera.sees(VECTORS[3], 6)
    held = camera.sees(nothing())
    assert (best(held), held.showing) == ("item-3", camera.sees(VECTORS[3]).showing)
    gone = camera.sees(nothing(), 6)
    assert (gone.decision, gone.cause, gone.reason) == (
        "no_match",
        "nothing_there",
        "nothing in the catalog looks like this",
    )
    assert len(gone.matches) == 5


def test_noise_in_every_frame_is_averaged_out(snapshot: Snapshot) -> None:
    unclear = [near(VECTORS[3], 1.1, seed) for seed in range(60)]
    alone = Searcher(Index(snapshot))
    singly = [best(alone.answer(query(vector, origin="upload"))) for vector in unclear]
    # Frames of one scene, though this noise makes them less alike than a real camera's.
    evidence = snapshot.projection.query(np.stack(unclear)).mean(axis=0)
    together = Index(snapshot).search(evidence, 1)[0].item_id
    assert together == "item-3"
    assert singly.count("item-3") < 58


def test_an_upload_is_answered_as_it_is(searcher: Searcher) -> None:
    camera = Camera(searcher)
    camera.sees(VECTORS[3], 6)
    upload = searcher.answer(query(VECTORS[8], origin="upload", captured_ns=int(camera.now_s * 1e9)))
    assert (best(upload), upload.showing) == ("item-8", 0)
    assert best(camera.sees(VECTORS[3])) == "item-3"


def test_cameras_and_objects_do_not_disturb_each_other(searcher: Searcher) -> None:
    cameras = [Camera(searcher, camera=name, object_index=n) for name in ("till", "shelf") for n in (0, 1)]
    for _ in range(6):
        found = [best(camera.sees(VECTORS[item])) for item, camera in enumerate(cameras)]
    assert found == ["item-0", "item-1", "item-2", "item-3"]


def test_a_removed_item_is_gone_with_the_next_frame(searcher: Searcher, tmp_path: Path) -> None:
    camera = Camera(searcher)
    before = camera.sees(VECTORS[3], 6)
    store = Store(tmp_path)
    write_generation(store, VECTORS, items(200), seq=2, removed=(3,))
    searcher.index = Index(load_snapshot(store, 2))
    after = camera.sees(VECTORS[3])
    assert (best(before), after.generation) == ("item-3", 2)
    assert "item-3" not in [match.item_id for match in after.matches]


def test_after_a_gap_what_was_shown_counts_no_more(searcher: Searcher) -> None:
    camera = Camera(searcher)
    camera.sees(VECTORS[3], 6)
    assert best(camera.sees(VECTORS[8], pause_s=FORGOTTEN_AFTER_S + 0.1)) == "item-8"


def test_an_unchanged_picture_is_searched_once_a_second(searcher: Searcher) -> None:
    camera = Camera(searcher)
    camera.sees(VECTORS[3], 33, noise=0.0)
    assert searcher.index.searches == pytest.approx(33 * FRAME_S / SEARCH_AGAIN_AFTER_S, abs=1.1)


def test_a_changed_picture_index_or_wish_is_searched_at_once(searcher: Searcher, snapshot: Snapshot) -> None:
    camera = Camera(searcher)
    camera.sees(VECTORS[3], 2, noise=0.0)
    assert searcher.index.searches == 1
    camera.sees(VECTORS[8], 2, noise=0.0)
    assert searcher.index.searches == 2
    camera.asked = {"k": 2}
    camera.sees(VECTORS[8], 2, noise=0.0)
    assert searcher.index.searches == 3
    searcher.index = CountingIndex(snapshot)
    camera.sees(VECTORS[8])
    assert searcher.index.searches == 1


def test_a_flood_of_cameras_is_forgotten(searcher: Searcher) -> None:
    cameras = [Camera(searcher, camera=f"camera {number}") for number in range(MAX_WATCHES + 1)]
    for camera in cameras:
        camera.sees(VECTORS[3], 4)
    assert best(cameras[-1].sees(VECTORS[8])) == "item-3"
    assert best(cameras[0].sees(VECTORS[8])) == "item-8"


def centered(folder: Path, mean: Vectors) -> Index:
    """Items seen by a camera whose pictures have ``mean`` in common, of which their generation knows a part."""
    store = Store(folder)
    projection = Projection(np.zeros(DIM, np.float32), 0.3 * mean, None)
    write_generation(store, VECTORS, items(200), projection=store.write_object(encode_projection(projection)))
    return Index(load_snapshot(store, 1))


def test_a_camera_is_centered_by_what_it_sees(tmp_path: Path) -> None:
    mean = 2.0 * unit_vectors(1, seed=77)[0]
    searcher = Searcher(centered(tmp_path, mean), means=CameraMeans(tmp_path / "state"))
    camera = Camera(searcher, camera_digest="v")
    seen = [(vector + mean) / np.linalg.norm(vector + mean) for vector in VECTORS]

    def mean_score(chosen: range) -> float:
        return float(np.mean([camera.sees(seen[n], 4, noise=0.03).matches[0].score for n in chosen]))

    first = mean_score(range(5))
    for n in range(5, 5 + 3 * PRIOR_SCENES):
        camera.now_s += 20
        camera.sees(seen[n], 4, noise=0.03)
    assert mean_score(range(100, 120)) > first + 0.05
    learned = searcher.means.of(query(seen[0], camera_digest="v"))
    assert learned.scenes > PRIOR_SCENES
    upload = searcher.answer(query(seen[3], origin="upload"))
    assert upload.matches == Searcher(searcher.index).answer(query(seen[3], origin="upload")).matches


def test_where_the_catalog_is_not_centered_the_camera_is_not_either(searcher: Searcher) -> None:
    camera = Camera(searcher)
    for n in range(60):
        camera.sees(VECTORS[n], 4, noise=0.0, pause_s=3.0)
    result = camera.sees(VECTORS[70], 4, noise=0.0, pause_s=3.0)
    assert result.matches[0].score == pytest.approx(1.0, abs=1e-3)
    assert searcher.means.of(query(VECTORS[0])).scenes > 20


def test_a_held_answer_repeats_what_the_frame_says_of_itself(searcher: Searcher) -> None:
    camera = Camera(searcher, label="tea", frame_seq=7)
    camera.sees(VECTORS[3], 6)
    held = camera.sees(nothing())
    assert (held.label, held.frame_seq, held.captured_ns) == ("tea", 7, int(camera.now_s * 1e9))
    assert best(held) == "item-3"
