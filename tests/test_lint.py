"""Lint finds what was planted in a catalog, by the right name, and is quiet otherwise."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.featurizer.model import Model
from components.store import Store
from index_builder.catalog import read_catalog
from index_builder.cli import main
from index_builder.close_pairs import PER_VECTOR, close_pairs
from index_builder.demo_catalog import write_demo_catalog
from index_builder.lint import LintReport, lint
from index_builder.lint_cli import exit_code
from index_builder.lint_looks import centered, domain_mean, is_blank
from index_builder.lint_page import lint_page
from index_builder.lint_rules import ACROSS_ITEMS, KINDS
from index_builder.perceptual_hash import SAME_PICTURE_BITS, perceptual_hash
from tests.browser import browser, needs_chromium
from tests.generations import unit_vectors

ITEMS = 14


def silent(what: str, total: int) -> Callable[[int], None]:
    return lambda done: None


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Pictures of different things."""
    catalog = write_demo_catalog(tmp_path_factory.mktemp("drawn"), items=ITEMS)
    return [Path(entry.pictures[0].location) for entry in read_catalog(catalog)]


@pytest.fixture(scope="module")
def planted(drawn: list[Path], model: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[LintReport, Path]:
    """A catalog with one of everything that is wrong, and the folder of the run."""
    folder = tmp_path_factory.mktemp("planted")
    rows = [f"{path.stem},{path.stem.title()},{path.name}" for path in drawn]
    for path in drawn:
        shutil.copy(path, folder)
    second, third = (cv2.imread(str(path)) for path in drawn[1:3])
    shutil.copy(drawn[0], folder / "copy.jpg")
    cv2.imwrite(
        str(folder / "saved-anew.jpg"), cv2.resize(second, None, fx=0.7, fy=0.7), [cv2.IMWRITE_JPEG_QUALITY, 50]
    )
    cv2.imwrite(str(folder / "mirrored.jpg"), third[:, ::-1])
    cv2.imwrite(str(folder / "white.png"), np.full((300, 300, 3), 250, np.uint8))
    cv2.imwrite(
        str(folder / "small.png"),
        cv2.resize(cv2.imread(str(drawn[3])), (80, 80), interpolation=cv2.INTER_AREA)[:, ::-1],
    )
    large = cv2.resize(cv2.imread(str(drawn[4])), (5001, 5001), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(folder / "large.jpg"), large)
    (folder / "cut.jpg").write_bytes(drawn[5].read_bytes()[:4000])
    (folder / "text.jpg").write_text("no picture")
    rows += [
        "copy,A copy,copy.jpg",
        "anew,Saved anew,saved-anew.jpg",
        "mirror,Mirrored,mirrored.jpg",
        "white,White,white.png",
    ]
    rows += ["small,Small,small.png", "large,Large,large.jpg", "cut,Cut off,cut.jpg|text.jpg", "gone,Gone,gone.jpg"]
    rows += [f"two,Two views,{drawn[6].name}|{drawn[7].name}", f"again,Twice,{drawn[8].name}|copy-of-8.jpg"]
    shutil.copy(drawn[8], folder / "copy-of-8.jpg")
    rows += [f"untitled,,{drawn[9].name}", f"same,  {drawn[10].stem.upper()} ,{drawn[10].name}"]
    rows += [f"half,Half good,{drawn[11].name}|nothing.jpg"]
    (folder / "shop.csv").write_text("item_id,title,image\n" + "".join(row + "\n" for row in rows))
    return lint(folder / "shop.csv", folder / "out", lambda: model, 2, silent), folder


def found(report: LintReport, kind: str) -> set[frozenset[str]]:
    return {frozenset(finding.item_ids) for finding in report.findings if finding.kind == kind}


def test_everything_that_was_planted_is_found_and_nothing_else_by_that_name(
    planted: tuple[LintReport, Path], drawn: list[Path]
) -> None:
    report, _ = planted
    ids = [path.stem for path in drawn]
    assert found(report, "unreadable") == {frozenset({item_id}) for item_id in ("cut", "gone", "half")}
    assert sum(finding.kind == "unreadable" for finding in report.findings) == 4
    assert found(report, "no_picture") == {frozenset({"cut"}), frozenset({"gone"})}
    assert found(report, "blank") == {frozenset({"white"})}
    copies = {
        (ids[0], "copy"),
        (ids[6], "two"),
        (ids[7], "two"),
        (ids[8], "again"),
        (ids[9], "untitled"),
        (ids[11], "half"),
    }
    assert found(report, "exact_duplicate") == {frozenset(pair) for pair in (*copies, (ids[10], "same"))}
    assert {frozenset({ids[1], "anew"}), frozenset({ids[4], "large"})} == found(report, "perceptual_duplicate")
    assert frozenset({ids[2], "mirror"}) in found(report, "near_duplicate")
    assert found(report, "repeated_view") == {frozenset({"again"})}
    assert found(report, "tiny") == {frozenset({"small"})}
    assert found(report, "huge") == {frozenset({"large"})}
    assert found(report, "missing_title") == {frozenset({"untitled"})}
    assert found(report, "duplicate_title") == {frozenset({ids[10], "same"})}
    single = {item_id for one in found(report, "single_view") for item_id in one}
    assert single == {*ids, "copy", "anew", "mirror", "white", "small", "large", "untitled", "same", "half"}


def test_a_finding_says_where_and_why(planted: tuple[LintReport, Path]) -> None:
    report, folder = planted
    says = {finding.kind: finding for finding in report.findings if finding.kind in ("tiny", "huge", "unreadable")}
    assert says["tiny"].says == "80 x 80 pixels; the network looks at 224"
    assert says["huge"].pictures == (str(folder / "large.jpg"),)
    assert {finding.says for finding in report.findings if finding.pictures == (str(folder / "text.jpg"),)} == {
        "The picture is in no format that is known here: send a JPEG, PNG or WebP file."
    }
    assert list(report.counts) == sorted(report.counts, key=[f.kind for f in report.findings].index)


def test_the_rendered_catalog_has_no_copies_and_no_poor_pictures(
    drawn: list[Path], model: Model, tmp_path: Path
) -> None:
    report = lint(drawn[0].parent.parent / "catalog.csv", tmp_path, lambda: model, 2, silent)
    assert set(report.counts) <= {"confusable", "single_view"}
    assert report.counts["single_view"] == ITEMS
    for finding in report.findings:
        if finding.kind == "confusable":  # a mug and another mug, not a mug and a can
            assert len({item_id.split("-")[0] for item_id in finding.item_ids}) == 1


def test_what_was_embedded_is_taken_from_the_build_and_gives_the_same_report(
    planted: tuple[LintReport, Path], model: Model
) -> None:
    report, folder = planted
    before = (folder / "out" / "work" / "embeddings.sqlite").stat().st_mtime_ns
    assert lint(folder / "shop.csv", folder / "out", lambda: model, 1, silent) == report
    assert (folder / "out" / "work" / "embeddings.sqlite").stat().st_mtime_ns == before


@pytest.mark.parametrize("change", ["smaller", "lighter", "jpeg"])
def test_a_picture_saved_anew_has_nearly_the_same_hash_and_another_one_has_not(change: str, drawn: list[Path]) -> None:
    images = [np.asarray(cv2.imread(str(path)), np.uint8) for path in drawn[:6]]
    changes: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "smaller": lambda image: np.asarray(cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)),
        "lighter": lambda image: np.clip(image.astype(int) + 12, 0, 255).astype(np.uint8),
        "jpeg": lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1),
    }
    hashes = [perceptual_hash(image) for image in images]
    for number, image in enumerate(images):
        differ = [int((perceptual_hash(changes[change](image)) != other).sum()) for other in hashes]
        assert differ[number] <= SAME_PICTURE_BITS < min(differ[:number] + differ[number + 1 :])


def test_noise_on_one_color_is_blank_and_a_small_thing_on_white_is_not() -> None:
    rng = np.random.default_rng(0)
    noise = np.clip(rng.normal(128, 6, (480, 360, 3)), 0, 255).astype(np.uint8)
    thing = np.full((480, 480, 3), 255, np.uint8)
    cv2.circle(thing, (240, 240), 30, (200, 120, 90), -1)
    assert is_blank(noise)
    assert not is_blank(thing)


def test_of_two_pictures_alone_the_mean_does_not_make_opposites() -> None:
    few = np.array([[1, 0, 0], [0.98, 0.2, 0]], np.float32)
    one, other = centered(few, domain_mean(few))
    assert one @ other > 0.9
    many = np.concatenate([few] * 500)
    one, other = centered(many, domain_mean(many))[:2]
    assert one @ other < 0


def test_close_pairs_are_those_of_all_products() -> None:
    vectors = unit_vectors(300, dim=8)
    groups = np.arange(300) // 2
    expected = {
        (i, j)
        for i in range(300)
        for j in range(i + 1, 300)
        if groups[i] != groups[j] and vectors[i] @ vectors[j] >= 0.93
    }
    pairs = close_pairs(vectors, 0.93, groups)
    assert {(pair.first, pair.second) for pair in pairs} == expected
    assert [pair.score for pair in pairs] == sorted((pair.score for pair in pairs), reverse=True)


def test_of_a_thousand_copies_each_is_in_a_pair_and_the_pairs_stay_few() -> None:
    pairs = close_pairs(np.ones((1000, 1), np.float32), 0.9)
    assert {row for pair in pairs for row in pair[:2]} == set(range(1000))
    assert len(pairs) <= 1000 * PER_VECTOR


def test_the_command_says_what_it_found_writes_it_and_fails_where_asked(
    planted: tuple[LintReport, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, folder = planted
    files = ["--json", str(tmp_path / "lint.json"), "--html", str(tmp_path / "lint.html")]
    common = ["lint", "--catalog", str(folder / "shop.csv"), "--out", str(folder / "out")]
    assert main([*common, *files]) == 0
    said = capsys.readouterr().out
    assert f"{report.items} items" in said
    assert "anew: " in said
    written = json.loads((tmp_path / "lint.json").read_text())
    assert written["counts"] == report.counts
    assert set(written) == {"items", "pictures", "counts", "alikeness", "findings"}
    assert set(written["findings"][0]) == {"kind", "item_ids", "pictures", "says", "score"}
    assert main([*common, "--fail-on-dup-across-items"]) == 1
    assert (exit_code(report, {"blank"}), exit_code(report, set())) == (1, 0)
    assert exit_code(dataclasses.replace(report, counts={"tiny": 1}), {*ACROSS_ITEMS, "blank"}) == 0


def test_a_catalog_with_nothing_to_say_is_clean(
    drawn: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for item_id, path in (("a", drawn[0]), ("b", drawn[1])):
        (tmp_path / "shop" / item_id).mkdir(parents=True)
        shutil.copy(path, tmp_path / "shop" / item_id / "front.jpg")
        image = np.asarray(cv2.imread(str(path)))
        cv2.imwrite(str(tmp_path / "shop" / item_id / "side.jpg"), image[100:, 60:-60])
    common = ["lint", "--catalog", str(tmp_path / "shop"), "--html", str(tmp_path / "lint.html")]
    assert main([*common, "--fail-on-dup-across-items", *(f"--fail-on={kind}" for kind in KINDS)]) == 0
    assert capsys.readouterr().out == "2 items, 4 pictures: no findings.\n"
    assert "nothing stands out" in (tmp_path / "lint.html").read_text()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        ("item_id,title,image\n", "holds no items"),
        ("item_id,title\na,b\n", "lacks image"),
        ("item_id,title,image\na,b,nowhere.jpg\n", "None of the pictures of"),
    ],
)
def test_a_catalog_that_is_none_is_refused_in_one_sentence(
    content: str | None, said: str, tmp_path: Path, model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "shop.csv").write_text(content)
    assert main(["lint", "--catalog", str(tmp_path / "shop.csv"), "--model", str(model_dir)]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]


def test_a_report_that_cannot_be_written_is_one_sentence(
    planted: tuple[LintReport, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    common = ["lint", "--catalog", str(planted[1] / "shop.csv"), "--out", str(planted[1] / "out")]
    assert main([*common, "--html", str(tmp_path / "file" / "lint.html")]) == 1
    assert "lint.html cannot be written (File exists): choose a folder of your own." in capsys.readouterr().err


@needs_chromium
def test_the_page_shows_the_pictures_side_by_side_without_any_script(
    planted: tuple[LintReport, Path], tmp_path: Path
) -> None:
    report, folder = planted
    (tmp_path / "lint.html").write_text(lint_page("<b>shop</b>", report, Store(folder / "out")))
    with browser() as page:
        page.size(1280, 900)
        page.goto((tmp_path / "lint.html").as_uri())
        page.wait_for("document.readyState == 'complete'")
        headings = page.evaluate("[...document.querySelectorAll('h2')].map(h => h.innerText)")
        assert len(headings) == len(report.counts)
        assert page.evaluate("[...document.images].every(i => i.src.startsWith('data:') && i.naturalWidth > 0)")
        assert page.evaluate("document.scripts.length + document.querySelectorAll('link').length") == 0
        assert page.evaluate("document.querySelector('h1').innerText") == "Catalog check: <b>shop</b>"
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        pair = page.evaluate(
            "[...document.querySelectorAll('.card')].find(c => c.innerText.includes('mirror')).innerHTML"
        )
        assert pair.count("<img") == 2
        assert page.errors == []
