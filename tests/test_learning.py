"""What is learned of a catalog: camera views, the metric, and probabilities."""

import numpy as np
import pytest

from components.core.segments import Vectors
from index_builder.learning.calibration import USUAL_PENALTY
from index_builder.learning.camera_views import camera_views
from index_builder.learning.cutout import cut_out
from index_builder.learning.discriminant import directions, unit, whitening, within
from index_builder.learning.held_out import Fold, ask, ask_evenly, folds
from index_builder.learning.learn import Learned, learn
from index_builder.learning.logistic import fit_logistic
from index_builder.learning.material import Domain, Material
from index_builder.learning.metric import Metric, fit_metrics

DIM, ITEMS = 96, 40
DIGEST = "ab" * 32


def studio_picture(color: tuple[int, int, int] = (40, 60, 200)) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = np.full((120, 100, 3), 250, np.uint8)
    picture[30:90, 40:70] = color
    return picture


def test_the_background_of_a_studio_picture_is_cut_away() -> None:
    item = cut_out(studio_picture())
    assert item.image.shape == (60, 30, 3)
    assert item.mask.mean() > 0.95


def test_white_inside_an_item_belongs_to_it() -> None:
    picture = studio_picture()
    picture[50:60, 50:60] = 250
    assert cut_out(picture).mask[25, 15] == 1


def test_a_picture_without_a_plain_border_stays_whole() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    assert cut_out(noise).mask.shape == (80, 100)
    assert cut_out(np.full((50, 50, 3), 255, np.uint8)).mask.shape == (50, 50)


def test_the_same_picture_has_the_same_camera_views_and_more_of_them_keep_the_first() -> None:
    item = cut_out(studio_picture())
    few, more = camera_views(item, DIGEST, 2, 64), camera_views(item, DIGEST, 4, 64)
    assert all(np.array_equal(one, other) for one, other in zip(few, more, strict=False))
    assert more[0].shape == (64, 64, 3) and more[0].dtype == np.uint8
    assert not np.array_equal(more[0], more[1])
    assert not np.array_equal(camera_views(item, "cd" * 32, 1, 64)[0], few[0])


def test_camera_views_show_the_item() -> None:
    views = camera_views(cut_out(studio_picture((0, 0, 255))), DIGEST, 12, 96)
    red = [float(np.mean((view[..., 2] > 1.5 * view[..., 1]) & (view[..., 2] > 1.5 * view[..., 0]))) for view in views]
    assert sum(share > 0.08 for share in red) >= 11


def test_within_scatter_is_that_of_the_differences() -> None:
    vectors = np.array([[0, 0], [2, 0], [5, 5], [5, 9]], np.float32)
    scatter = within(vectors, np.array([0, 0, 1, 1]))
    assert scatter is not None and scatter.freedom == 2
    np.testing.assert_allclose(scatter.matrix, [[1, 0], [0, 4]])
    assert within(vectors, np.arange(4)) is None


def test_whitening_makes_the_scatter_the_identity_and_full_shrinkage_leaves_directions_alone() -> None:
    rng = np.random.default_rng(1)
    square = rng.normal(size=(8, 8))
    scatter = square @ square.T
    white = whitening(scatter)
    plain = white.matrix(0.0)
    np.testing.assert_allclose(plain @ scatter @ plain, np.eye(8), atol=1e-3)
    round_one = white.matrix(1.0)
    np.testing.assert_allclose(round_one, round_one[0, 0] * np.eye(8), atol=1e-5)


def test_directions_are_orthonormal_and_in_order() -> None:
    cloud = np.random.default_rng(2).normal(size=(50, 6)) * [5, 4, 3, 2, 1, 0.5]
    found = directions(cloud.astype(np.float32), 4)
    np.testing.assert_allclose(found.T @ found, np.eye(4), atol=1e-5)
    spread = (cloud @ found).std(axis=0)
    assert list(spread) == sorted(spread, reverse=True)
    few = directions(cloud[:3].astype(np.float32), 2)
    assert few.shape == (6, 2)


def test_logistic_regression_finds_the_model_that_made_the_data() -> None:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(20_000, 2))
    chance = 1 / (1 + np.exp(-(0.5 + features @ [2.0, -1.0])))
    true = (rng.random(20_000) < chance).astype(float)
    found = fit_logistic(features, true, np.ones(20_000), ridge=0.0)
    np.testing.assert_allclose(found, [0.5, 2.0, -1.0], atol=0.1)
    shifted = fit_logistic(100 * features + 7, true, np.ones(20_000))  # what is far apart is no surer for it
    shy = fit_logistic(features, true, np.ones(20_000))
    np.testing.assert_allclose(shifted[1:] * 100, shy[1:], rtol=1e-6)
    assert 0.5 < shy[1] / found[1] < 1


def unit_all(vectors: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Vectors:
    return unit(vectors.reshape(-1, DIM)).reshape(vectors.shape)


def world(*, photos: int, taught: int = ITEMS, seed: int = 4) -> tuple[Material, Vectors, dict[int, Vectors]]:
    """Items that differ in a few directions, with views that differ in others, more strongly; and queries of them."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(ITEMS, 24)) @ np.eye(24, DIM)
    noise = np.eye(24, DIM, k=40) * 3.0

    def views(several: int, domain: float) -> Vectors:
        drawn = [
            own + rng.normal(size=(ITEMS, 24)) @ noise + rng.normal(size=(ITEMS, DIM)) * 0.5 for _ in range(several)
        ]
        return unit(np.stack(drawn, axis=1) + domain * np.eye(DIM)[90])

    studio, rendered, camera = views(1, 0.0), views(8, 3.0), views(max(photos, 1), 6.0)
    numbers = np.arange(ITEMS)
    material = Material(
        studio=Domain(studio[:, 0], numbers),
        rendered=Domain(rendered.reshape(-1, DIM), np.repeat(numbers, 8)),
        picture=np.repeat(numbers, 8),
        camera=Domain(camera[:taught, :photos].reshape(-1, DIM), np.repeat(numbers[:taught], photos)),
        items=ITEMS,
    )
    queries = views(3, 6.0)
    return material, unit(rng.normal(size=(30, DIM)) + 6.0 * np.eye(DIM)[90]), {n: queries[n] for n in range(ITEMS)}


def categories() -> dict[int, str]:
    return {n: f"c{n % 5}" for n in range(ITEMS)}


def hit_rate(learned: Learned, material: Material, queries: dict[int, Vectors], items: range = range(ITEMS)) -> float:
    mean = np.concatenate(list(queries.values())).mean(axis=0)
    vectors = np.vstack([learned.studio, learned.camera, learned.prototypes.embeddings])
    labels = np.concatenate([material.studio.items, material.camera.items, learned.prototypes.items])
    penalty = np.isin(labels, material.camera.items)
    right = []
    for item in items:
        scores = learned.projection.query(queries[item], mean) @ vectors.T - learned.thresholds.taught_penalty * penalty
        right += list(labels[scores.argmax(axis=1)] == item)
    return float(np.mean(right))


def test_the_learned_metric_finds_what_plain_cosine_does_not() -> None:
    material, empty, queries = world(photos=0)
    mean = np.concatenate(list(queries.values())).mean(axis=0)
    centered = unit(material.studio.embeddings - material.studio.embeddings.mean(axis=0))
    plain = np.mean([(unit(q - mean) @ centered.T).argmax(axis=1) == item for item, q in queries.items()])
    learned = learn(material, empty, categories(), 64)
    assert hit_rate(learned, material, queries) > plain + 0.2
    assert learned.thresholds.taught_penalty == USUAL_PENALTY


def test_photos_make_their_items_better_found_and_leave_the_others_findable() -> None:
    studio_alone, _, queries = world(photos=0)
    some, empty, _ = world(photos=4, taught=ITEMS // 2)
    before = learn(studio_alone, empty, categories(), 64)
    after = learn(some, empty, categories(), 64)
    never, taught = range(ITEMS // 2, ITEMS), range(ITEMS // 2)
    assert hit_rate(after, some, queries, taught) > hit_rate(before, studio_alone, queries, taught)
    assert hit_rate(after, some, queries, never) >= hit_rate(before, studio_alone, queries, never) - 0.1
    assert 0 <= after.thresholds.taught_penalty < 0.5


def test_an_item_with_several_photos_has_a_prototype() -> None:
    material, empty, _ = world(photos=3, taught=5)
    learned = learn(material, empty, categories(), 64)
    assert list(learned.prototypes.items) == [0, 1, 2, 3, 4]
    expected = unit(learned.camera[:3].mean(axis=0, keepdims=True))
    np.testing.assert_allclose(learned.prototypes.embeddings[0], expected[0], atol=1e-5)


def test_learning_twice_gives_the_same() -> None:
    material, empty, _ = world(photos=2)
    one, other = (learn(material, empty, categories(), 64) for _ in range(2))
    assert np.array_equal(one.projection.matrix, other.projection.matrix)  # type: ignore[arg-type]
    assert one.thresholds == other.thresholds


def test_stated_probabilities_are_right_as_often_as_they_say() -> None:
    material, empty, _ = world(photos=3)
    calibration = learn(material, empty, categories(), 64).thresholds.calibration
    assert calibration is not None
    assert 0 < calibration.min_known < 1
    assert calibration.known(0.9, 0.2) > 0.9 > 0.5 > calibration.known(0.05, 0.04)


def asked_with_photos() -> tuple[Fold, Metric]:
    material, _, _ = world(photos=4)
    fold = next(folds(material))
    return fold, fit_metrics(fold.white.matrix(0.5), fold.seen, [48])[0]


def test_a_photo_left_out_does_not_find_itself() -> None:
    fold, metric = asked_with_photos()
    assert ask(fold, metric).own.max() < 0.999
    assert ask_evenly(fold, metric).found.max() < 0.999


def test_a_query_meets_all_photos_of_other_items_but_to_choose_a_metric_as_few_as_of_its_own() -> None:
    fold, metric = asked_with_photos()
    whole, even = ask(fold, metric), ask_evenly(fold, metric)
    others = whole.right[:, None] != np.arange(ITEMS)
    assert whole.found[others].mean() > even.found[others].mean() + 1e-3
    assert (whole.with_photos.sum(), even.with_photos.sum()) == (ITEMS, ITEMS - len(fold.out))


def test_a_single_item_is_searched_as_it_is() -> None:
    vector = np.eye(1, DIM, dtype=np.float32)
    none = Domain(np.empty((0, DIM), np.float32), np.empty(0, np.int64))
    material = Material(Domain(vector, np.zeros(1, np.int64)), none, np.empty(0, np.int64), none, 1)
    learned = learn(material, np.eye(2, DIM, k=3, dtype=np.float32), {0: ""}, 64)
    assert learned.projection.matrix is None
    assert learned.thresholds.calibration is None
    np.testing.assert_allclose(learned.studio, vector)


@pytest.mark.parametrize("items", [2, 3, 9])
def test_a_handful_of_items_can_be_learned(items: int) -> None:
    whole, empty, _ = world(photos=0)
    kept = whole.rendered.items < items
    material = Material(
        whole.studio.where(whole.studio.items < items),
        whole.rendered.where(kept),
        whole.picture[kept],
        whole.camera,
        items,
    )
    learned = learn(material, empty, categories(), 64)
    assert learned.studio.shape[0] == items
    assert np.isfinite(learned.studio).all()
