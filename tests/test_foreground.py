"""What is cut out of a frame: the region of a camera, the objects on a background that is learned."""

import cv2
import numpy as np
import pytest

from components.core.configuration import from_mapping
from components.core.errors import ConfigurationError
from components.featurizer.blobs import find_blobs
from components.featurizer.configuration import FeaturizerConfiguration
from components.featurizer.crop import crops, square_around
from components.featurizer.foreground import ABSORBED_AFTER_S, Foreground, Scene
from components.featurizer.region import Region, cut, parse_region

H, W = 270, 480
RNG = np.random.default_rng(0)
COARSE = RNG.integers(60, 200, (9, 16, 3), dtype=np.uint8)
COUNTER = cv2.resize(COARSE, (W, H), interpolation=cv2.INTER_CUBIC)
ITEM = np.kron(RNG.integers(0, 2, (6, 6, 3)), np.ones((12, 12, 1))).astype(np.uint8) * 255  # 72 x 72


def with_item(scene, left=300, top=100, item=ITEM):
    image = scene.copy()
    image[top : top + item.shape[0], left : left + item.shape[1]] = item
    return image


class Camera:
    """Shows pictures to a foreground at ten frames a second, with the noise of a sensor."""

    def __init__(self, foreground=None):
        self.foreground = foreground or Foreground()
        self.now_s = 100.0
        self._noise = np.random.default_rng(1).normal(0, 4, (8, H, W, 3)).astype(np.float32)

    def show(self, image, seconds, step_s=0.1):
        for _ in range(max(1, round(seconds / step_s))):
            self.now_s += step_s
            noisy = np.clip(image + self._noise[round(self.now_s * 10) % 8], 0, 255).astype(np.uint8)
            scene = self.foreground.look(noisy, self.now_s)
        return scene


def camera_on_counter():
    camera = Camera()
    assert camera.show(COUNTER, 2) == Scene(is_known=True)
    return camera


def holds(box, left, top, right, bottom):
    """Whether ``box`` encloses the rectangle (in pixels), and is hardly larger."""
    x, y, w, h = box[0] * W, box[1] * H, box[2] * W, box[3] * H
    near = 16
    return (
        left - near <= x <= left + 4
        and top - near <= y <= top + 4
        and right - 4 <= x + w <= right + near
        and bottom - 4 <= y + h <= bottom + near
    )


def test_item_put_on_the_counter_is_found_within_a_look():
    scene = camera_on_counter().show(with_item(COUNTER), 0.1)
    assert len(scene.objects) == 1
    assert holds(scene.objects[0], 300, 100, 372, 172)


def test_before_the_background_is_known_there_are_no_objects():
    camera = Camera()
    assert camera.show(COUNTER, 0.3) == Scene()
    assert camera.show(with_item(COUNTER), 0.3) == Scene()


def test_item_at_rest_is_still_there_after_twenty_minutes():
    camera = camera_on_counter()
    scene = camera.show(with_item(COUNTER), 20 * 60, step_s=2.0)
    assert holds(scene.objects[0], 300, 100, 372, 172)
    assert camera.show(COUNTER, 1) == Scene(is_known=True)


def test_what_stands_there_for_longer_than_any_item_becomes_background():
    camera = camera_on_counter()
    assert camera.show(with_item(COUNTER), ABSORBED_AFTER_S - 60, step_s=2.0).objects
    assert camera.show(with_item(COUNTER), 120, step_s=2.0) == Scene(is_known=True)


def test_item_that_was_there_from_the_start_leaves_no_ghost():
    camera = Camera()
    assert camera.show(with_item(COUNTER), 3) == Scene(is_known=True)
    camera.show(COUNTER, 1)
    assert camera.show(COUNTER, 0.5) == Scene(is_known=True)


@pytest.mark.parametrize("gain", [0.7, 1.25])
def test_light_that_changes_at_once_is_no_object_and_hides_none(gain):
    camera = camera_on_counter()
    relit = np.clip(with_item(COUNTER) * gain, 0, 255).astype(np.uint8)
    (box,) = camera.show(relit, 1).objects
    assert holds(box, 300, 100, 372, 172)


def test_light_that_changes_slowly_is_no_object():
    camera = camera_on_counter()
    side = np.linspace(0, 60, W)[None, :, None]
    for share in np.linspace(0, 1, 60):
        scene = camera.show(np.clip(COUNTER + share * side, 0, 255).astype(np.uint8), 1)
        assert scene == Scene(is_known=True)


def test_pictures_that_have_nothing_in_common_have_no_objects():
    camera = Camera()
    rng = np.random.default_rng(2)
    for _ in range(12):
        other = cv2.resize(rng.integers(0, 255, (18, 32, 3), dtype=np.uint8), (W, H), interpolation=cv2.INTER_CUBIC)
        assert camera.show(other, 0.1).objects == ()
        camera.show(other, 1.5)
        assert camera.foreground.scene.objects == ()


def test_camera_that_was_pushed_has_no_objects_until_it_knows_its_view_again():
    tiles = np.full((H, W + 40, 3), 190, np.uint8)
    for start in range(0, W + 40, 30):
        tiles[start : start + 5], tiles[:, start : start + 5] = 60, 60
    camera = Camera()
    assert camera.show(tiles[:, :W], 2) == Scene(is_known=True)
    assert camera.show(tiles[:, 12 : W + 12], 0.2) == Scene()
    assert camera.show(tiles[:, 12 : W + 12], 2) == Scene(is_known=True)
    assert len(camera.show(with_item(tiles[:, 12 : W + 12]), 0.2).objects) == 1


def test_change_scattered_over_the_picture_is_no_object():
    changed = (np.random.default_rng(5).random((54, 96)) < 0.08).astype(np.uint8)
    assert find_blobs(changed) is None
    changed[:] = 0
    assert find_blobs(changed) == []
    changed[10:20, 10:20] = 1
    assert [blob.edges for blob in find_blobs(changed)] == [(10, 10, 20, 20)]


def test_camera_that_is_held_in_a_hand_has_no_objects():
    camera, rng = Camera(), np.random.default_rng(3)
    world = cv2.resize(rng.integers(0, 255, (40, 70, 3), dtype=np.uint8), (2 * W, 2 * H), interpolation=cv2.INTER_CUBIC)
    for n in range(60):
        x, y = round(W / 2 + 80 * np.sin(n / 5)), round(H / 2 + 50 * np.sin(n / 3))
        assert camera.show(world[y : y + H, x : x + W], 0.1).objects == ()


def test_camera_is_loose_only_after_seconds_without_a_background():
    camera, rng = camera_on_counter(), np.random.default_rng(4)
    others = [rng.integers(0, 255, (H, W, 3), dtype=np.uint8) // 2 + 64 * (n % 2) for n in range(60)]
    others = [cv2.resize(cv2.resize(other, (24, 14)), (W, H)) for other in others]
    loose = [camera.show(other.astype(np.uint8), 0.1).is_loose for other in others]
    assert loose.index(True) == 30
    assert all(loose[30:])
    assert not camera.show(COUNTER, 2).is_loose


def test_frames_far_apart_are_not_compared():
    camera = camera_on_counter()
    assert camera.show(with_item(COUNTER), 5, step_s=5) == Scene(is_loose=True)


def test_item_in_two_pieces_is_one_object_and_two_items_are_two():
    camera = camera_on_counter()
    both = with_item(with_item(COUNTER, left=60, item=ITEM[:60]), left=380)
    scene = camera.show(both, 0.2)
    assert len(scene.objects) == 2
    assert holds(scene.objects[0], 380, 100, 452, 172)
    band = with_item(COUNTER)
    band[148:158] = COUNTER[148:158]
    assert len(camera.show(band, 0.2).objects) == 1


def test_moving_item_has_a_speed_and_one_at_rest_has_none():
    camera = camera_on_counter()
    fast = [camera.show(with_item(COUNTER, left=80 + 16 * n), 0.1).speed for n in range(10)]
    assert min(fast[1:]) > 1.0
    assert camera.show(with_item(COUNTER, left=240), 0.5).speed < 0.2


def test_square_encloses_the_object_and_stays_inside():
    for box in [(0.4, 0.4, 0.1, 0.3), (0.0, 0.0, 0.1, 0.1), (0.9, 0.85, 0.1, 0.15)]:
        left, top, width, height = square_around(box, COUNTER)
        assert abs(width * W - height * H) < 1
        assert -1e-9 <= left <= box[0] and box[0] + box[2] <= left + width <= 1 + 1e-9
        assert -1e-9 <= top <= box[1] and box[1] + box[3] <= top + height <= 1 + 1e-9


def test_arm_that_reaches_in_from_the_edge_does_not_push_the_item_out():
    box = (0.2, 0.3, 0.8, 0.5)  # an item on the left, the arm to the right edge
    left, _, _, height = square_around(box, COUNTER)
    assert left == pytest.approx(0.2)
    assert height == 1.0


def test_objects_become_crops_largest_first_and_no_object_all_of_the_region():
    region = Region((0.5, 0.0, 0.5, 1.0))
    view = region.of(COUNTER)
    scene = Scene(((0.1, 0.1, 0.4, 0.4), (0.6, 0.6, 0.2, 0.2), (0.1, 0.8, 0.1, 0.1)), is_known=True)
    first, second = crops(view, scene, region, max_objects=2)
    assert first.image.shape[0] > second.image.shape[0]
    assert all(abs(one.image.shape[0] - one.image.shape[1]) <= 1 for one in (first, second))
    assert first.region is not None and first.region[0] >= 0.5
    (all_of_it,) = crops(view, Scene(), region, max_objects=2)
    assert all_of_it.image is view
    assert all_of_it.region == pytest.approx((0.5, 0.0555, 0.5, 0.8889), abs=0.001)
    (frame,) = crops(COUNTER, Scene(), Region(), max_objects=2)
    assert frame.region is None


def test_region_is_a_part_of_the_frame():
    assert parse_region("").of(COUNTER) is not None and parse_region("").is_whole
    region = parse_region("0.25,0.5,0.5,0.5")
    assert np.array_equal(region.of(COUNTER), COUNTER[135:, 120:360])


def test_outside_of_a_polygon_nothing_is_seen():
    region = parse_region("0,0 1,0 0,1")
    view = region.of(COUNTER)
    assert view.shape == COUNTER.shape
    assert np.array_equal(view[10, 10], COUNTER[10, 10])
    assert (cut(view, (0.6, 0.6, 0.4, 0.4)) == 114).all()


@pytest.mark.parametrize(
    "text",
    [
        "left", "0.1,0.1,0.5", "0,0,1.2,1", "-0.1,0,0.5,0.5", "0,0,0.01,1", "0,0,nan,1", "0,0 1,1", "0,0 1,0 2,1",
        "0,0 0.01,0 0,0.01", "0.1 0.1 0.5 0.5",
    ],
)  # fmt: skip
def test_region_that_cannot_be_is_refused_with_what_is_possible(text):
    with pytest.raises(ConfigurationError, match=r"'region' is .*left,top,width,height.*polygon"):
        from_mapping(FeaturizerConfiguration, {"region": text})
