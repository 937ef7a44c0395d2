"""Which pictures are not searched, and what is said instead."""

import threading

import cv2
import numpy as np
import pytest
from test_pipeline import Active, MeanColor, Reel, heard, over_time, pipeline

from components.bus import LocalBus
from components.core import messages
from components.core.configuration import from_mapping
from components.core.messages import Query, SearchResult
from components.featurizer.__main__ import limits
from components.featurizer.advice import Advice
from components.featurizer.configuration import FeaturizerConfiguration
from components.featurizer.crop import Crop
from components.featurizer.decode import decode_picture
from components.featurizer.foreground import Foreground, Scene
from components.featurizer.gate import Gate
from components.featurizer.quality import Limits
from components.featurizer.sources.labels import read_photo_list

BOX = (0.3, 0.3, 0.4, 0.4)
AT_REST = Scene((BOX,), is_known=True)
EMPTY = Scene(is_known=True)
PRINTED = (
    np.kron(np.random.default_rng(0).integers(0, 2, (12, 12, 1)), np.ones((25, 25, 3))).astype(np.uint8) * 200 + 30
)


def guidance(image, scene=AT_REST, **settings):
    crop = Crop(image, None, scene.objects[0] if scene.objects else None)
    return Limits(**settings).guidance(crop, scene, np.zeros((540, 960, 3), np.uint8))


def blurred(image, sigma):
    return cv2.GaussianBlur(image, (0, 0), sigma)


def test_sharp_item_at_rest_in_the_light_is_searched():
    assert guidance(PRINTED) == ""


def test_blurred_item_is_not_searched():
    assert guidance(blurred(PRINTED, 5)) == "too_blurred"
    assert guidance(blurred(PRINTED, 5), min_sharpness=0) == ""


def test_plain_item_with_sharp_edges_is_searched_and_one_without_any_contrast_too():
    plain = np.full((300, 300, 3), 90, np.uint8)
    assert guidance(plain) == ""
    plain[60:240, 100:200] = 180
    assert guidance(plain) == ""
    assert guidance(blurred(plain, 6)) == "too_blurred"


def test_blur_of_an_empty_counter_is_no_fault_but_that_of_a_camera_in_a_hand_is():
    assert guidance(blurred(PRINTED, 5), EMPTY) == ""
    assert guidance(blurred(PRINTED, 5), Scene()) == ""
    assert guidance(blurred(PRINTED, 5), Scene(is_loose=True)) == "too_blurred"


def test_dark_picture_is_not_searched_and_a_dark_item_in_the_light_is():
    assert guidance((PRINTED * 0.12).astype(np.uint8)) == "too_dark"
    assert guidance((PRINTED * 0.12).astype(np.uint8), EMPTY) == "too_dark"
    black = np.full((300, 300, 3), 190, np.uint8)
    black[30:270, 30:270] = PRINTED[30:270, 30:270] // 8
    assert guidance(black) == ""


def test_moving_and_small_items_are_not_searched():
    assert guidance(PRINTED, Scene((BOX,), speed=5, is_known=True)) == "hold_still"
    assert guidance(PRINTED, Scene((BOX,), speed=5, is_known=True), max_speed=0) == ""
    assert guidance(PRINTED, Scene(((0.5, 0.5, 0.02, 0.05),), is_known=True)) == "come_closer"


def test_limits_are_settings():
    configuration = from_mapping(FeaturizerConfiguration, {"min_sharpness": "0.3", "max_speed": 0})
    assert limits(configuration) == Limits(min_sharpness=0.3, max_speed=0)
    assert limits(FeaturizerConfiguration()) == Limits()


def test_advice_is_given_at_once_when_it_changes_and_else_a_few_times_a_second():
    advice = Advice()
    said = [t for t in range(40) if advice.is_due("too_dark", 100 + t / 16)]
    assert said == [0, 5, 10, 15, 20, 25, 30, 35]
    assert advice.is_due("hold_still", 102.5)
    assert not advice.is_due("", 102.51)
    assert advice.is_due("hold_still", 102.52)


COUNTER = cv2.resize(
    np.random.default_rng(1).integers(60, 200, (9, 16, 3), dtype=np.uint8), (480, 270), interpolation=cv2.INTER_CUBIC
)


def counter_with(left=200, item=PRINTED[:100, :100]):
    image = COUNTER.copy()
    image[100 : 100 + item.shape[0], left : left + item.shape[1]] = item
    return image


def road(ram_dir, *images):
    """The queries and results of frames of these ``images``."""
    bus = LocalBus()
    queries, results = heard(bus, messages.QUERY_TOPIC, Query), heard(bus, messages.RESULT_TOPIC, SearchResult)
    pipeline(bus, ram_dir, foreground=Foreground(), limits=Limits()).run(Reel(*over_time(*images)), threading.Event())
    return queries, results


def test_item_is_searched_when_it_rests_and_not_on_its_way(tmp_path):
    way = [counter_with(left) for left in range(20, 220, 40)]
    rest = [counter_with(220)] * 3
    queries, results = road(tmp_path, *[COUNTER] * 20, *way, *rest)
    assert {query.frame_seq for query in queries if query.frame_seq >= 20}.isdisjoint(range(20, 25))
    assert {result.guidance for result in results} == {"hold_still"}
    assert queries[-1].frame_seq >= 25


def test_poor_picture_is_answered_on_the_bus_without_a_search(tmp_path):
    dark = (counter_with() * 0.1).astype(np.uint8)
    queries, (result,) = road(tmp_path, *[dark] * 10)
    assert queries == []
    assert (result.decision, result.cause, result.guidance) == ("no_match", "poor_picture", "too_dark")
    assert (result.origin, result.camera, result.model, result.generation) == ("camera", "till", "ab" * 32, 0)
    assert "too dark" in result.reason


def test_after_a_poor_frame_one_that_looks_the_same_is_searched():
    gate = Gate(8)
    assert [gate.opens(COUNTER, 100.0 + 0.2 * n) for n in range(4)] == [True, True, True, False]
    gate.reopen()
    assert gate.opens(COUNTER, 100.7)


def test_without_a_model_there_is_no_advice(tmp_path):
    bus = LocalBus()
    results = heard(bus, messages.RESULT_TOPIC, SearchResult)
    dark = np.zeros((90, 160, 3), np.uint8)
    pipeline(bus, tmp_path, Active()).run(Reel(*over_time(dark)), threading.Event())
    pipeline(bus, tmp_path, Active(MeanColor())).run(Reel(*over_time(dark)), threading.Event())
    assert [result.guidance for result in results] == ["too_dark"]


@pytest.mark.parametrize("use", ["teach", "query"])
def test_real_photos_are_searched_and_blurred_or_darkened_ones_are_not(grocery, use):
    photos = [decode_picture(photo.path.read_bytes()) for photo in read_photo_list(grocery / "photos.csv", use)[::4]]
    loose = Scene(is_loose=True)
    sizes = [min(photo.shape[:2]) / 224 for photo in photos]
    assert np.mean([guidance(photo, loose) != "" for photo in photos]) <= 0.02
    smeared = [blurred(photo, 2 * size) for photo, size in zip(photos, sizes, strict=True)]
    assert np.mean([guidance(photo, loose) == "too_blurred" for photo in smeared]) >= 0.95
    assert np.mean([guidance((photo * 0.12).astype(np.uint8), loose) == "too_dark" for photo in photos]) >= 0.95
