"""Teaching at the camera: from the person's wish to the item that is found."""

import time
from pathlib import Path

import numpy as np
import pytest

from components.core.teach_messages import Taught
from components.core.teaching import MOST_LEARNED, MOST_VIEWS, WHYS
from components.ram import taught_picture_path, write_aside
from tests.generations import MODEL, items, query, unit_vectors, write_generation
from tests.teaching_kit import WEBP, Device, near, sides


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def whys(answer: Taught) -> str:
    """The reason, which must be one that the page has words for."""
    assert answer.why in ("", *WHYS)
    assert bool(answer.why) == bool(answer.sentence)
    return answer.why


def test_a_taught_item_is_found_from_every_side_and_from_between(device: Device) -> None:
    views = sides(1, 5)
    assert device.ask(views[0]).matches[0].item_id.startswith("item-")
    item_id = device.teach(views)
    for shown in [*views, near(views[2], 0.9, seed=5), sum(views) / np.linalg.norm(sum(views))]:
        result = device.ask(shown.astype(np.float32))
        assert (result.decision, result.matches[0].item_id) == ("match", item_id)
    assert device.ask(device.vectors[7]).matches[0].item_id == "item-7"


def test_an_index_is_laid_anew_only_when_searches_find_something_else(device: Device) -> None:
    index = device.searcher.index
    item_id = device.do("begin").item_id
    for shown in sides(1):
        device.show(shown)
        device.do("view", item_id=item_id)
    assert device.searcher.index is index
    device.do("save", item_id=item_id, title="Tea")
    saved = device.searcher.index
    device.do("edit", item_id=item_id, title="Green tea")
    assert device.searcher.index is saved is not index
    device.do("edit", item_id=item_id, category="tea")
    assert device.searcher.index is not saved


def test_a_draft_is_not_found_before_it_is_saved(device: Device) -> None:
    item_id = device.do("begin").item_id
    for shown in sides(1):
        device.show(shown)
        assert whys(device.do("view", item_id=item_id)) == ""
    assert item_id not in [match.item_id for match in device.ask(sides(1)[0]).matches]


def test_the_mean_of_an_items_views_is_searched_beside_them(device: Device) -> None:
    device.teach(sides(1, 4))
    index = device.searcher.index
    assert index is not None
    assert len(index.snapshot.alive) == 50 + 4 + 1
    mean = np.sum(sides(1, 4), axis=0)
    np.testing.assert_allclose(index.snapshot.vectors[-1], mean / np.linalg.norm(mean), atol=1e-3)


def test_a_view_that_is_blurred_moved_old_or_missing_is_refused_with_what_to_do(device: Device) -> None:
    item_id = device.do("begin").item_id
    assert whys(device.do("view", item_id=item_id)) == "no_picture"
    first, second = sides(1, 2)
    device.show(first, times=1, captured_ns=time.monotonic_ns() - 2 * 10**9)
    assert whys(device.do("view", item_id=item_id)) == "no_picture"
    device.show(unit_vectors(1, seed=8)[0])
    device.show(second, times=1)
    refused = device.do("view", item_id=item_id)
    assert (whys(refused), refused.guidance) == ("unsteady", "hold_still")
    device.show(second)
    assert whys(device.do("view", item_id=item_id)) == ""


def test_nothing_is_taught_while_the_camera_has_another_model_than_the_index(device: Device) -> None:
    item_id = device.do("begin").item_id
    device.show(sides(1)[0], model="b" * 64)
    assert whys(device.do("view", item_id=item_id)) == "no_index"


def test_uploads_other_cameras_and_smaller_objects_are_no_views(device: Device) -> None:
    item_id = device.do("begin").item_id
    for other in ({"origin": "upload"}, {"camera": "second"}, {"object_index": 1}):
        device.show(sides(1)[0], **other)
        assert whys(device.do("view", item_id=item_id)) == "no_picture"
    device.show(sides(1)[0], camera="second")
    assert whys(device.do("view", item_id=item_id, camera="second")) == ""


def test_the_same_side_again_is_refused_and_another_item_is_asked_about(device: Device) -> None:
    item_id = device.do("begin").item_id
    first, second = sides(1, 2)
    device.show(first)
    assert whys(device.do("view", item_id=item_id)) == ""
    device.show(near(first, 0.98, seed=1))
    assert whys(device.do("view", item_id=item_id)) == "same_view"
    device.show(unit_vectors(1, seed=77)[0])
    assert whys(device.do("view", item_id=item_id)) == "other_item"
    assert whys(device.do("view", item_id=item_id, sure=True)) == ""
    device.show(second)
    assert whys(device.do("view", item_id=item_id)) == ""
    assert len(device.taught.catalog.views_of(item_id)) == 3


def test_an_item_has_at_least_three_views_a_title_and_at_most_eight_views(device: Device) -> None:
    item_id = device.do("begin").item_id
    shown = sides(1, MOST_VIEWS + 1)
    for embedding in shown[:2]:
        device.show(embedding)
        device.do("view", item_id=item_id)
    assert whys(device.do("save", item_id=item_id, title="Tea")) == "too_few_views"
    for embedding in shown[2:]:
        device.show(embedding)
        answer = device.do("view", item_id=item_id)
    assert whys(answer) == "enough_views"
    assert whys(device.do("save", item_id=item_id, title="  ")) == "no_title"
    assert whys(device.do("save", item_id=item_id, title="Tea")) == ""


def test_views_of_a_known_item_are_recognized_and_can_be_added_to_it(device: Device) -> None:
    views = [near(device.vectors[7], 0.8, seed=n) for n in range(3)]
    item_id = device.do("begin").item_id
    for embedding in views:
        device.show(embedding)
        answer = device.do("view", item_id=item_id)
    assert answer.looks_like == "item-7"
    refused = device.do("save", item_id=item_id, title="Tea")
    assert (whys(refused), refused.looks_like) == ("looks_like", "item-7")
    assert whys(device.do("move", item_id=item_id, into="item-7")) == ""
    best = device.ask(views[1]).matches[0]
    assert (best.item_id, best.score > 0.99) == ("item-7", True)


def test_an_item_that_only_looks_like_another_is_saved_when_the_person_is_sure(device: Device) -> None:
    item_id = device.do("begin").item_id
    for n in range(3):
        device.show(near(device.vectors[7], 0.8, seed=n))
        device.do("view", item_id=item_id)
    assert whys(device.do("save", item_id=item_id, title="Tea", sure=True)) == ""
    assert device.ask(near(device.vectors[7], 0.8, seed=1)).matches[0].item_id == item_id


def test_hidden_and_removed_items_are_never_returned_and_come_back(device: Device) -> None:
    own = device.teach(sides(1))
    for item_id, shown in ((own, sides(1)[0]), ("item-7", device.vectors[7])):
        assert device.ask(shown).matches[0].item_id == item_id
        for gone, back in (("hide", "show"), ("remove", "undo")):
            done = device.do(gone, item_id=item_id)
            assert whys(done) == ""
            assert item_id not in [match.item_id for match in device.ask(shown, k=50).matches]
            wish = {"operation": done.operation} if back == "undo" else {"item_id": item_id}
            assert whys(device.do(back, **wish)) == ""
            assert device.ask(shown).matches[0].item_id == item_id


def test_filters_know_taught_items_and_hidden_ones(device: Device) -> None:
    own = device.teach(sides(1), category="tea")
    assert [m.item_id for m in device.ask(device.vectors[0], filters={"category": ("tea",)}).matches] == [own]
    device.do("hide", item_id="item-7")
    found = device.ask(device.vectors[7], k=50, filters={"category": ("c7",)}).matches
    assert [match.item_id for match in found if match.item_id == "item-7"] == []
    assert len(found) == 4


def test_a_view_added_to_a_catalog_item_is_found_by_the_items_own_filters(device: Device) -> None:
    assert whys(device.do("begin", item_id="item-7")) == ""
    device.show(sides(1)[0])
    assert whys(device.do("view", item_id="item-7")) == ""
    for filters in ({}, {"category": ("c7",)}, {"color": ("color-0",)}):
        assert device.ask(sides(1)[0], filters=filters).matches[0].item_id == "item-7"
    assert "item-7" not in [m.item_id for m in device.ask(sides(1)[0], filters={"category": ("c1",)}).matches]


def test_everything_can_be_undone_once_and_only_while_nothing_newer_changed_it(device: Device) -> None:
    item_id = device.teach(sides(1), title="Tea")
    first = device.do("edit", item_id=item_id, title="Green tea")
    second = device.do("edit", item_id=item_id, title="Black tea")
    assert whys(device.do("undo", operation=first.operation)) == "not_undoable"
    undone = device.do("undo", operation=second.operation)
    assert device.taught.catalog.items[item_id].title == "Green tea"
    assert whys(device.do("undo", operation=second.operation)) == "not_undoable"
    assert whys(device.do("undo", operation=undone.operation)) == ""
    assert device.taught.catalog.items[item_id].title == "Black tea"
    assert whys(device.do("undo", operation=10_000)) == "not_undoable"


def test_a_view_that_was_dropped_is_not_searched_until_that_is_undone(device: Device) -> None:
    views = sides(1, 4)
    item_id = device.teach(views)
    last = device.taught.catalog.views_of(item_id)[-1]
    dropped = device.do("drop", view_id=last.view_id)
    assert device.ask(views[3]).matches[0].score < 0.98
    device.do("undo", operation=dropped.operation)
    assert device.ask(views[3]).matches[0].score > 0.99
    assert whys(device.do("drop", view_id="other")) == "unknown_view"


def test_a_new_draft_takes_the_place_of_one_that_was_left(device: Device) -> None:
    old = device.do("begin").item_id
    new = device.do("begin").item_id
    states = {item_id: item.state for item_id, item in device.taught.catalog.items.items()}
    assert states == {old: "removed", new: "draft"}
    assert whys(device.do("view", item_id=old)) == "unknown_item"


@pytest.mark.parametrize("action", ["view", "save", "edit", "hide", "show", "remove", "begin"])
def test_an_item_that_is_not_there_is_not_taught(device: Device, action: str) -> None:
    assert whys(device.do(action, item_id="nobody")) == "unknown_item"


def test_of_a_catalog_item_the_title_is_changed_here_and_the_category_is_not(device: Device) -> None:
    assert whys(device.do("edit", item_id="item-3", title="Tea")) == ""
    assert whys(device.do("edit", item_id="item-3", category="tea")) == "of_catalog"


def test_a_thumbnail_comes_through_ram_and_is_gone_from_there(device: Device) -> None:
    item_id = device.do("begin").item_id
    device.show(sides(1)[0])
    view_id = device.do("view", item_id=item_id).view_id
    wish = {"request_id": "abc", "view_id": view_id}
    path = taught_picture_path(device.ram_dir, "abc")
    for bad in (b"\xff\xd8\xff", WEBP + bytes(15 * 1024)):
        write_aside(path, bad)
        assert whys(picture(device, **wish)) == "no_picture"
        assert not path.exists()
    assert whys(picture(device, **wish)) == "no_picture"
    write_aside(path, WEBP)
    assert whys(picture(device, **wish)) == ""
    assert not path.exists()
    digest = device.taught.catalog.views_of(item_id)[0].thumbnail
    assert device.store.thumbnail(digest) == WEBP


def picture(device: Device, request_id: str, view_id: str) -> Taught:
    from components.core.teach_messages import Teach

    answer = device.teaching.do(Teach(request_id=request_id, action="picture", view_id=view_id))
    device.taught.refresh()
    return answer


# -- the life of the index --------------------------------------------------------------------------------------------


def test_taught_items_outlive_a_new_generation_and_a_restart(tmp_path: Path) -> None:
    device = Device(tmp_path)
    own = device.teach(sides(1))
    device.do("hide", item_id="item-7")
    write_generation(device.generations, unit_vectors(60, seed=5), items(60), seq=2)
    assert device.activation.step()
    for alive in (device, Device(tmp_path)):
        result = alive.ask(sides(1)[2])
        assert (result.generation, result.matches[0].item_id) == (2, own)
        assert "item-7" not in [match.item_id for match in alive.ask(unit_vectors(60, seed=5)[7], k=50).matches]


def test_items_of_another_model_are_kept_and_said_and_found_again_with_their_model(tmp_path: Path) -> None:
    device = Device(tmp_path)
    own, dim = device.teach(sides(1)), 24
    other = write_generation(device.generations, unit_vectors(30, dim), items(30), seq=2, model=_model("b" * 64, dim))
    assert device.activation.step()
    assert device.taught.reason(other.model.digest).startswith("1 taught items are kept, but not found")
    assert own not in [match.item_id for match in device.ask(unit_vectors(1, dim)[0], model="b" * 64, k=50).matches]
    write_generation(device.generations, unit_vectors(30), items(30), seq=3)
    assert device.activation.step()
    assert device.taught.reason(MODEL) == ""
    assert device.ask(sides(1)[0]).matches[0].item_id == own


def _model(digest: str, dim: int) -> object:
    from components.core.generations import ModelRef

    return ModelRef("other", digest, dim, "Apache-2.0", "test", {})


def test_views_of_an_item_that_left_the_catalog_sleep(tmp_path: Path) -> None:
    device = Device(tmp_path)
    device.do("begin", item_id="item-49")
    device.show(sides(1)[0])
    device.do("view", item_id="item-49")
    write_generation(device.generations, unit_vectors(20), items(20), seq=2)
    device.activation.step()
    assert "item-49" not in [match.item_id for match in device.ask(sides(1)[0], k=50).matches]


# -- learning from answers --------------------------------------------------------------------------------------------


def test_verdicts_teach_nothing_unless_that_is_set(tmp_path: Path) -> None:
    for learn, why in (("off", "learning_off"), ("never", "")):
        device = Device(tmp_path / learn, learn=learn)
        shown = device.show(near(device.vectors[7], 0.7, seed=1))
        answer = device.do("feedback", query_id=shown, item_id="item-7", verdict="right")
        assert (whys(answer), answer.operation, device.taught.catalog.views) == (why, 0, ())


@pytest.fixture
def learning(tmp_path: Path) -> Device:
    return Device(tmp_path, learn="confirm")


def confirm(device: Device, embedding: np.ndarray, verdict: str = "right") -> Taught:
    device.wall.now += 60
    return device.do("feedback", query_id=device.show(embedding), item_id="item-7", verdict=verdict)


def states(device: Device) -> list[str]:
    return [view.state for view in device.taught.catalog.views_of("item-7")]


def test_a_view_is_learned_when_it_was_confirmed_twice_on_two_occasions(learning: Device) -> None:
    shown = near(learning.vectors[7], 0.7, seed=1)
    before = learning.ask(shown).matches[0].score
    confirm(learning, shown)
    assert (states(learning), learning.ask(shown).matches[0].score) == (["quarantined"], before)
    again = near(shown, 0.9, seed=2)
    learning.do("feedback", query_id=learning.show(again), item_id="item-7", verdict="right")
    assert states(learning) == ["quarantined"]  # somebody tapped twice
    released = confirm(learning, again)
    assert states(learning) == ["active"]
    assert learning.ask(shown).matches[0].score > 0.99
    learning.do("undo", operation=released.operation)
    assert (states(learning), learning.ask(shown).matches[0].score) == (["quarantined"], before)


def test_one_confirmation_of_something_else_does_not_release_a_view(learning: Device) -> None:
    confirm(learning, near(learning.vectors[7], 0.5, seed=1))
    confirm(learning, near(learning.vectors[7], 0.5, seed=2))
    assert states(learning) == ["quarantined", "quarantined"]


def test_learned_views_of_an_item_are_capped(learning: Device) -> None:
    for seed in range(MOST_LEARNED + 4):
        confirm(learning, near(learning.vectors[7], 0.4, seed=seed))
    assert len(states(learning)) == MOST_LEARNED


def test_a_wrong_takes_back_what_was_learned_from_pictures_alike(learning: Device) -> None:
    shown = near(learning.vectors[7], 0.7, seed=1)
    confirm(learning, shown)
    confirm(learning, shown)
    assert states(learning) == ["active"]
    confirm(learning, unit_vectors(1, seed=4)[0], "wrong")
    assert states(learning) == ["active"]
    confirm(learning, near(shown, 0.9, seed=4), "wrong")
    assert states(learning) == []


def test_taught_views_are_not_taken_back_by_a_wrong(learning: Device) -> None:
    item_id = learning.teach(sides(1))
    shown = learning.show(sides(1)[0])
    assert whys(learning.do("feedback", query_id=shown, item_id=item_id, verdict="wrong")) == ""
    assert len(learning.taught.catalog.views_of(item_id)) == 3


def test_an_answer_that_is_forgotten_cannot_be_judged(learning: Device) -> None:
    shown = learning.show(learning.vectors[7])
    for n in range(600):
        asked = query(learning.vectors[1], query_id=f"later{n}")
        learning.recent.add(asked, learning.searcher.answer(asked))
    answer = learning.do("feedback", query_id=shown, item_id="item-7", verdict="right")
    assert whys(answer) == "unknown_query"
