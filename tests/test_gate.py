"""Which frames are searched."""

import itertools

import numpy as np

from components.featurizer.gate import SETTLING, Gate

SCENE = np.full((540, 960, 3), 90, np.uint8)


def with_item():
    image = SCENE.copy()
    image[200:340, 400:540] = 220
    return image


def test_the_first_frame_is_searched():
    assert Gate(8).opens(SCENE, 100.0)


def settled_gate(image=SCENE):
    """A gate that has searched ``image`` until it was sure, for the last time a moment before 100 s."""
    gate = Gate(8)
    for step in range(1 + SETTLING):
        assert gate.opens(image, 99.4 + 0.2 * step)
    return gate


def test_an_unchanged_scene_is_searched_until_it_is_sure_and_then_once_a_second():
    gate = Gate(8)
    opened = [t for t in range(0, 5000, 33) if gate.opens(SCENE, 50 + t / 1000)]
    assert len(opened) == SETTLING + 5
    assert opened[SETTLING] < 400
    assert min(later - earlier for earlier, later in itertools.pairwise(opened[SETTLING:])) >= 1000


def test_a_changed_scene_is_searched_at_once_and_until_it_is_sure():
    gate = settled_gate()
    assert not gate.opens(SCENE, 100.2)
    assert [gate.opens(with_item(), 100.3 + 0.2 * step) for step in range(5)] == [True, True, True, False, False]


def test_a_slow_change_adds_up():
    gate = settled_gate()
    opened = [step for step in range(1, 20) if gate.opens(SCENE + np.uint8(2 * step), 100.0 + step * 0.04)]
    assert opened


def test_noise_of_a_sensor_is_no_change():
    random = np.random.default_rng(0)
    noisy = [np.clip(SCENE + random.normal(0, 4, SCENE.shape), 0, 255).astype(np.uint8) for _ in range(6)]
    gate = settled_gate(noisy[0])
    assert not any(gate.opens(image, 100.2 + i * 0.1) for i, image in enumerate(noisy[1:]))


def test_no_more_than_max_fps_are_searched_however_much_moves():
    gate = Gate(8)
    scenes = [SCENE, with_item()]
    opened = [t for t in range(0, 10_000, 33) if gate.opens(scenes[(t // 33) % 2], 50 + t / 1000)]
    assert 70 <= len(opened) <= 81


def test_another_size_is_a_change():
    gate = settled_gate()
    assert gate.opens(SCENE[:270, :480], 100.2)
