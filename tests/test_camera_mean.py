"""The mean of what a camera sees: what counts, how much, and how it is kept."""

from pathlib import Path

import numpy as np
import pytest

from components.core.camera_mean import MAX_SCENES, PRIOR_SCENES, REMEMBERED, CameraMean, means_in_order
from components.core.segments import Vectors
from components.searcher.camera_means import MAX_CAMERAS, SAVE_INTERVAL_S, CameraMeans
from tests.generations import query, unit_vectors

DIM = 64
HOUR_S = 3600.0


def seen_by_camera(count: int, seed: int = 0, shift: float = 1.0) -> Vectors:
    """Embeddings of different scenes of one domain: random directions with something in common."""
    vectors = unit_vectors(count, DIM, seed) + np.float32(shift / np.sqrt(DIM))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


SCENES = seen_by_camera(400)
START = np.zeros(DIM, np.float32)


def test_it_starts_from_the_mean_of_the_generation_and_moves_slowly() -> None:
    start = seen_by_camera(1, seed=9)[0]
    mean = CameraMean(DIM)
    assert np.array_equal(mean.around(start), start)
    assert mean.saw(SCENES[0], start)
    moved = float(np.linalg.norm(mean.around(start) - start) / np.linalg.norm(SCENES[0] - start))
    assert moved == pytest.approx(1 / (PRIOR_SCENES + 1), abs=1e-4)


def test_it_comes_near_the_mean_of_what_the_camera_sees() -> None:
    mean = CameraMean(DIM)
    for embedding in SCENES[:300]:
        mean.saw(embedding, START)
    far, near = (float(np.linalg.norm(m - SCENES.mean(axis=0))) for m in (START, mean.around(START)))
    assert near < 0.15 * far


def test_an_item_that_stands_there_for_hours_counts_once() -> None:
    mean, random = CameraMean(DIM), np.random.default_rng(1)
    for second in range(4 * 3600):
        shaken = SCENES[0] + 0.02 * random.normal(size=DIM).astype(np.float32)
        mean.saw(shaken / np.linalg.norm(shaken), START, float(second))
    assert mean.scenes == 1


def test_the_empty_counter_between_all_items_counts_seldom() -> None:
    empty, mean = SCENES[0], CameraMean(DIM)
    counted = sum(mean.saw(empty, START) for item in SCENES[1:101] if mean.saw(item, START) or True)
    assert mean.scenes > 90
    assert 1 <= counted <= 100 / REMEMBERED + 1


def test_what_passes_by_for_minutes_moves_little() -> None:
    mean = CameraMean(DIM)
    for hour, embedding in enumerate(SCENES[:300]):
        mean.saw(embedding, START, hour * HOUR_S)
    before = mean.around(START)
    garbage = -seen_by_camera(1200, seed=5)
    for second, embedding in enumerate(garbage):  # another one every second for twenty minutes
        mean.saw(embedding, START, 300 * HOUR_S + second)
    moved = float(np.linalg.norm(mean.around(START) - before) / np.linalg.norm(garbage.mean(axis=0) - before))
    assert 0 < moved < 0.08


def test_what_was_seen_long_ago_is_forgotten() -> None:
    mean, later = CameraMean(DIM), seen_by_camera(1200, seed=3, shift=-1.0)
    for embedding in np.concatenate([SCENES, later]):
        mean.saw(embedding, START)
    assert mean.scenes == MAX_SCENES
    assert float(mean.own @ later.mean(axis=0)) > 0.8 * float(later.mean(axis=0) @ later.mean(axis=0))


def test_means_in_order_are_those_of_what_came_before() -> None:
    means = means_in_order(SCENES[:50], START)
    assert means.shape == (50, DIM)
    assert np.array_equal(means[0], START)
    one_more = SCENES[:50].copy()
    one_more[30] = -SCENES[30]
    changed = means_in_order(one_more, START)
    assert np.array_equal(changed[:31], means[:31])
    assert not np.allclose(changed[31], means[31])
    assert means_in_order([], START).shape == (0, DIM)


def asked(camera: str = "till", digest: str = "v1", model: str = "a" * 64, dim: int = DIM) -> object:
    return query(unit_vectors(1, dim)[0], camera=camera, camera_digest=digest, model=model)


def fill(means: CameraMeans, camera: str = "till", scenes: int = 20) -> Vectors:
    mean = means.of(asked(camera))
    for embedding in SCENES[:scenes]:
        mean.saw(embedding, START)
    return mean.own


def test_it_is_kept_over_a_restart(tmp_path: Path) -> None:
    means = CameraMeans(tmp_path)
    own = fill(means)
    means.save()
    again = CameraMeans(tmp_path).of(asked())
    assert again.scenes == means.of(asked()).scenes > 15
    assert np.array_equal(again.own, own)
    assert CameraMeans(tmp_path).of(asked("another")).scenes == 0


@pytest.mark.parametrize("change", [{"digest": "v2"}, {"model": "b" * 64}, {"dim": 2 * DIM}])
def test_another_camera_or_model_starts_anew(tmp_path: Path, change: dict[str, object]) -> None:
    means = CameraMeans(tmp_path)
    fill(means)
    means.save()
    for place in (CameraMeans(tmp_path), *([means] if "dim" not in change else [])):
        mean = place.of(asked(**change))
        assert (mean.scenes, mean.own.size) == (0, change.get("dim", DIM))


def test_another_camera_takes_the_place_of_the_file(tmp_path: Path) -> None:
    means = CameraMeans(tmp_path)
    fill(means)
    means.save()
    means.of(asked(digest="v2")).saw(SCENES[0], START)
    means.save()
    assert CameraMeans(tmp_path).of(asked(digest="v2")).scenes == 1
    assert CameraMeans(tmp_path).of(asked()).scenes == 0


def damaged(path: Path) -> list[bytes]:
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    return [b"", b"\n", data[: len(data) // 2], bytes(flipped), b"{}", b"\xff" * 300]


def test_a_damaged_file_is_said_and_starts_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    means = CameraMeans(tmp_path)
    fill(means)
    means.save()
    (path,) = tmp_path.iterdir()
    for content in damaged(path):
        path.write_bytes(content)
        caplog.clear()
        fresh = CameraMeans(tmp_path)
        assert fresh.of(asked()).scenes == 0
        assert "starts anew" in caplog.text
    fill(fresh)
    fresh.save()
    assert CameraMeans(tmp_path).of(asked()).scenes > 15


def test_it_is_written_seldom_and_only_when_it_changed(tmp_path: Path) -> None:
    means = CameraMeans(tmp_path)
    fill(means)
    for second in range(int(SAVE_INTERVAL_S)):
        means.save(100.0 + second)
    assert not list(tmp_path.iterdir())
    means.save(100.0 + SAVE_INTERVAL_S)
    (path,) = tmp_path.iterdir()
    path.unlink()
    means.save()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_costs_no_more_than_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    means = CameraMeans(tmp_path / "file")
    fill(means)
    means.save()
    assert "cannot be kept" in caplog.text
    assert means.of(asked()).scenes > 15


def test_a_flood_of_camera_names_fills_neither_memory_nor_disk(tmp_path: Path) -> None:
    means = CameraMeans(tmp_path)
    for number in range(MAX_CAMERAS + 50):
        means.of(asked(f"../camera {number}")).saw(SCENES[number], START)
    means.save()
    assert len(list(tmp_path.iterdir())) == MAX_CAMERAS
    assert not list(tmp_path.parent.glob("camera*"))


def test_taught_views_are_centered_by_the_camera_that_saw_most() -> None:
    means, start = CameraMeans(), seen_by_camera(1, seed=8)[0]
    assert np.array_equal(means.center("a" * 64, start), start)
    stage = means.stage
    fill(means, camera="till", scenes=5)
    fill(means, camera="door", scenes=20)
    assert means.stage > stage
    assert np.array_equal(means.center("a" * 64, start), means.of(asked("door")).around(start))
    assert np.array_equal(means.center("b" * 64, start), start), "another model's mean says nothing"
    assert not means.center("a" * 64, np.zeros_like(start)).any(), "where the catalog is not centered, nothing is"
