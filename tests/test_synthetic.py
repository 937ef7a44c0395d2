"""The synthetic camera: what its labels promise, its pace, its order, its errors."""

import itertools
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.core.errors import BadContentError, UnavailableError
from components.featurizer.frame import Frame, Image
from components.featurizer.sources import parse_source
from components.featurizer.synthetic import SyntheticCamera
from components.featurizer.synthetic.cutout import cut_out
from components.featurizer.synthetic.motion import draw_hold

COLORS = {"red": (30, 30, 220), "green": (40, 180, 40), "blue": (220, 60, 30), "violet": (200, 40, 160)}
SIZE = (320, 180)
QUICK = {"fps": 1000.0, "hold_s": 0.004, "empty_s": 0.003, "size": SIZE}


def studio_picture(color: tuple[int, int, int]) -> Image:
    """A colored bottle on a white ground with a soft gray shadow."""
    picture = np.full((240, 240, 3), 249, np.uint8)
    cv2.ellipse(picture, (120, 205), (70, 10), 0, 0, 360, (200, 200, 200), -1)
    picture = cv2.GaussianBlur(picture, (0, 0), 6)
    cv2.rectangle(picture, (70, 30), (170, 205), color, -1)
    return np.asarray(picture, np.uint8)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    lines = ["item_id,image"]
    for name, color in COLORS.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), studio_picture(color))
        lines.append(f"{name},{name}.png|second.png")
    path = tmp_path / "catalog.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def show(camera: SyntheticCamera, count: int) -> list[tuple[Image, str | None]]:
    return list(itertools.islice(camera.pictures(), count))


def take(camera: SyntheticCamera, count: int) -> list[Frame]:
    return list(itertools.islice(camera.frames(threading.Event()), count))


def like(image: Image, color: tuple[int, int, int]) -> float:
    """The share of the picture that has about this hue and is vivid."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(int)
    hue = int(cv2.cvtColor(np.array([[color]], np.uint8), cv2.COLOR_BGR2HSV)[0, 0, 0])
    near = np.abs((hsv[..., 0] - hue + 90) % 180 - 90) < 9
    return float((near & (hsv[..., 1] > 140)).mean())


def short(catalog: Path, seed: int = 0, fps: float = 20) -> SyntheticCamera:
    """A camera with an item every 1.5 s."""
    return SyntheticCamera(catalog, fps=fps, hold_s=0.3, empty_s=0.1, seed=seed, size=SIZE)


def test_frames_are_pictures_of_the_size_with_numbers_and_times(catalog: Path):
    before_ns, before = time.monotonic_ns(), time.time()
    frames = take(SyntheticCamera(catalog, **QUICK), 12)
    assert {f.image.shape for f in frames} == {(180, 320, 3)} and {f.image.dtype for f in frames} == {
        np.dtype(np.uint8)
    }
    assert [f.seq for f in frames] == list(range(1, 13))
    times = [f.captured_ns for f in frames]
    assert before_ns <= times[0] and times == sorted(times) and times[-1] <= time.monotonic_ns()
    assert all(before - 1 <= f.captured_at <= time.time() + 1 for f in frames)


def test_label_names_the_item_only_while_it_is_wholly_in_view_and_at_rest(catalog: Path):
    shown = show(short(catalog), 120)
    assert {label for _, label in shown} == {*COLORS, "", None}
    for image, label in shown:
        if label:
            in_view, in_square = like(image, COLORS[label]) * image[..., 0].size, like(image[:, 70:250], COLORS[label])
            assert in_view > 0.1 * image[..., 0].size, f"{label} is hardly in view"
            assert in_square * 180 * 180 >= 0.95 * in_view, f"the square crop cuts {label} off"
        if label == "":
            assert all(like(image, color) < 0.02 for color in COLORS.values())


def test_an_item_at_rest_is_seen_in_the_same_place_in_every_frame(catalog: Path):
    places: dict[str, list[float]] = {}
    for image, label in show(SyntheticCamera(catalog, fps=10, hold_s=1.5, empty_s=0.1, size=SIZE), 100):
        if label:
            places.setdefault(label, []).append(float(middle_row(image, COLORS[label])))
    assert places and all(np.ptp(rows) < 6 for rows in places.values()), places


def middle_row(image: Image, color: tuple[int, int, int]) -> float:
    near = np.abs(image.astype(int) - color).sum(axis=2) < 130
    return float(np.nonzero(near)[0].mean())


def test_empty_scene_coming_at_rest_going_follow_each_other(catalog: Path):
    runs = [label for label, _ in itertools.groupby(label for _, label in show(short(catalog), 120))]
    assert len(runs) > 12
    for place, label in enumerate(runs):
        assert (label in COLORS) if place % 4 == 2 else label == ("" if place % 4 == 0 else None), runs


def test_every_item_has_its_turn_before_one_comes_again(catalog: Path):
    order = [label for label, _ in itertools.groupby(label for _, label in show(short(catalog, fps=4), 60)) if label]
    assert len(order) >= 8
    assert set(order[:4]) == set(order[4:8]) == set(COLORS)


def test_even_a_frame_in_ten_seconds_shows_every_item_at_rest(catalog: Path):
    assert [bool(label) for _, label in show(short(catalog, fps=0.1), 8)] == [False, True] * 4


def test_same_seed_gives_the_same_pictures_and_another_seed_others(catalog: Path):
    first, again, other = (show(short(catalog, seed), 24) for seed in (7, 7, 8))
    assert [label for _, label in first] == [label for _, label in again]
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, other, strict=True))


def test_an_item_at_rest_trembles_but_stays_in_its_place():
    hold = draw_hold(3.0, np.random.default_rng(0))
    rest = [hold.pose(t) for t in np.arange(0.6, 3.6, 0.1)]
    assert all(hold.at_rest(t) for t in (0.61, 2.0, 3.5)) and not hold.at_rest(0.5) and not hold.at_rest(3.65)
    assert len({p.x for p in rest}) == len(rest)
    assert np.ptp([p.x for p in rest]) < 0.02 and np.ptp([p.y for p in rest]) < 0.02
    assert all(p.speed == 0 and abs(p.roll) <= 15 and abs(p.yaw) <= 17 and abs(p.pitch) <= 15 for p in rest)
    assert hold.pose(0.05).speed > 0 < hold.pose(hold.total_s - 0.05).speed


def test_frames_come_no_faster_than_asked(catalog: Path):
    begun = time.monotonic()
    take(SyntheticCamera(catalog, fps=20, empty_s=10, size=SIZE), 9)
    assert time.monotonic() - begun >= 8 / 20


def test_stop_ends_the_frames_at_once(catalog: Path):
    stop = threading.Event()
    frames = SyntheticCamera(catalog, fps=0.02, size=SIZE).frames(stop)
    next(frames)
    threading.Timer(0.05, stop.set).start()
    begun = time.monotonic()
    assert next(frames, None) is None
    assert time.monotonic() - begun < 20, "it waited for the next frame, which is 50 s away"


def test_ground_is_cut_away_and_the_item_stays():
    cutout = cut_out(studio_picture(COLORS["red"]))
    h, w = cutout.shape[:2]
    assert 1.5 < h / w < 2.0, "the item is 100 x 175, its shadow does not belong to it"
    assert cutout[h // 2, w // 2, 3] == 255 and (cutout[..., 3] > 250).mean() > 0.9
    assert (cutout[..., :3].max(axis=2) <= cutout[..., 3].astype(int) + 1).all()


def test_a_picture_without_white_ground_is_shown_whole_as_a_card():
    rng = np.random.default_rng(0)
    cutout = cut_out(rng.integers(0, 255, (120, 200, 3)).astype(np.uint8))
    assert cutout.shape[1] > cutout.shape[0] and (cutout[..., 3] == 255).all()


def first_label(catalog: Path) -> str | None:
    return next(label for _, label in show(short(catalog), 60) if label)


def test_a_folder_of_pictures_is_a_catalog_too(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "red-bottle.png"), studio_picture(COLORS["red"]))
    assert first_label(tmp_path) == "red-bottle"


def test_a_folder_per_item_is_a_catalog_too(tmp_path: Path):
    (tmp_path / "red-bottle").mkdir()
    cv2.imwrite(str(tmp_path / "red-bottle" / "1.png"), studio_picture(COLORS["red"]))
    assert first_label(tmp_path) == "red-bottle"


def test_a_folder_with_a_catalog_file_is_read_by_it(catalog: Path):
    assert first_label(catalog.parent) in COLORS


def test_a_picture_that_cannot_be_read_is_passed_over(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "good.png"), studio_picture(COLORS["red"]))
    (tmp_path / "bad.png").write_bytes(b"no picture")
    assert first_label(tmp_path) == "good"


def test_the_source_setting_leads_here(catalog: Path):
    assert isinstance(parse_source(f"synthetic:{catalog}?fps=5&seed=2"), SyntheticCamera)


def test_a_missing_catalog_is_unavailable(tmp_path: Path):
    with pytest.raises(UnavailableError, match=r"nowhere\.csv"):
        take(SyntheticCamera(tmp_path / "nowhere.csv"), 1)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no column item_id and no column image"),
        (b"item_id,title\na,A\n", "no column image"),
        (b"item_id,image\n", "no item with a picture"),
        (b"item_id,image\na,\n", "no item with a picture"),
        (b"item_id,image\na,gone.jpg\n", "None of the 1 pictures"),
        (b"item_id,image\n" + b"x" * 65 + b",a.jpg\n", "at most 64 characters"),
        (b"item_id,image\n\xff\xfe,a.jpg\n", "UTF-8"),
    ],
)
def test_a_bad_catalog_is_refused_with_its_path_and_what_is_wrong(tmp_path: Path, content: bytes, what: str):
    path = tmp_path / "catalog.csv"
    path.write_bytes(content)
    with pytest.raises(BadContentError, match=what) as refused:
        take(SyntheticCamera(path), 1)
    assert str(path) in str(refused.value)


def test_an_empty_folder_is_refused_with_its_path(tmp_path: Path):
    with pytest.raises(BadContentError, match="no item with a picture") as refused:
        take(SyntheticCamera(tmp_path), 1)
    assert str(tmp_path) in str(refused.value)
