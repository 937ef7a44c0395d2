"""The page of an evaluation: what it shows, in a real browser; and that it needs nothing but itself."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.catalog import load_catalog
from components.core.items import Item
from components.core.messages import Match
from components.featurizer.sources.labels import Photo
from components.searcher.snapshot import load_snapshot
from components.store import Store
from components.thumbnails import thumbnail
from index_builder.answers import Answer, Run, Unreadable
from index_builder.charts import HEIGHT, WIDTH, Line, histogram, interval_chart, line_chart
from index_builder.comparison import compare
from index_builder.evaluate import evaluate
from index_builder.evaluation_page import evaluation_page
from index_builder.page import Html, page, section, table
from tests.browser import Browser, browser, needs_chromium
from tests.generations import unit_vectors, write_generation

NASTY = '<img src=x onerror="alert(1)">'


def scene(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(cv2.resize(rng.integers(0, 255, (5, 5, 3), np.uint8), (200, 200)), np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A hundred answers about eight items, with probabilities; some photos show other things, one is gone."""
    folder = tmp_path_factory.mktemp("report")
    store = Store(folder / "index")
    items = [
        Item(
            item_id=f"i{n}",
            title={"": NASTY if n == 1 else f"Item {n}"},
            category=f"kind {n % 3}",
            thumbnail=store.write_object(thumbnail(scene(n))).sha256,
        )
        for n in range(8)
    ]
    write_generation(store, unit_vectors(8), items, name=NASTY)
    for n in range(100):
        cv2.imwrite(str(folder / f"{n}.jpg"), scene(n))
    answers = [_answer(folder / f"{n}.jpg", n) for n in range(100)]
    answers[1] = dataclasses.replace(answers[1], photo=Photo(folder / "gone.jpg", "i1"))
    queries = unit_vectors(100)
    unreadable = [Unreadable("broken.jpg", "The picture is empty: send a JPEG, PNG or WebP file.")]
    return Run(store, load_snapshot(store, 1), load_catalog(store, 1), answers, queries, unreadable)


def _answer(path: Path, n: int) -> Answer:
    shown, sure = (n % 8 if n % 4 else -1), 0.2 + 0.7 * (n % 10) / 10
    found = (shown if n % 10 > 2 and shown >= 0 else (n + 1) % 8, (n + 3) % 8)
    matches = tuple(Match(f"i{item}", 0.9 - place / 5, sure / (1 + place)) for place, item in enumerate(found))
    kind = ("no_match", "ambiguous", "match")[min(2, n % 10)]
    return Answer(Photo(path, f"i{shown}" if shown >= 0 else ""), shown >= 0, matches, kind, (0, 2, 1)[min(2, n % 10)])


@pytest.fixture(scope="module")
def shown(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path = tmp_path_factory.mktemp("page") / "report.html"
    worse = [dataclasses.replace(one, matches=one.matches[::-1]) for one in run.answers]
    document = evaluation_page(run, evaluate(run), compare(run, dataclasses.replace(run, answers=worse)))
    path.write_text(document)
    with browser() as opened:
        opened.size(1280, 900)
        opened.goto(path.as_uri())
        opened.wait_for("document.readyState == 'complete'")
        yield opened


@needs_chromium
def test_the_page_shows_each_part(shown: Browser) -> None:
    headings = shown.evaluate("[...document.querySelectorAll('h2')].map(h => h.innerText)")
    parts = ["Decisions", "Known or unknown", "Stated probability", "Categories", "Worst confusions"]
    assert headings == [f"Against {NASTY}, generation 1", *parts, "Photos that could not be used"]
    tiles = shown.evaluate("[...document.querySelectorAll('.tile span')].map(t => t.innerText)")
    assert {"right item first", "AUROC", "calibration error"} <= set(tiles)
    assert shown.evaluate("document.querySelectorAll('svg').length") == 4


@needs_chromium
def test_the_page_needs_nothing_but_itself(shown: Browser) -> None:
    assert shown.evaluate("document.images.length") > 10
    assert shown.evaluate("[...document.images].every(i => i.src.startsWith('data:') && i.naturalWidth > 0)")
    assert shown.evaluate("document.scripts.length + document.querySelectorAll('link, [onerror]').length") == 0
    assert (
        shown.evaluate("performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length") == 0
    )
    assert shown.evaluate("document.querySelector('h1').innerText") == f"How good is {NASTY}?"
    assert shown.errors == []


@needs_chromium
def test_a_confusion_shows_the_photo_the_right_item_and_the_one_that_was_found(shown: Browser) -> None:
    card = "document.querySelector('.cards.wide .card')"
    names = shown.evaluate(f"[...{card}.querySelectorAll('figcaption')].map(c => c.innerText)")
    assert [name.splitlines()[-1] for name in names] == ["photo", "is right", "was found"]
    gone = shown.evaluate(
        "[...document.querySelectorAll('figure')].filter(f => f.innerText.includes('gone.jpg'))[0].innerHTML"
    )
    assert "<img" not in gone


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_any_screen_in_light_and_dark(shown: Browser, width: int, dark: bool) -> None:
    shown.size(width, 900, dark=dark)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    ground, ink = shown.evaluate(
        "['backgroundColor', 'color'].map(p => getComputedStyle(document.body)[p].match(/\\d+/g).map(Number)[1])"
    )
    assert (ground < ink) == dark
    outside = """[...document.querySelectorAll('svg text')].filter(t => {
        const inner = t.getBoundingClientRect(), outer = t.ownerSVGElement.getBoundingClientRect();
        return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1;
    }).map(t => t.textContent)"""
    assert shown.evaluate(outside) == []


def test_without_probabilities_the_page_says_so_and_shows_no_diagram(run: Run) -> None:
    plain = [
        dataclasses.replace(one, matches=tuple(Match(m.item_id, m.score) for m in one.matches)) for one in run.answers
    ]
    without = dataclasses.replace(run, answers=plain)
    document = evaluation_page(without, evaluate(without), None)
    assert "This generation states no probabilities: it was not calibrated." in document
    assert "reliability diagram" not in document
    assert "calibration error" not in document


def test_photos_of_other_things_alone_make_a_page_too(run: Run) -> None:
    others = [one for one in run.answers if not one.known]
    unknown = dataclasses.replace(run, answers=others, queries=run.queries[: len(others)])
    document = evaluation_page(unknown, evaluate(unknown), None)
    assert "of the unknown photos" in document
    assert "Worst confusions" not in document


def test_text_is_escaped_wherever_it_enters_a_page() -> None:
    document = page(NASTY, NASTY, [section(NASTY, NASTY, table((NASTY,), [(NASTY,)])), Html("<hr>")])
    assert NASTY not in document
    assert document.count("&lt;img src=x") == 7
    assert "<hr>" in document


def test_a_line_goes_from_corner_to_corner_and_in_steps_where_asked() -> None:
    straight, stepped = (
        re.search(
            r'<path d="([^"]+)" fill="none"', line_chart([Line("", "accent", [(0, 0), (1, 1)], steps)], "", "", "")
        )
        for steps in (False, True)
    )
    assert straight is not None and stepped is not None
    assert re.fullmatch(r"M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)", straight[1])
    left, bottom, right, top = map(float, re.findall(r"[\d.]+", straight[1]))
    assert 0 < left < right < WIDTH and 0 < top < bottom < HEIGHT
    assert list(map(float, re.findall(r"[\d.]+", stepped[1]))) == [left, bottom, right, bottom, right, top]


def test_an_interval_above_zero_is_drawn_right_of_the_line_at_zero() -> None:
    drawn = interval_chart([("better", 0.2, 0.1, 0.3), ("worse", -0.2, -0.3, -0.1)], "")
    zero, low, high, low_of_worse, high_of_worse = (
        float(x) for pair in re.findall(r'd="M([\d.]+) [\d.]+(?:H([\d.]+)|V[\d.]+)"', drawn) for x in pair if x
    )
    assert low_of_worse < high_of_worse < zero < low < high
    assert "var(--accent)" in drawn and "var(--other)" in drawn


def test_a_histogram_shows_shares_so_that_groups_of_any_size_compare() -> None:
    few, many = [0.1, 0.9], [0.1] * 50 + [0.9] * 50
    drawn = histogram([("few", "accent", few, 2), ("many", "other", many, 100)], 0.0, 1.0, "", "")
    shapes = re.findall(r'<path d="([^"]+Z)"', drawn)
    assert len(shapes) == 2
    assert shapes[0] == shapes[1]
