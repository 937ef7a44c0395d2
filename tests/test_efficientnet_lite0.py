"""That the default network is the one that was trained: it names what is in photos, and agrees with its definition."""

from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
import skimage.data
from lite0_reference import logits

from components.core.errors import FormatError
from components.featurizer.embedder import Embedder
from components.featurizer.preprocessing import to_input
from index_builder.efficientnet_lite0 import build_network
from index_builder.model import default_weights
from index_builder.pth import read_pth

PHOTOS = Path(skimage.data.__file__).parent
F32 = {"INFERENCE_PRECISION_HINT": "f32"}
CATS, COFFEE, SCOOTERS, ROCKETS = (281, 282, 283, 284, 285), (967, 968), (665, 670), (657, 744, 812)


@pytest.fixture(scope="module")
def weights():
    return read_pth(default_weights())


@pytest.fixture(scope="module")
def classify(weights):
    """Logits of an RGB picture of 224 x 224."""
    compiled = ov.Core().compile_model(build_network(weights, classifier=True), "CPU", F32)
    return lambda picture: compiled(prepared(picture))[0][0].copy()


def prepared(picture):
    return ((picture.astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]


def photo(name):
    return cv2.imread(str(PHOTOS / name))


def network_input(image):
    """RGB, 224 x 224."""
    target = np.zeros((224, 224, 3), np.uint8)
    to_input(image, target)
    return target[..., ::-1]


def probability(numbers, classes):
    weights = np.exp(numbers - numbers.max())
    return float(weights[list(classes)].sum() / weights.sum())


@pytest.mark.parametrize(
    ("name", "classes", "at_least"),
    [
        ("chelsea.png", CATS, 0.85),
        ("coffee.png", COFFEE, 0.9),
        ("motorcycle_left.png", SCOOTERS, 0.75),
        ("rocket.jpg", ROCKETS, 0.35),
    ],
)
def test_it_names_what_a_photo_shows(classify, name, classes, at_least):
    found = classify(network_input(photo(name)))
    assert int(found.argmax()) in classes
    assert probability(found, classes) > at_least


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "motorcycle_left.png"])
def test_it_computes_what_its_definition_says(classify, weights, name):
    picture = network_input(photo(name))
    assert np.abs(classify(picture) - logits(weights, picture)).max() < 1e-3


def test_symmetric_padding_would_be_another_network(classify, weights):
    picture = network_input(photo("chelsea.png"))
    assert np.abs(classify(picture) - logits(weights, picture, symmetric=True)).max() > 0.5


def test_its_padding_is_right_more_often_than_symmetric_padding(classify, weights):
    image, rng = photo("motorcycle_left.png"), np.random.default_rng(1)
    right, symmetric = 0, 0
    for _ in range(20):
        side = int(min(image.shape[:2]) * rng.uniform(0.5, 1))
        top, left = (int(rng.integers(0, size - side + 1)) for size in image.shape[:2])
        picture = network_input(image[top : top + side, left : left + side])
        right += int(classify(picture).argmax()) in SCOOTERS
        symmetric += int(logits(weights, picture, symmetric=True).argmax()) in SCOOTERS
    assert right == 20
    assert symmetric < right


def test_the_model_directory_holds_this_network_with_its_preprocessing(model, weights):
    compiled = ov.Core().compile_model(build_network(weights), "CPU", F32)
    embedder = Embedder(model, device="CPU")
    for name in ("chelsea.png", "coffee.png", "rocket.jpg"):
        pooled = compiled(prepared(network_input(photo(name))))[0][0]
        assert float(embedder.embed(photo(name)) @ pooled) / float(np.linalg.norm(pooled)) > 0.9999


def test_the_same_thing_is_nearer_than_another(model):
    embedder = Embedder(model, device="CPU")
    cat, coffee = photo("chelsea.png"), photo("coffee.png")
    closer = cat[20:, 40:-20]
    assert embedder.embed(cat) @ embedder.embed(closer) > 0.7
    assert embedder.embed(cat) @ embedder.embed(coffee) < 0.4


@pytest.mark.parametrize("name", ["_conv_stem.weight", "_bn1.running_var", "_blocks.7._depthwise_conv.weight"])
def test_weights_without_a_tensor_are_refused(weights, name):
    with pytest.raises(FormatError, match=f"lack the tensor '{name}'"):
        build_network({key: value for key, value in weights.items() if key != name})


def test_weights_of_another_network_are_refused(weights):
    with pytest.raises(FormatError, match="of shape"):
        build_network({**weights, "_conv_head.weight": np.zeros((1536, 320, 1, 1), np.float32)})


def test_weights_that_are_not_finite_are_refused(weights):
    damaged = weights["_conv_stem.weight"].copy()
    damaged[0, 0, 0, 0] = np.nan
    with pytest.raises(FormatError, match="finite"):
        build_network({**weights, "_conv_stem.weight": damaged})
