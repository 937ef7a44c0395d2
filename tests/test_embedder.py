"""From a picture to its embedding: crop and resize, one at a time and many, and which device is trusted."""

import dataclasses
import itertools
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from components.core.errors import ConfigurationError, UnavailableError
from components.featurizer.embedder import Embedder, OpenVino
from components.featurizer.preprocessing import center_square, to_input
from components.featurizer.qualification import pictures, qualify

REAL = OpenVino()


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def scene(height, width):
    """A smooth picture with some structure, in any size."""
    return cv2.resize(pictures(224)[5], (width, height), interpolation=cv2.INTER_LINEAR)


def resized(image, size=224):
    target = np.zeros((size, size, 3), np.uint8)
    to_input(image, target)
    return target


@pytest.fixture(scope="module")
def embedder(model):
    return Embedder(model, device="CPU")


# --- crop and resize


@pytest.mark.parametrize(("height", "width"), [(300, 500), (500, 300), (301, 300), (64, 200), (300, 300)])
def test_the_center_square_is_taken(height, width):
    image = noise(height, width)
    side, top, left = min(height, width), max(0, height - width) // 2, max(0, width - height) // 2
    assert np.array_equal(center_square(image), image[top : top + side, left : left + side])


def test_nothing_is_mirrored_or_turned():
    image = np.zeros((480, 640, 3), np.uint8)
    image[:240, 80:320] = (255, 0, 0)  # blue, top left of the square
    image[240:, 320:560] = (0, 0, 255)  # red, bottom right
    small = resized(image)
    assert small[10, 10].tolist() == [255, 0, 0]
    assert small[213, 213].tolist() == [0, 0, 255]
    assert small[10, 213].tolist() == small[213, 10].tolist() == [0, 0, 0]


def test_a_picture_of_the_right_size_is_taken_as_it_is():
    image = noise(224, 224)
    assert np.array_equal(resized(image), image)


@pytest.mark.parametrize("size", [(1080, 1920), (2160, 3840), (897, 1001), (1793, 1793), (480, 640), (225, 225)])
def test_shrinking_is_by_area(size):
    image = cv2.GaussianBlur(noise(*size), (0, 0), 3)
    plain = cv2.resize(center_square(image), (224, 224), interpolation=cv2.INTER_AREA)
    assert np.abs(resized(image).astype(int) - plain).mean() < 1.0


def test_fine_patterns_do_not_alias():
    rows, columns = np.mgrid[0:1080, 0:1080]
    board = np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    assert np.abs(resized(board).astype(int) - 127).max() <= 2


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3), (100, 100), (223, 400)])
def test_small_pictures_are_enlarged(size):
    image = np.full((*size, 3), (10, 20, 30), np.uint8)
    assert np.array_equal(resized(image), np.full((224, 224, 3), (10, 20, 30), np.uint8))


def test_a_view_of_a_larger_picture_is_taken():
    image = noise(800, 900)
    view = image[::2, 100:700:2][:, ::-1]
    assert np.array_equal(resized(view), resized(view.copy()))


@pytest.mark.parametrize("wrong", [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 4), np.uint8), np.zeros((9, 9, 3))])
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(ValueError, match="A picture must be uint8"):
        resized(wrong)


# --- one picture at a time


def test_an_embedding_is_a_unit_vector_of_the_models_length(embedder, model):
    vector = embedder.embed(scene(1080, 1920))
    assert (vector.dtype, vector.shape, embedder.dim) == (np.float32, (1280,), 1280)
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5
    assert embedder.model_digest == model.digest


def test_the_same_picture_gives_the_same_vector_and_keeps_it(embedder):
    first = embedder.embed(scene(480, 640))
    kept = first.copy()
    embedder.embed(noise(480, 640))
    assert np.array_equal(first, kept)
    assert np.array_equal(embedder.embed(scene(480, 640)), kept)


def test_the_exact_half_does_not_change_the_embedding(embedder):
    image = scene(1080, 1920)
    plain = cv2.resize(center_square(image), (224, 224), interpolation=cv2.INTER_AREA)
    assert float(embedder.embed(image) @ embedder.embed(plain)) > 0.999


def test_several_threads_get_the_vectors_of_their_own_pictures(embedder):
    images = pictures(224)
    wanted = [embedder.embed(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(embedder.embed, images * 3))
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted * 3, strict=True))


# --- many pictures


@pytest.mark.parametrize("threads", [1, 2])
def test_many_pictures_give_the_same_vectors_in_order(embedder, threads):
    images = [*pictures(224), *(noise(200 + 50 * n, 400, n) for n in range(14))]
    found = list(embedder.embed_all(images, threads))
    assert len(found) == len(images)
    for image, vector in zip(images, found, strict=True):
        assert float(vector @ embedder.embed(image)) > 0.9999


def test_pictures_are_taken_only_as_they_are_needed(embedder):
    taken = []

    def images():
        for number in itertools.count():
            taken.append(number)
            yield noise(224, 224, number)

    found = embedder.embed_all(images(), 2)
    assert [next(found).shape for _ in range(5)] == [(1280,)] * 5
    found.close()
    assert len(taken) < 20


def test_no_pictures_give_no_vectors(embedder):
    assert list(embedder.embed_all([], 2)) == []


def test_a_source_that_fails_is_heard(embedder):
    def images():
        yield noise(224, 224)
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        list(embedder.embed_all(images(), 2))


# --- which device is trusted


class Posing:
    """A runtime that says that there is a GPU; what runs there is ``gpu``, on the real CPU."""

    def __init__(self, gpu, devices=("CPU", "GPU")):
        self.gpu, self.names = gpu, devices
        self.asked = []

    def devices(self):
        return self.names

    def compile(self, model, device, properties):
        self.asked.append((device, properties))
        return REAL.compile(model, device, properties) if device == "CPU" else self.gpu(model, properties)


def on_cpu(model, properties):
    return REAL.compile(model, "CPU", properties)


def with_weights(change):
    """A GPU that computes with other weights: ``change`` gets the largest constant, the kernel of the head."""

    def gpu(model, properties):
        places = re.findall(rb'offset="(\d+)" size="(\d+)"', model.xml)
        offset, size = max(((int(o), int(s)) for o, s in places), key=lambda place: place[1])
        kernel = np.frombuffer(model.bin[offset : offset + size], np.float16)
        data = model.bin[:offset] + change(kernel).astype(np.float16).tobytes() + model.bin[offset + size :]
        return REAL.compile(dataclasses.replace(model, bin=data), "CPU", properties)

    return gpu


def raising(model, properties):
    raise RuntimeError("[GPU] Failed to build program: CL_OUT_OF_HOST_MEMORY")


class FailsLater:
    """A compiled model whose requests fail after ``good`` of them."""

    def __init__(self, compiled, good):
        self.compiled, self.inputs, self.outputs, self.good = compiled, compiled.inputs, compiled.outputs, good

    def create_infer_request(self):
        self.request = self.compiled.create_infer_request()
        self.set_input_tensor = self.request.set_input_tensor
        self.get_output_tensor = self.request.get_output_tensor
        return self

    def infer(self):
        self.good -= 1
        if self.good < 0:
            raise RuntimeError("[GPU] clWaitForEvents, error code: -14")
        self.request.infer()


def test_a_gpu_that_computes_what_the_cpu_computes_is_used(model, embedder):
    chosen = Embedder(model, runtime=Posing(on_cpu))
    assert chosen.device == "GPU"
    assert chosen.device_reason == "The GPU gives the same embeddings as the CPU."
    assert np.array_equal(chosen.embed(scene(300, 300)), embedder.embed(scene(300, 300)))
    assert len(list(chosen.embed_all(pictures(224), 1))) == 16


@pytest.mark.parametrize(
    ("gpu", "reason"),
    [
        (with_weights(lambda kernel: kernel * 0), "all alike"),
        (with_weights(lambda kernel: -kernel), "differ from the CPU's"),
        (raising, "CL_OUT_OF_HOST_MEMORY"),
        (lambda model, properties: FailsLater(on_cpu(model, properties), 3), "error code: -14"),
    ],
)
def test_a_gpu_that_is_wrong_or_fails_is_not_used(model, embedder, gpu, reason):
    chosen = Embedder(model, device="GPU", runtime=Posing(gpu))
    assert chosen.device == "CPU"
    assert chosen.device_reason.startswith("The GPU did not qualify")
    assert reason in chosen.device_reason
    assert np.array_equal(chosen.embed(scene(300, 300)), embedder.embed(scene(300, 300)))


def test_a_gpu_that_fails_in_use_is_left_for_the_cpu(model, embedder):
    chosen = Embedder(model, runtime=Posing(lambda m, properties: FailsLater(on_cpu(m, properties), 17)))
    wanted = embedder.embed(scene(300, 300))
    assert chosen.device == "GPU"
    assert np.array_equal(chosen.embed(scene(300, 300)), wanted)
    assert chosen.device == "GPU"
    assert np.array_equal(chosen.embed(scene(300, 300)), wanted)
    assert chosen.device == "CPU"
    assert "failed while it was in use" in chosen.device_reason
    assert np.array_equal(chosen.embed(scene(300, 300)), wanted)


def test_a_cpu_that_fails_says_so(model):
    runtime = Posing(on_cpu, ("CPU",))
    runtime.compile = lambda m, device, properties: FailsLater(on_cpu(m, properties), 0)
    with pytest.raises(UnavailableError, match="The inference failed"):
        Embedder(model, runtime=runtime).embed(scene(300, 300))


def test_a_device_that_is_absent_is_never_named(model):
    for wish in ("AUTO", "GPU"):
        runtime = Posing(raising, ("CPU",))
        chosen = Embedder(model, device=wish, runtime=runtime)
        assert (chosen.device, chosen.device_reason) == ("CPU", "OpenVINO finds no GPU here (only CPU).")
        assert {device for device, _ in runtime.asked} == {"CPU"}


def test_a_wish_for_the_cpu_leaves_the_gpu_alone(model):
    runtime = Posing(raising)
    chosen = Embedder(model, device="CPU", runtime=runtime)
    assert (chosen.device, chosen.device_reason) == ("CPU", "The configuration asks for the CPU.")
    assert {device for device, _ in runtime.asked} == {"CPU"}


def test_the_first_of_several_gpus_is_used_by_its_name(model):
    runtime = Posing(on_cpu, ("CPU", "GPU.0", "GPU.1"))
    assert Embedder(model, runtime=runtime).device == "GPU.0"
    assert [device for device, _ in runtime.asked] == ["CPU", "GPU.0"]


def test_every_device_computes_in_fp32(model):
    runtime = Posing(on_cpu)
    list(Embedder(model, runtime=runtime).embed_all([noise(224, 224)], 1))
    assert [device for device, _ in runtime.asked] == ["CPU", "GPU", "GPU"]
    assert {properties["INFERENCE_PRECISION_HINT"] for _, properties in runtime.asked} == {"f32"}
    compiled = REAL.compile(model, "CPU", runtime.asked[0][1])
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"


def test_a_gpu_compiles_once_and_a_cache_that_cannot_be_written_does_not_matter(model, tmp_path):
    assert Embedder(model, cache_dir=tmp_path / "cache", runtime=Posing(on_cpu)).device == "GPU"
    assert list((tmp_path / "cache").glob("*.blob"))
    (tmp_path / "file").write_bytes(b"")
    assert Embedder(model, cache_dir=tmp_path / "file" / "cache", runtime=Posing(on_cpu)).device == "GPU"


def test_an_unknown_device_is_refused(model):
    with pytest.raises(ConfigurationError, match="expected one of AUTO, GPU, CPU"):
        Embedder(model, device="NPU")


# --- the rule itself


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


REFERENCE = unit(np.abs(np.random.default_rng(1).standard_normal((16, 64))))


def test_equal_and_nearly_equal_vectors_qualify():
    grain = np.random.default_rng(2).standard_normal(REFERENCE.shape)
    assert qualify(REFERENCE, REFERENCE) is None
    assert qualify(REFERENCE, unit(REFERENCE + 0.002 * grain)) is None


def one_wrong():
    vectors = REFERENCE.copy()
    vectors[11] = REFERENCE[12]
    return vectors


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (np.repeat(REFERENCE[:1], 16, axis=0), "all alike"),
        (unit(np.random.default_rng(3).standard_normal((16, 64))), "differ"),
        (unit(REFERENCE + 0.01 * np.random.default_rng(2).standard_normal(REFERENCE.shape)), "differ"),
        (one_wrong(), "differ"),
        (REFERENCE[::-1].copy(), "differ"),
        (np.zeros_like(REFERENCE), "all alike"),
        (np.full_like(REFERENCE, np.nan), "not finite"),
        (np.where(np.arange(64) == 5, np.inf, REFERENCE).astype(np.float32), "not finite"),
        (REFERENCE[:, :32].copy(), "shape"),
    ],
)
def test_wrong_vectors_do_not_qualify(candidate, reason):
    assert reason in (qualify(REFERENCE, candidate) or "")


def test_vectors_that_are_all_alike_do_not_qualify_even_where_the_cpu_agrees():
    alike = np.repeat(REFERENCE[:1], 16, axis=0)
    assert "all alike" in (qualify(alike, alike) or "")


def test_the_pictures_of_the_qualification_are_different_and_always_the_same(embedder):
    first, second = pictures(224), pictures(224)
    assert len(first) >= 16
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    vectors = np.stack([embedder.embed(picture) for picture in first])
    cosines = vectors @ vectors.T
    assert float((cosines - np.eye(len(first))).max()) < 0.95


def test_no_thread_is_left_behind(model):
    before = threading.active_count()
    one = Embedder(model, device="CPU")
    list(one.embed_all([noise(224, 224)] * 3, 2))
    assert threading.active_count() == before
