"""A generation's probabilities refitted on photos: published as the next one, honestly judged, the same each time."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.core.decisions import Calibration, Thresholds
from components.core.errors import BadContentError, UnavailableError
from components.core.generations import ModelRef
from components.core.items import Item
from components.core.messages import Match
from components.core.projection import Projection, encode_projection
from components.featurizer.embedder import Embedder
from components.featurizer.model import Model, describe
from components.featurizer.sources.labels import Photo
from components.searcher.snapshot import load_snapshot
from components.store import Store
from index_builder.answers import Answer, Run, answered, ask, read_photos
from index_builder.cli import main
from index_builder.learning.calibration import NOTHING, UNKNOWN, Answers, calibrate
from index_builder.measures import expected_calibration_error, reliability, weighted_calibration_error
from index_builder.recalibration import recalibrate, without_its_item
from tests.generations import write_generation

ITEMS, PHOTOS, OTHERS = 12, 4, 40
SURE = Calibration(
    known_bias=9.0,
    known_score=0.0,
    known_margin=0.0,
    temperature=0.001,
    answer_bias=9.0,
    answer_score=0.0,
    answer_share=0.0,
    style_bias=0.0,
    style_score=0.0,
    min_known=0.5,
)


def silent(what: str, total: int) -> Callable[[int], None]:
    return lambda done: None


def pattern(seed: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    squares = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), np.uint8)
    return np.asarray(np.kron(squares, np.ones((30, 30, 1), np.uint8)), np.uint8)


def photographed(seed: int, number: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """The pattern as a camera sees it: a part of it, darker, with noise."""
    rng = np.random.default_rng(1000 * seed + number)
    left, top = rng.integers(0, 12, 2)
    part = pattern(seed)[top : top + 108, left : left + 108] * rng.uniform(0.7, 1.0)
    return np.asarray(np.clip(part + rng.normal(0, 10, part.shape), 0, 255), np.uint8)


@pytest.fixture(scope="module")
def shop(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: ``index`` knows items by a photo each, photos.csv lists others of them, others/ shows other things."""
    shop = tmp_path_factory.mktemp("shop")
    for folder in ("photos", "others"):
        (shop / folder).mkdir()
    lines = ["photo,item_id"]
    for item in range(ITEMS):
        for number in range(PHOTOS):
            cv2.imwrite(str(shop / "photos" / f"p{item}-{number}.png"), photographed(item, number))
            lines.append(f"photos/p{item}-{number}.png,p{item}")
    for other in range(OTHERS):
        cv2.imwrite(str(shop / "others" / f"{other:02}.png"), photographed(500 + other, 0))
    (shop / "photos.csv").write_text("\n".join(lines) + "\n")
    publish_by_hand(Store(shop / "index"), model)
    return shop


def publish_by_hand(store: Store, model: Model) -> None:
    """As generation 1, with probabilities that are always near 1."""
    embedder = Embedder(model, device="CPU", threads=2)
    raw = np.stack([embedder.embed(photographed(item, PHOTOS)) for item in range(ITEMS)])
    mean = np.asarray(raw.mean(axis=0), np.float32)
    projection = Projection(mean, mean, None)
    files = {"model.xml": model.xml, "model.bin": model.bin, "model.json": describe(model)}
    references = {name: store.write_object(data) for name, data in files.items()}
    write_generation(
        store,
        projection.catalog(raw),
        [Item(item_id=f"p{item}", category=f"c{item % 2}") for item in range(ITEMS)],
        model=ModelRef(model.name, model.digest, model.dim, "x", "x", references),
        projection=store.write_object(encode_projection(projection)),
        thresholds=Thresholds(0.0, 0.0, SURE),
    )


@pytest.fixture
def store(shop: Path, tmp_path: Path) -> Store:
    """A copy of the shop's generations, to publish into."""
    shutil.copytree(shop / "index", tmp_path / "index")
    return Store(tmp_path / "index")


@pytest.fixture(scope="module")
def run(shop: Path) -> Run:
    """What the built generation answers to the photos of its items and to those of other things."""
    return ask(Store(shop / "index"), None, read_photos(shop / "photos.csv", None, shop / "others"), 2, silent)


def asked(store: Store, run: Run, *, others: bool = False) -> Run:
    """The same of the active generation of ``store``, a copy: the same objects find the same matches."""
    snapshot = load_snapshot(store, store.require_active())
    answers = [
        answered(one.photo, one.known, one.matches, snapshot.manifest.thresholds, snapshot.category_of)
        for one in run.answers
        if one.known or others
    ]
    return dataclasses.replace(run, store=store, snapshot=snapshot, answers=answers)


def calibration_of(store: Store) -> Calibration:
    calibration = store.manifest(store.require_active()).thresholds.calibration
    assert calibration is not None
    return calibration


def test_the_next_generation_has_the_same_objects_and_other_probabilities(store: Store, run: Run) -> None:
    made = recalibrate(asked(store, run))
    before, after = store.manifest(1), store.manifest(2)
    assert (made.generation, made.unchanged, store.active()) == (2, False, 2)
    assert after.thresholds.calibration != before.thresholds.calibration
    assert after.thresholds.min_score == before.thresholds.min_score
    assert dataclasses.replace(after, seq=1, thresholds=before.thresholds) == before
    assert (made.photos, made.items, made.unknown_photos) == (ITEMS * PHOTOS, ITEMS, 0)


def test_probabilities_that_were_far_off_become_true(store: Store, run: Run) -> None:
    made = recalibrate(asked(store, run, others=True))
    errors = made.before.expected_calibration_error, made.after.expected_calibration_error
    assert errors[0] is not None and errors[1] is not None
    assert errors[1] < errors[0] / 2
    assert (made.before.known_answered, made.before.unknown_answered) == (1.0, 1.0)
    assert made.after.unknown_answered < made.after.known_answered


def test_photos_are_judged_by_what_was_not_fitted_on_them(store: Store, run: Run) -> None:
    first = recalibrate(asked(store, run))
    second = recalibrate(asked(store, run))  # what was fitted on all photos is now what is judged on all
    assert first.after != second.before
    assert first.after == second.after


def test_probabilities_that_are_truer_as_they_are_stay(store: Store, run: Run) -> None:
    recalibrate(asked(store, run, others=True))
    fewer = dataclasses.replace(run, answers=[one for one in run.answers if one.photo.path.name != "p0-0.png"])
    kept = recalibrate(asked(store, fewer, others=True))
    assert kept.worse and kept.unchanged and store.active() == 2
    assert kept.min_known == round(calibration_of(store).min_known, 4)
    asked_for = recalibrate(asked(store, fewer, others=True), 0.1)
    assert asked_for.worse and not asked_for.unchanged and store.active() == 3
    forced = recalibrate(asked(store, fewer, others=True), anyway=True)
    assert not forced.unchanged and store.active() == 4


def test_calibrating_again_changes_nothing_and_elsewhere_gives_the_same(store: Store, run: Run, tmp_path: Path) -> None:
    other = Store(shutil.copytree(store.index_dir, tmp_path / "other"))
    recalibrate(asked(store, run))
    recalibrate(asked(other, run))
    one, same = (where.index_dir / "generations" / "2.json" for where in (store, other))
    assert one.read_bytes() == same.read_bytes()
    again = recalibrate(asked(store, run))
    assert (again.generation, again.unchanged, store.active()) == (2, True, 2)


def test_known_items_are_left_out_where_there_are_no_photos_of_unknown_things(store: Store, run: Run) -> None:
    alone, with_others = recalibrate(asked(store, run)), recalibrate(asked(store, run, others=True))
    assert (alone.unknown_photos, alone.left_out) == (0, ITEMS * PHOTOS)
    assert (with_others.unknown_photos, with_others.left_out) == (OTHERS, 0)


def test_an_answer_without_its_item_is_one_to_an_unknown_thing() -> None:
    matches = tuple(Match(item, score) for item, score in (("a", 0.9), ("b", 0.8), ("c", 0.1)))
    left = without_its_item(Answer(Photo(Path("b.jpg"), "b"), True, matches, "match", 1))
    assert (left.known, left.item_id, [match.item_id for match in left.matches]) == (False, "", ["a", "c"])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_as_many_photos_of_unknown_things_are_answered_as_was_asked_for(store: Store, run: Run, share: float) -> None:
    recalibrate(asked(store, run, others=True), share)
    answers = [answer for answer in asked(store, run, others=True).answers if not answer.known]
    assert sum(answer.decision != "no_match" for answer in answers) <= share * len(answers)
    least = calibration_of(store).min_known
    reached = [known_by(answer, store) >= least for answer in answers]
    assert sum(reached) == int(share * len(answers))


def known_by(answer: Answer, store: Store) -> float:
    return calibration_of(store).known(answer.matches[0].score, answer.matches[1].score)


def arrays(scores: Sequence[float], right: Sequence[int]) -> Answers:
    """Answers of an index of two items, always item 0 first with the other one at 0."""
    count = len(scores)
    rights = np.array(right, np.int64)
    columns = np.column_stack([np.array(scores, np.float32), np.zeros(count, np.float32)])
    return Answers(columns, np.where(rights == 0, 0, -1), np.zeros(count, np.int64), rights, np.ones(count))


@pytest.mark.parametrize("category", ["", "mugs"])
def test_pictures_of_nothing_do_not_count_as_unknown_items(category: str) -> None:
    rng = np.random.default_rng(0)
    known = arrays(rng.uniform(0.3, 1.0, 200).tolist(), [0] * 200)
    things = rng.uniform(0.0, 0.7, 200)
    unknown = arrays([*things, *[0.01] * 300], [UNKNOWN] * 200 + [NOTHING] * 300)
    found = calibrate(known, unknown, {0: category, 1: "other"}, 0.1)
    least = found.min_known_by_category[category] if category else found.min_known
    assert sum(found.known(float(np.float32(score)), 0.0) >= least for score in things) == 20


def test_without_a_share_as_many_are_answered_as_bring_more_than_they_cost() -> None:
    known, unknown = arrays([0.9] * 50 + [0.7] * 10, [0] * 60), arrays([0.8] * 60, [UNKNOWN] * 60)
    found = calibrate(known, unknown, {0: "", 1: ""})
    assert found.known(0.9, 0.0) >= found.min_known > found.known(0.8, 0.0)  # beyond them, too few would be right
    lenient = calibrate(known, arrays([0.8] + [0.1] * 59, [UNKNOWN] * 60), {0: "", 1: ""})
    assert lenient.known(0.7, 0.0) >= lenient.min_known > lenient.known(0.1, 0.0)


def test_wrong_answers_cost_what_right_ones_are_worth() -> None:
    """The worse half of the known is found wrong: it is not answered, however surely it is known."""
    known = arrays([0.9] * 50 + [0.6] * 50, [0] * 50 + [1] * 50)
    found = calibrate(known, arrays([0.1] * 50, [UNKNOWN] * 50), {0: "", 1: ""})
    assert found.known(0.9, 0.0) >= found.min_known > found.known(0.6, 0.0) > 0.5


def test_a_build_is_as_strict_as_it_is_told(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "products").mkdir()
    for item in range(ITEMS):
        cv2.imwrite(str(tmp_path / "products" / f"p{item}.png"), pattern(item))
    given = ["--catalog", tmp_path / "products", "--out", tmp_path / "out", "--model", model_dir, "--camera-views", 4]
    assert main(list(map(str, ["build", *given, "--wrong-on-unknown", 1]))) == 0
    assert calibration_of(Store(tmp_path / "out")).min_known == 0.0


def test_too_few_photos_are_refused_and_nothing_is_published(store: Store, run: Run) -> None:
    for chosen in (slice(29), slice(0, 4 * PHOTOS)):  # too few photos; too few items, however often they are shown
        several = asked(store, run).answers[chosen] * (1 if chosen.stop == 29 else 3)
        few = dataclasses.replace(asked(store, run), answers=several)
        with pytest.raises(BadContentError, match=r"There are \d+ readable photos of \d items .* at least 30 of"):
            recalibrate(few)
    assert store.active() == 1


def test_a_generation_that_came_meanwhile_is_not_hidden(store: Store, run: Run) -> None:
    answers = asked(store, run)
    store.write_manifest(dataclasses.replace(store.manifest(1), seq=2, name="newer"))
    with pytest.raises(UnavailableError, match="Generation 1 is no longer the newest one"):
        recalibrate(answers)
    assert store.active() == 2


def test_the_command_says_what_is_better(
    store: Store, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = tmp_path / "figures.json"
    given = ["--generation", store.index_dir, "--photos", shop / "photos.csv", "--unknown", shop / "others"]
    assert main(list(map(str, ["calibrate", *given, "--wrong-on-unknown", 0.2, "--json", figures]))) == 0
    said, made = capsys.readouterr().out, json.loads(figures.read_text())
    assert said.startswith(f"Generation 2 in {store.index_dir} is ready: calibrated.\n")
    before, after = (made[when]["expected_calibration_error"] for when in ("before", "after"))
    assert f"  {before} -> {after}\n" in said
    assert (made["generation"], made["unknown_photos"], made["unreadable_photos"]) == (2, OTHERS, [])


@pytest.mark.parametrize("share", ["-0.1", "1.5", "nan", "some"])
def test_a_share_that_is_none_is_refused(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["calibrate", "--generation", "x", "--photos", "y", f"--wrong-on-unknown={share}"])
    assert "is no number from 0 to 1" in capsys.readouterr().err


def test_equal_weights_give_the_plain_calibration_error() -> None:
    rng = np.random.default_rng(1)
    stated, right = rng.random(200), rng.random(200) < 0.4
    plain = expected_calibration_error(reliability(stated, right))
    assert weighted_calibration_error(stated, right, np.ones(200)) == pytest.approx(plain)
    doubled = np.concatenate([stated, stated[:50]]), np.concatenate([right, right[:50]])
    weights = np.where(np.arange(200) < 50, 2.0, 1.0)
    again = expected_calibration_error(reliability(*doubled))
    assert weighted_calibration_error(stated, right, weights) == pytest.approx(again)
