"""What is shown from frame to frame: one change per item, no flicker, nothing stale."""

import itertools

import numpy as np
import pytest

from components.core.decisions import Decision
from components.core.messages import Match
from components.core.scene import FRAMES, Scene
from components.core.steadiness import PATIENCE, SURE, Answer, Steadiness
from tests.generations import unit_vectors

FRAME_S = 0.125
NOTHING = Answer(Decision("no_match", "unknown_item", "nothing in the catalog looks like this"), (Match("x", 0.1),))


def is_item(item_id: str, probability: float | None = None) -> Answer:
    return Answer(Decision("match"), (Match(item_id, 0.8, probability), Match("other", 0.5)))


def may_be(*item_ids: str) -> Answer:
    matches = tuple(Match(item_id, 0.8 - 0.01 * n) for n, item_id in enumerate(item_ids))
    return Answer(Decision("ambiguous", candidates=len(matches)), (*matches, Match("other", 0.5)))


class Show:
    """Frames before a camera, eight a second."""

    def __init__(self) -> None:
        self.steadiness = Steadiness()
        self.now_s = 100.0
        self.scene = 0

    def scene_of(self, *answers: Answer, moving: bool = False) -> list[str]:
        """What is shown, frame by frame, while one scene is answered so; items as text, "" for none."""
        self.scene += 1
        return self.more(*answers, first=1, moving=moving)

    def more(self, *answers: Answer, first: int = 10, moving: bool = False) -> list[str]:
        """The same, while the scene stays."""
        said = []
        for number, answer in enumerate(answers, start=first):
            self.now_s += FRAME_S
            settled = number // 3 if moving else number
            shown = self.steadiness.take(answer, scene=self.scene, settled=settled, now_s=self.now_s)
            said.append("+".join(sorted(shown.items)))
        return said


def test_an_item_enters_after_it_led_for_so_many_frames() -> None:
    show = Show()
    show.scene_of(*[NOTHING] * 4)
    assert show.scene_of(*[is_item("tea")] * 5) == ["", "", "tea", "tea", "tea"]
    assert show.steadiness.showing == 2


def test_an_item_beyond_doubt_enters_at_once() -> None:
    show = Show()
    show.scene_of(*[NOTHING] * 4)
    assert show.scene_of(is_item("tea", SURE)) == ["tea"]
    assert show.scene_of(is_item("cup", SURE - 0.01)) == ["tea"]


def test_one_item_takes_the_place_of_another_in_one_change() -> None:
    show = Show()
    show.scene_of(*[is_item("tea")] * 5)
    assert show.scene_of(is_item("hand")) == ["tea"]
    assert show.scene_of(is_item("shelf")) == ["tea"]
    assert show.scene_of(*[is_item("cup")] * 4) == ["tea", "tea", "cup", "cup"]
    assert show.steadiness.showing == 3


def test_an_item_leaves_after_a_pause_while_something_moves() -> None:
    show = Show()
    show.scene_of(*[is_item("tea")] * 5)
    shown = show.scene_of(*[NOTHING] * 6, moving=True)
    pause_s = FRAME_S * shown.count("tea")
    assert shown == sorted(shown, reverse=True)
    assert PATIENCE.leave_s <= pause_s <= PATIENCE.leave_s + FRAME_S


def test_an_item_that_is_plainly_gone_leaves_sooner() -> None:
    show = Show()
    show.scene_of(*[is_item("tea")] * 5)
    assert show.scene_of(*[NOTHING] * 4) == ["tea", "", "", ""]


def test_a_frame_that_finds_nothing_does_not_take_the_answer_away() -> None:
    show = Show()
    show.scene_of(*[is_item("tea")] * 5)
    assert set(show.more(NOTHING, NOTHING, is_item("tea"), NOTHING, is_item("cup"), is_item("tea"))) == {"tea"}
    assert set(show.scene_of(NOTHING) + show.scene_of(is_item("tea"))) == {"tea"}
    assert show.steadiness.showing == 2


def test_two_variants_in_turn_do_not_flicker() -> None:
    show = Show()
    show.scene_of(*[is_item("red tea")] * 5)
    answers = itertools.islice(itertools.cycle([is_item("green tea"), is_item("green tea"), is_item("red tea")]), 60)
    assert set(show.more(*answers)) == {"red tea"}


def test_a_wrong_answer_is_put_right_and_the_next_change_takes_longer() -> None:
    show = Show()
    show.scene_of(*[is_item("red tea")] * 5)
    first = show.more(*[is_item("green tea")] * 40).index("green tea")
    second = show.more(*[is_item("red tea")] * 80).index("red tea")
    assert first * FRAME_S == pytest.approx(PATIENCE.same_scene_s, abs=2 * FRAME_S)
    assert second * FRAME_S == pytest.approx(2 * PATIENCE.same_scene_s, abs=2 * FRAME_S)


def test_an_ambiguous_answer_stays_ambiguous() -> None:
    show = Show()
    assert show.scene_of(*[may_be("red", "green")] * 4)[-1] == "green+red"
    flips = [is_item("red"), may_be("green", "blue"), is_item("green"), may_be("red", "green")]
    assert set(show.more(*flips * 10)) == {"green+red"}


def test_an_item_that_was_clear_stays_clear_when_it_is_moved() -> None:
    show = Show()
    show.scene_of(*[is_item("red")] * 4)
    assert set(show.scene_of(*[may_be("red", "green")] * 8)) == {"red"}


def test_what_is_ambiguous_becomes_clear_when_it_stays_clear() -> None:
    show = Show()
    show.scene_of(*[may_be("red", "green")] * 4)
    shown = show.more(*[is_item("red")] * 30)
    assert (shown[0], shown[-1]) == ("green+red", "red")


def test_what_moves_must_lead_for_longer() -> None:
    show = Show()
    show.scene_of(*[NOTHING] * 4)
    shown = show.scene_of(*[is_item("tea")] * 12, moving=True)
    assert shown[: 3 * PATIENCE.frames - 1] == [""] * (3 * PATIENCE.frames - 1)
    assert shown[-1] == "tea"


def test_while_the_picture_does_not_come_to_rest_nothing_stale_is_shown() -> None:
    show = Show()
    show.scene_of(*[is_item("tea")] * 5)
    shown = [show.scene_of(is_item(f"passing {n}"))[0] for n in range(20)]
    held_s = FRAME_S * shown.count("tea")
    assert held_s == pytest.approx(PATIENCE.hold_s, abs=2 * FRAME_S)
    assert shown[-1] == ""
    answer = show.steadiness.take(is_item("y"), scene=99, settled=1, now_s=show.now_s + FRAME_S)
    assert (answer.decision.kind, answer.decision.cause) == ("no_match", "poor_picture")
    assert answer.matches[0].item_id == "y"


def test_what_was_held_too_long_does_not_delay_the_next_item() -> None:
    show = Show()
    show.scene_of(*[is_item("tea")] * 5)
    show.now_s += PATIENCE.hold_s  # nothing was searched while something moved
    assert show.scene_of(*[is_item("cup")] * 4) == ["", "", "cup", "cup"]


def test_what_counts_no_more_is_replaced_at_once() -> None:
    show = Show()
    show.scene_of(*[is_item("tea")] * 5)
    shown = show.steadiness.take(NOTHING, scene=1, settled=9, now_s=show.now_s + FRAME_S, afresh=True)
    assert shown == NOTHING
    assert show.steadiness.showing == 3


def test_the_shown_answer_has_the_newest_scores() -> None:
    steadiness = Steadiness()
    for score in (0.5, 0.6, 0.7, 0.8):
        answer = Answer(Decision("match"), (Match("tea", score),))
        shown = steadiness.take(answer, scene=1, settled=3, now_s=score)
    assert shown.matches[0].score == 0.8
    held = steadiness.take(NOTHING, scene=1, settled=3, now_s=0.9)
    assert held.matches[0].score == 0.8


ITEMS = unit_vectors(40, 256)
MEAN = np.zeros(256, np.float32)


def near(vector: np.ndarray, noise: float, seed: int) -> np.ndarray:
    moved = vector + noise * unit_vectors(1, vector.size, seed)[0]
    return np.asarray(moved / np.linalg.norm(moved), np.float32)


def test_frames_of_one_item_are_one_scene_and_another_item_is_another() -> None:
    scene = Scene()
    for seed in range(10):
        scene.see(near(ITEMS[0], 0.1, seed), MEAN)
    assert (scene.number, scene.settled, len(scene.evidence())) == (1, 10, FRAMES)
    scene.see(ITEMS[1], MEAN)
    assert (scene.number, scene.settled) == (2, 1)
    assert np.array_equal(scene.evidence(), ITEMS[1:2])


def test_what_all_pictures_have_in_common_does_not_make_them_one_scene() -> None:
    common = 3 * unit_vectors(1, 256, seed=9)[0]
    scene = Scene()
    for item in ITEMS:
        together = item + common
        scene.see(together / np.linalg.norm(together), common / np.sqrt(10))
    assert scene.number == len(ITEMS)


def test_a_moving_item_is_one_scene_that_settles_slowly() -> None:
    scene = Scene()
    for seed in range(12):
        scene.see(near(ITEMS[0], 0.45, seed), MEAN)
    assert (scene.number, scene.settled) == (1, 4)


def test_what_moved_before_the_item_came_to_rest_is_no_evidence() -> None:
    scene = Scene()
    scene.see(near(ITEMS[0], 0.55, 5), MEAN)
    for seed in range(3):
        scene.see(near(ITEMS[0], 0.02, seed), MEAN)
    assert scene.number == 1
    assert len(scene.evidence()) == 3
