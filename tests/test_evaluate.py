"""How often the right item is found: on a case made by hand, and on real photos of groceries."""

import csv
import dataclasses
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.catalog import load_catalog
from components.core.camera_mean import CameraMean, means_in_order
from components.core.errors import BadContentError, FormatError, UnavailableError
from components.core.generations import ModelRef
from components.core.items import Item
from components.core.messages import Match
from components.core.projection import Projection, encode_projection, identity
from components.core.segments import Vectors
from components.featurizer.decode import decode_picture
from components.featurizer.embedder import Embedder
from components.featurizer.model import Model, describe
from components.featurizer.sources.labels import Photo
from components.searcher.snapshot import load_snapshot
from components.store import Store
from index_builder.answers import Answer, Run, ask, read_photos
from index_builder.build import BuildOptions, build
from index_builder.cli import main
from index_builder.comparison import compare
from index_builder.evaluate import Confusion, Decided, Evaluation, evaluate
from tests.generations import write_generation


def silent(what: str, total: int) -> Callable[[int], None]:
    return lambda done: None


def photo(path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    image = np.kron(rng.integers(0, 255, (6, 6, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


@pytest.fixture(scope="module")
def by_hand(model: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[Path]]:
    """Seven items whose vectors are the embeddings of seven photos."""
    folder = tmp_path_factory.mktemp("by-hand")
    paths = [photo(folder / f"{n}.png", n) for n in range(7)]
    embedder = Embedder(model, device="CPU", threads=2)
    vectors: Vectors = np.stack([embedder.embed(decode_picture(path.read_bytes())) for path in paths])
    store = Store(folder / "index")
    files = {"model.xml": model.xml, "model.bin": model.bin, "model.json": describe(model)}
    reference = ModelRef(
        model.name, model.digest, model.dim, "x", "x", {name: store.write_object(data) for name, data in files.items()}
    )
    projection = store.write_object(encode_projection(identity(model.dim)))
    write_generation(
        store,
        vectors,
        [Item(item_id=f"i{n}", category=f"c{n % 3}") for n in range(7)],
        seq=2,
        model=reference,
        projection=projection,
    )
    return store, paths


def figures_of(store: Store, photos: list[Photo]) -> Evaluation:
    return evaluate(ask(store, None, photos, 2, silent))


def load(store: Store, seq: int = 2) -> Vectors:
    return load_snapshot(store, seq).vectors


def test_the_figures_of_a_case_made_by_hand_are_right(by_hand: tuple[Store, list[Path]], tmp_path: Path) -> None:
    store, paths = by_hand
    (tmp_path / "bad.png").write_bytes(b"no picture")
    vectors = load(store)
    fifth, sixth = (np.argsort(-(vectors @ vectors[shown]))[place] for shown, place in ((0, 4), (5, 5)))
    photos = [Photo(paths[1], "i1"), Photo(paths[2], "i2"), Photo(paths[4], "elsewhere"), Photo(paths[6], "")]
    photos += [Photo(paths[0], f"i{fifth}"), Photo(paths[5], f"i{sixth}")]
    photos += [Photo(tmp_path / "bad.png", "i1"), Photo(tmp_path / "missing.png", "i1")]
    figures = figures_of(store, photos)
    assert (figures.generation, figures.photos, figures.unknown_photos, figures.unreadable) == (2, 4, 2, 2)
    assert (figures.hit_rate_at_1, figures.hit_rate_at_5) == (0.5, 0.75)
    assert figures.mrr == pytest.approx((1 + 1 + 1 / 5 + 1 / 6) / 4, abs=1e-4)
    assert (figures.answered, figures.right_of_answered, figures.recall_at_10) == (1.0, 0.5, 1.0)
    assert figures.not_in_the_generation == ("elsewhere",)
    assert {(one.item_id, one.taken_for, one.photos) for one in figures.confusions} == {
        (f"i{fifth}", "i0", 1),
        (f"i{sixth}", "i5", 1),
    }
    shown = [(1, 1.0), (2, 1.0), (fifth, 0.0), (sixth, 0.0)]
    for name, one in figures.categories.items():
        hits = [hit for item, hit in shown if f"c{item % 3}" == name]
        assert (one.photos, one.hit_rate_at_1) == (len(hits), pytest.approx(np.mean(hits), abs=1e-4))
    assert sum(one.photos for one in figures.categories.values()) == 4


def test_photos_of_nothing_in_the_generation_are_refused(by_hand: tuple[Store, list[Path]]) -> None:
    store, paths = by_hand
    with pytest.raises(BadContentError, match="the first unknown one is 'x'"):
        figures_of(store, [Photo(paths[0], "x")])


def test_photos_of_other_things_alone_say_how_many_are_answered(by_hand: tuple[Store, list[Path]]) -> None:
    store, paths = by_hand
    figures = figures_of(store, [Photo(paths[0], ""), Photo(paths[1], "")])
    assert (figures.photos, figures.unknown_photos, figures.hit_rate_at_1, figures.auroc) == (0, 2, None, None)
    assert figures.decisions["match"] == Decided(known=None, right=None, unknown=1.0)


def test_photos_of_one_camera_are_centered_by_what_it_saw_before(
    by_hand: tuple[Store, list[Path]], model: Model, tmp_path: Path
) -> None:
    store, paths = by_hand
    vectors, domain = load(store), np.random.default_rng(0).normal(0, 0.03, model.dim).astype(np.float32)
    centered = Store(tmp_path)
    projection = centered.write_object(encode_projection(Projection(domain, domain, None)))
    files = {name: centered.write_object(store.read_ref(ref)) for name, ref in store.manifest(2).model.files.items()}
    reference = dataclasses.replace(store.manifest(2).model, files=files)
    items = [Item(item_id=f"i{n}") for n in range(7)]
    write_generation(centered, vectors, items, model=reference, projection=projection)
    photos = [Photo(path, f"i{n}") for n, path in enumerate(paths)]
    alone, before = (ask(centered, None, photos, 2, silent, camera=one).queries for one in ("several", "new"))
    assert np.allclose(alone[0], before[0], atol=1e-5)  # nothing was seen before the first one
    means = means_in_order(list(vectors), domain)
    expected = Projection(domain, domain, None).query(vectors, means)
    assert np.abs(before - expected).max() < 5e-4 < np.abs(alone[-1] - expected[-1]).max()
    assert np.array_equal(*(ask(store, None, photos, 2, silent, camera=one).queries for one in ("several", "new")))
    settled = CameraMean(model.dim)
    for vector in vectors:
        settled.saw(vector, domain)
    expected = Projection(domain, domain, None).query(vectors, settled.around(domain))
    assert np.abs(ask(centered, None, photos, 2, silent).queries - expected).max() < 5e-4


def test_photos_that_cannot_be_read_are_refused(by_hand: tuple[Store, list[Path]], tmp_path: Path) -> None:
    with pytest.raises(
        BadContentError, match=r"None of the 1 photos can be read; the first one: .*missing\.png does not"
    ):
        figures_of(by_hand[0], [Photo(tmp_path / "missing.png", "i1")])


def test_a_generation_without_its_model_is_refused(by_hand: tuple[Store, list[Path]], tmp_path: Path) -> None:
    store, paths = by_hand
    without = Store(tmp_path)
    write_generation(without, load(store), [Item(item_id=f"i{n}") for n in range(7)])
    with pytest.raises(FormatError, match=r"does not hold model\.xml"):
        figures_of(without, [Photo(paths[0], "i0")])


def answer(item_id: str, *found: str, sure: float | None = None, score: float = 0.5, decision: str = "match") -> Answer:
    matches = tuple(Match(one, score - place / 100, sure if place == 0 else 0.0) for place, one in enumerate(found))
    candidates = {"match": 1, "ambiguous": 2, "no_match": 0}[decision]
    return Answer(Photo(Path(f"{item_id}.jpg"), item_id), item_id.startswith("i"), matches, decision, candidates)


def run_of(by_hand: tuple[Store, list[Path]], answers: list[Answer]) -> Run:
    store, _ = by_hand
    queries = np.repeat(load(store)[:1], len(answers), axis=0)
    return Run(store, load_snapshot(store, 2), load_catalog(store, 2), answers, queries, [])


def test_probabilities_take_the_place_of_scores_where_all_answers_state_them(
    by_hand: tuple[Store, list[Path]],
) -> None:
    answers = [
        answer("i1", "i1", "i2", sure=0.9, score=0.2),
        answer("i2", "i1", "i2", sure=0.9, score=0.2),
        answer("i3", "i3", sure=0.6, score=0.2),
        answer("", "i4", sure=0.7, score=0.9),
        answer("x", "i4", sure=0.1, score=0.9),
    ]
    figures = evaluate(run_of(by_hand, answers))
    assert figures.open_set is not None
    assert (figures.open_set.by, figures.auroc) == ("probability", pytest.approx(5 / 6, abs=1e-4))
    assert figures.open_set.answered_right_at_5_percent_wrong == pytest.approx(1 / 3, abs=1e-4)
    assert figures.open_set.from_value == 0.9
    # Bins: 0.1 (none right), 0.6 (right), 0.7 (an unknown thing: wrong), 0.9 twice (one right).
    assert figures.expected_calibration_error == pytest.approx((0.1 + 0.4 + 0.7 + 2 * 0.4) / 5)
    assert figures.calibration is not None
    assert sum(one.count for one in figures.calibration.bins) == 5


def test_without_a_probability_for_each_answer_there_is_no_calibration(by_hand: tuple[Store, list[Path]]) -> None:
    figures = evaluate(run_of(by_hand, [answer("i1", "i1", sure=0.9), answer("", "i2", score=0.1)]))
    assert (figures.calibration, figures.expected_calibration_error) == (None, None)
    assert figures.open_set is not None
    assert (figures.open_set.by, figures.auroc) == ("score", 1.0)


def test_each_decision_says_how_often_it_was_made_and_how_often_it_was_right(
    by_hand: tuple[Store, list[Path]],
) -> None:
    answers = [
        answer("i1", "i1"),
        answer("i2", "i1", "i2"),
        answer("i3", "i1", "i3", decision="ambiguous"),
        answer("i4", "i1", "i2", "i4", decision="ambiguous"),
        answer("i5", "i5", decision="no_match"),
        answer("", "i5", decision="no_match"),
        answer("", "i5"),
    ]
    figures = evaluate(run_of(by_hand, answers))
    assert figures.decisions == {
        "match": Decided(known=0.4, right=0.5, unknown=0.5),
        "ambiguous": Decided(known=0.4, right=0.5, unknown=0.0),
        "no_match": Decided(known=0.2, right=None, unknown=0.5),
    }
    assert (figures.answered, figures.right_of_answered) == (0.8, 0.25)


def test_the_worst_confusion_is_the_most_frequent_one_with_its_surest_photo(by_hand: tuple[Store, list[Path]]) -> None:
    answers = [
        answer("i5", "i6", score=0.9),
        answer("i1", "i2", score=0.3),
        dataclasses.replace(answer("i1", "i2", score=0.6), photo=Photo(Path("surest.jpg"), "i1")),
        answer("i3", "i3"),
    ]
    worst, other = evaluate(run_of(by_hand, answers)).confusions
    assert worst == Confusion(item_id="i1", taken_for="i2", photos=2, example="surest.jpg")
    assert (other.item_id, other.taken_for) == ("i5", "i6")


def test_two_generations_are_compared_on_the_photos_of_items_that_both_hold(
    by_hand: tuple[Store, list[Path]],
) -> None:
    answers = [answer(f"i{n}", f"i{n}") for n in range(6)]
    others = [answer(f"i{n}", f"i{n}" if n == 5 else "i0", f"i{n}") for n in range(6)]
    others[0] = dataclasses.replace(others[0], known=False)
    answers[4] = dataclasses.replace(answers[4], known=False)
    answers[5] = answer("i5", "i1", "i5")
    comparison = compare(run_of(by_hand, answers), run_of(by_hand, others))
    assert (comparison.photos, comparison.only_this_right, comparison.only_other_right) == (4, 3, 1)
    assert comparison.p_value == pytest.approx(2 * (1 + 4) / 2**4)
    first = comparison.hit_rate_at_1
    assert (first.this, first.other, first.difference) == (0.75, 0.25, 0.5)
    assert first.low < 0.5 < first.high
    assert (comparison.hit_rate_at_5.difference, comparison.mrr.difference) == (0.0, 0.25)
    assert comparison.other.unknown_photos == 1


def test_many_photos_of_one_item_are_no_proof_of_a_difference(by_hand: tuple[Store, list[Path]]) -> None:
    photos = [(f"i{n // 20}", Photo(Path(f"{n}.jpg"), f"i{n // 20}")) for n in range(40)]
    answers = [dataclasses.replace(answer(item_id, item_id), photo=photo) for item_id, photo in photos]
    others = [dataclasses.replace(answer(item_id, "i0", item_id), photo=photo) for item_id, photo in photos]
    first = compare(run_of(by_hand, answers), run_of(by_hand, others)).hit_rate_at_1
    assert (first.difference, first.low, first.high) == (0.5, 0.0, 1.0)


def test_generations_without_a_common_item_are_not_compared(by_hand: tuple[Store, list[Path]]) -> None:
    with pytest.raises(BadContentError, match="No photo shows an item that both generations hold"):
        compare(run_of(by_hand, [answer("i1", "i1")]), run_of(by_hand, [answer("x", "i1")]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("photo,item\na,b\n", "lacks the column item_id"),
        ("photo,item_id\na,b\n", "lacks the column use"),
        ("photo,item_id,use\na,b,teach\n", "lists no photos with use 'query'"),
        ("photo,item_id,use\n,b,query\n", "photos.csv:2 names no photo"),
        ("item_id,use,photo\nb,query\n", "photos.csv:2 names no photo"),
        ('photo,item_id,use\n"a,b,query\n', "cannot be read as a list of photos"),
        ("photo,item_id,use\ncaf\xe9,b,query\n".encode("latin-1"), "cannot be read as a list of photos"),
    ],
)
def test_a_list_of_photos_that_is_wrong_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = tmp_path / "photos.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadContentError, match=said):
        read_photos(path, "query")


def test_a_list_of_photos_that_is_missing_or_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("none.csv", "pipe.csv"):
        with pytest.raises(UnavailableError, match=f"{name} is not there, or is no file"):
            read_photos(tmp_path / name, None)


def test_only_the_photos_of_one_use_are_read(tmp_path: Path) -> None:
    path = tmp_path / "photos.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("photo", "item_id", "use"), ("p/a.jpg", "a", "teach"), ("b.jpg", "b", "query")])
    assert read_photos(path, "query") == [Photo(tmp_path / "b.jpg", "b")]
    assert len(read_photos(path, None)) == 2


def test_a_photo_without_an_item_and_those_of_a_folder_are_photos_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text("photo,item_id\na.jpg,\nb.jpg,i1\n")
    other = photo(tmp_path / "others" / "c.png", 3)
    (tmp_path / "others.csv").write_text("photo,item_id\nothers/c.png,i1\n")
    photos = [Photo(tmp_path / "a.jpg", ""), Photo(tmp_path / "b.jpg", "i1"), Photo(other, "")]
    assert read_photos(tmp_path / "photos.csv", None, tmp_path / "others") == photos
    assert read_photos(None, None, tmp_path / "others") == photos[2:]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "There is nothing to measure: give --photos FILE, --unknown FOLDER or both."),
        (["--unknown", "nowhere"], "The folder nowhere is not there"),
        (["--photos", "{photos}", "--seq", "9"], "9.json is missing"),
        (["--photos", "{photos}", "--compare", "7"], "7.json is missing"),
        (["--photos", "{photos}", "--compare", "{photos}"], "There is no index generation in"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_sentence(
    by_hand: tuple[Store, list[Path]],
    arguments: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store, paths = by_hand
    (tmp_path / "photos.csv").write_text(f"photo,item_id\n{paths[1]},i1\n")
    given = [one.format(photos=tmp_path / "photos.csv") for one in arguments]
    assert main(["evaluate", "--generation", str(store.index_dir), *given]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]


def test_the_command_writes_figures_and_page_and_names_the_difference(
    by_hand: tuple[Store, list[Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, paths = by_hand
    lines = [f"{path},i{n}\n" for n, path in enumerate(paths[:4])]
    (tmp_path / "photos.csv").write_text("photo,item_id\n" + "".join(lines) + f"{paths[5]},\n{tmp_path}/gone.png,i1\n")
    files = ["--json", str(tmp_path / "figures.json"), "--html", str(tmp_path / "report.html")]
    arguments = ["--generation", str(store.index_dir), "--photos", str(tmp_path / "photos.csv"), "--compare", "2"]
    assert main(["evaluate", *arguments, *files]) == 0
    said = capsys.readouterr().out
    assert said.startswith("The right item is first for 100% of 4 photos, among the first five for 100%.\n")
    assert "against generation 2" in said
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert {f.name for f in dataclasses.fields(Evaluation)} | {"comparison", "unreadable_photos"} == set(figures)
    assert figures["comparison"]["hit_rate_at_1"]["difference"] == 0.0
    assert figures["unreadable_photos"][0]["photo"] == f"{tmp_path}/gone.png"
    assert set(figures["open_set"]["curve"][0]) == {"score", "wrong", "right"}
    assert (tmp_path / "report.html").read_text().count("<svg") == 3


@pytest.mark.timeout(600)  # 2,600 camera views are rendered and embedded
def test_real_photos_of_groceries_are_found(
    grocery: Path, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = build(
        BuildOptions(catalog=grocery / "catalog.csv", out=tmp_path / "out", name="grocery"), lambda: model, silent
    )
    assert (made.items, made.failures) == (81, 0)
    figures = tmp_path / "figures.json"
    photos = ["--photos", grocery / "photos.csv", "--use", "query", "--json", figures]
    assert main(list(map(str, ["evaluate", "--generation", tmp_path / "out", *photos]))) == 0
    found = json.loads(figures.read_text())
    assert (found["photos"], found["unreadable"]) == (405, 0)
    assert found["hit_rate_at_1"] >= 0.44
    assert found["hit_rate_at_5"] >= 0.76
    assert found["recall_at_10"] >= 0.99
    assert re.search(rf"hit rate at 1 +{found['hit_rate_at_1']}\n", capsys.readouterr().out)
