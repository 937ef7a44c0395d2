"""The test bed of answers over time: its clips are what they claim, and the short form of what it must show."""

import itertools

import cv2
import numpy as np
import pytest

from benchmarks import clips
from benchmarks.clip_scenes import FPS, HOLD_S, SIDE, Shown, clip
from benchmarks.clips import Answered, Moment, Screen
from components.featurizer.embedder import Embedder
from components.featurizer.model import Model
from components.searcher.index import Index
from components.searcher.snapshot import load_snapshot
from components.store import Store
from index_builder.build import BuildOptions, build
from index_builder.demo_catalog import write_demo_catalog


def card(number: int) -> Shown:
    blocks = np.random.default_rng(number).integers(0, 255, (6, 6, 3), np.uint8)
    return Shown(f"card-{number}", cv2.resize(blocks, (400, 300), interpolation=cv2.INTER_NEAREST))


CARDS = [card(number) for number in range(6)]
SHOTS = list(clip(CARDS, seed=4))


def test_a_clip_is_always_the_same() -> None:
    again = list(clip(CARDS, seed=4))
    assert all(np.array_equal(a.image, b.image) and a.label == b.label for a, b in zip(SHOTS, again, strict=True))
    other = list(clip(CARDS, seed=5))
    assert [shot.label for shot in other] != [shot.label for shot in SHOTS]


def test_every_item_has_its_turn_at_rest_between_empty_scenes() -> None:
    for turn, shown in enumerate(CARDS, start=1):
        labels = [shot.label for shot in SHOTS if shot.turn == turn]
        assert labels.count(shown.item_id) == HOLD_S * FPS
        assert set(labels) <= {shown.item_id, None, ""}
        assert labels[0] is None
    assert (SHOTS[0].label, SHOTS[-1].label, SHOTS[0].turn) == ("", "", 0)
    assert {shot.image.shape for shot in SHOTS} == {(SIDE, SIDE, 3)}


def test_what_is_labelled_at_rest_rests_and_what_is_not_moves() -> None:
    still, moving = [], []
    for one, other in itertools.pairwise(SHOTS):
        changed = float((cv2.absdiff(one.image, other.image).max(axis=2) > 40).mean())
        if one.label == other.label:
            (moving if one.label is None else still).append(changed)
    assert np.percentile(still, 90) < 0.15
    assert np.percentile(moving, 25) > 0.2


def test_all_ways_of_exchange_occur() -> None:
    after_rest = [
        {shot.label for shot in SHOTS if shot.turn == turn} - {shown.item_id}
        for turn, shown in enumerate(CARDS, start=1)
    ]
    assert {"", None} in after_rest  # by an empty scene
    assert {None} in after_rest  # at once


def test_the_figures_count_what_is_seen() -> None:
    screen = Screen.__new__(Screen)
    tea, cup, none = frozenset({"tea"}), frozenset({"cup"}), frozenset[str]()
    # Tea comes to rest at 1 s and is shown after 0.4 s; something else flashes; then two empty seconds, quiet from the
    # second one on.
    shown = [none] * 4 + [tea] * 6 + [cup] * 2 + [tea] * 8 + [tea] * 5 + [none] * 15
    labels = ["tea"] * 20 + [""] * 20
    screen.moments = [
        Moment(n / 10, label, 1, items) for n, (label, items) in enumerate(zip(labels, shown, strict=True))
    ]
    screen.answers = [Answered(1, "tea", tea, alone) for alone in (tea, cup, tea, none)]
    found = clips.figures(screen)
    assert (found["items"], found["recognizable"], found["within 1 s"]) == (1, 1, 1.0)
    assert (found["changes/item"], found["with leaving"]) == (3.0, 4.0)
    assert found["right"] == pytest.approx(8 / 9, abs=0.001)
    assert found["right alone"] == 0.5
    assert found["empty quiet"] == 1.0
    screen.moments = [Moment(m.t + 0.8 * (m.label == ""), m.label, m.turn, tea) for m in screen.moments]
    assert clips.figures(screen)["empty quiet"] == 0.0
    screen.answers = [Answered(1, "tea", tea, alone) for alone in (tea, cup, cup)]
    assert clips.figures(screen)["recognizable"] == 0


@pytest.fixture(scope="module")
def screen(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Screen:
    """Six rendered items through the real chain."""
    folder = tmp_path_factory.mktemp("clips")
    catalog = write_demo_catalog(folder / "catalog", items=6)
    build(
        BuildOptions(catalog=catalog, out=folder / "index", name="clips", camera_views=6),
        lambda: model,
        lambda what, total: lambda done: None,
    )
    index = Index(load_snapshot(Store(folder / "index"), 1))
    embedder = Embedder(model, device="CPU", threads=2)
    (played,) = clips.play(clip(clips.at_rest(catalog), seed=2), embedder, [index], folder / "ram")
    return played


def test_items_are_shown_in_time_without_flicker_and_empty_scenes_are_quiet(screen: Screen) -> None:
    found = clips.figures(screen)
    assert found["items"] == 6
    assert found["recognizable"] >= 5
    assert found["changes/item"] <= 1.1
    assert found["within 1 s"] >= 0.8
    assert found["empty quiet"] >= 0.95
    assert found["right"] >= found["right alone"] - 0.02
