"""The inference in a child process: same vectors, watched, killed, replaced; and when a GPU is left alone."""

import contextlib
import dataclasses
import functools
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx_networks
import pytest
from cameras import scene, wait_for

from components.core.errors import UnavailableError
from components.core.generations import ModelRef
from components.featurizer.active_model import ActiveModel
from components.featurizer.embedder import Embedder
from components.featurizer.inference import Deadlines, Inference
from components.featurizer.model import Preprocessing, describe
from components.featurizer.qualification import pictures
from components.featurizer.strikes import Strikes
from components.store import Store
from index_builder.model import make_model
from tests.generations import items, unit_vectors, write_generation
from tests.inference_faults import PROGRAM, Orders

PATIENCE_S = 60.0
SHORT = Deadlines(cpu_start_s=30.0, gpu_start_s=30.0, embed_s=1.0)


@contextlib.contextmanager
def inference(model, wish="CPU", **options):
    """A running inference, and what it says of its health in ``said``."""
    said = []
    options = {"stop": threading.Event(), "deadlines": SHORT, "first_pause_s": 0.05, **options}
    running = Inference(model, wish, on_health=said.append, **options)
    running.said = said
    try:
        yield running
    finally:
        running.close()


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except OSError:
        return False


def embed_when_possible(running, image=None):
    """A vector as soon as there is one."""

    def attempt():
        with contextlib.suppress(UnavailableError):
            return [running.embed(scene(1) if image is None else image)]
        return []

    return wait_for(attempt, PATIENCE_S)[0]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network of one convolution: here the way counts, and every child compiles it."""
    folder = tmp_path_factory.mktemp("small")
    return make_model(onnx_networks.small(folder / "small.onnx"), Preprocessing(), folder / "model")


@pytest.fixture(scope="module")
def reference(model):
    return Embedder(model, device="CPU")


@pytest.fixture
def orders(tmp_path):
    given = Orders(tmp_path / "orders")
    given.give()
    return given


def posing(orders):
    return (PROGRAM, str(orders.path))


# --- the same work in another process


def test_vectors_are_those_of_the_embedder_in_this_process(model, reference):
    images = [*pictures(224)[:3], scene(1), scene(2, 1920, 1080), scene(3, 64, 200)]
    with inference(model) as running:
        assert (running.device, running.device_reason) == ("CPU", "The configuration asks for the CPU.")
        assert running.model_digest == model.digest
        for image in images:
            assert np.array_equal(running.embed(image), reference.embed(image))
        first = running.embed(images[0])
        kept = first.copy()
        running.embed(images[1])
        assert np.array_equal(first, kept)
        assert running.said == [""]


def test_several_threads_get_the_vectors_of_their_own_pictures(model, reference):
    images = pictures(224)[:6] * 3
    with inference(model) as running, ThreadPoolExecutor(4) as pool:
        for image, found in zip(images, pool.map(running.embed, images), strict=True):
            assert np.array_equal(found, reference.embed(image))


def test_what_is_no_picture_is_refused_and_costs_no_child(model):
    with inference(model) as running:
        before = running.pids
        with pytest.raises(ValueError, match="A picture must be uint8"):
            running.embed(np.zeros((9, 9), np.uint8))
        running.embed(scene(1))
        assert running.pids == before


def test_a_model_that_cannot_be_loaded_is_told_at_once_and_leaves_nothing(model):
    before = threading.active_count()
    wrong = dataclasses.replace(model, xml=model.xml[: len(model.xml) // 2])
    with pytest.raises(UnavailableError, match="cannot run"):
        Inference(wrong, "CPU", stop=threading.Event())
    assert threading.active_count() == before


# --- hang, crash, garbage


@pytest.mark.parametrize("blow", [signal.SIGSTOP, signal.SIGKILL])
def test_a_child_that_hangs_or_crashes_is_replaced(model, reference, blow):
    with inference(model) as running:
        (before,) = running.pids
        os.kill(before, blow)
        with pytest.raises(UnavailableError, match="no answer within 1 s" if blow == signal.SIGSTOP else "ended"):
            for _ in range(100):
                running.embed(scene(1))
        wait_for(lambda: any(running.said), PATIENCE_S)
        assert np.array_equal(embed_when_possible(running), reference.embed(scene(1)))
        assert not is_running(before)
        assert running.said[-1] == ""


def test_a_child_that_ends_while_nobody_embeds_is_replaced(model):
    with inference(model) as running:
        (before,) = running.pids
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: running.device == "CPU" and running.pids and running.pids != [before], PATIENCE_S)
        running.embed(scene(1))


@pytest.mark.parametrize("order", ["nan", "short", "raise"])
def test_garbage_is_never_given_and_its_child_is_replaced(model, reference, orders, order):
    with inference(model, program=posing(orders)) as running:
        (before,) = running.pids
        orders.give(**{"CPU-infer": order})
        with pytest.raises(UnavailableError):
            running.embed(scene(1))
        orders.give()
        assert np.array_equal(embed_when_possible(running), reference.embed(scene(1)))
        assert not is_running(before)


def test_while_a_child_is_replaced_the_reason_is_told(model, orders):
    with inference(model, program=posing(orders)) as running:
        orders.give(**{"CPU-compile": "hang"})
        os.kill(running.pids[0], signal.SIGKILL)
        wait_for(lambda: running.device == "none", PATIENCE_S)
        assert "ended by itself" in running.device_reason
        with pytest.raises(UnavailableError, match="ended by itself"):
            running.embed(scene(1))


class StrikesThatFail(Strikes):
    """The GPU rests, until the question whether it does fails, once."""

    fails = False
    failed_once = False

    def rests(self, now_s):
        if self.fails and not self.failed_once:
            self.failed_once = True
            raise RuntimeError("nobody foresaw this")
        return not self.fails


def test_an_error_that_nobody_foresaw_ends_nothing(model, orders):
    strikes = StrikesThatFail()
    with inference(model, "AUTO", program=posing(orders), strikes=strikes) as running:
        running.embed(scene(1))
        strikes.fails = True
        wait_for(lambda: running.device == "GPU", PATIENCE_S)
        running.embed(scene(1))
        assert any("RuntimeError: nobody foresaw this" in said for said in running.said)
        assert running.said[-1] == ""


# --- the GPU


def test_a_gpu_takes_over_from_the_cpu_once_it_has_qualified(model, orders):
    with inference(model, "AUTO", program=posing(orders)) as running:
        running.embed(scene(1))
        wait_for(lambda: running.device == "GPU", PATIENCE_S)
        assert running.device_reason == "The GPU gives the same embeddings as the CPU."
        running.embed(scene(1))
        assert len(running.pids) == 1


def test_a_machine_without_a_gpu_stays_on_the_cpu(model, orders):
    orders.give(list="none")
    with inference(model, "AUTO", program=posing(orders)) as running:
        wait_for(lambda: "finds no GPU here (only CPU)" in running.device_reason, PATIENCE_S)
        assert (running.device, running.said, len(running.pids)) == ("CPU", [""], 1)
        assert running.gpu_problem == "", "what is not there has not failed"


def test_a_wish_for_the_cpu_does_not_even_list_the_gpu(model, orders):
    orders.give(list="crash")
    with inference(model, "CPU", program=posing(orders)) as running:
        running.embed(scene(1))
        assert running.device == "CPU"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"GPU-compile": "hang"}, "not ready on the GPU within 2.5 s"),
        ({"list": "crash"}, "ended by itself (exit code -11)"),
    ],
)
def test_a_gpu_that_fails_twice_rests_and_may_try_again(model, orders, fault, reason):
    orders.give(**fault)
    options = {"deadlines": dataclasses.replace(SHORT, gpu_start_s=2.5), "strikes": Strikes(rest_s=1.0)}
    with inference(model, "AUTO", program=posing(orders), **options) as running:
        wait_for(lambda: "failed too often" in running.device_reason, PATIENCE_S)
        assert reason in running.device_reason
        running.embed(scene(1))
        assert (running.device, running.said) == ("CPU", [""])
        assert running.gpu_problem == running.device_reason
        orders.give()
        wait_for(lambda: running.device == "GPU", PATIENCE_S)
        assert running.gpu_problem == ""


def test_a_gpu_that_fails_in_use_is_left_for_the_cpu_and_tried_once_more(model, reference, orders):
    with inference(model, "AUTO", program=posing(orders)) as running:
        wait_for(lambda: running.device == "GPU", PATIENCE_S)
        orders.give(**{"GPU-infer": "raise"})
        with pytest.raises(UnavailableError):
            running.embed(scene(1))
        assert np.array_equal(embed_when_possible(running), reference.embed(scene(1)))
        assert running.device == "CPU"
        orders.give()
        wait_for(lambda: running.device == "GPU", PATIENCE_S)
        assert running.said[-1] == ""


# --- the end


def test_stop_ends_everything_even_in_a_hang(model, orders):
    stop, patient = threading.Event(), dataclasses.replace(SHORT, embed_s=60.0)
    with inference(model, "AUTO", stop=stop, deadlines=patient, program=posing(orders)) as running:
        orders.give(**{"GPU-compile": "hang", "CPU-infer": "hang"})
        caught = []
        embedding = threading.Thread(target=lambda: caught.append(failure(running)))
        embedding.start()
        pids = running.pids
        stop.set()
        embedding.join(10)
        running.close()
        assert not embedding.is_alive()
        assert len(caught) == 1
        assert not any(map(is_running, pids))


def failure(running):
    try:
        while True:
            running.embed(scene(1))
    except UnavailableError as error:
        return str(error)


def test_stop_ends_the_wait_for_the_first_child(model, orders):
    orders.give(**{"CPU-compile": "hang"})
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(UnavailableError, match="stopped"):
        Inference(model, "CPU", stop=stop, program=posing(orders))


def test_a_closed_inference_says_so(model):
    with inference(model) as running:
        (pid,) = running.pids
    assert not is_running(pid)
    with pytest.raises(UnavailableError):
        running.embed(scene(1))


PARENT = """
import sys, threading, time
from pathlib import Path
from components.featurizer.inference import Inference
from components.featurizer.model import read_model_dir
running = Inference(read_model_dir(Path(sys.argv[1])), "CPU", stop=threading.Event())
print(*running.pids, flush=True)
time.sleep(600)
"""


def test_no_child_outlives_a_parent_that_is_killed(model, tmp_path):
    for name, data in (("model.xml", model.xml), ("model.bin", model.bin), ("model.json", describe(model))):
        (tmp_path / name).write_bytes(data)
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.kill()
    wait_for(lambda: not is_running(child), PATIENCE_S)


# --- another model


def write_model(store, model, seq):
    """Generation ``seq``, which brings ``model``."""
    files = {"model.xml": model.xml, "model.bin": model.bin, "model.json": describe(model)}
    refs = {name: store.write_object(data) for name, data in files.items()}
    reference = ModelRef(model.name, model.digest, model.dim, model.license, model.source, refs)
    write_generation(store, unit_vectors(4, model.dim), items(4), seq=seq, model=reference)


def test_a_generation_with_another_model_replaces_the_child(model, tmp_path):
    other = make_model(onnx_networks.small(tmp_path / "o.onnx", dim=24), Preprocessing(), tmp_path / "other")
    store, said = Store(tmp_path / "index"), []
    make = functools.partial(Inference, wish="CPU", stop=threading.Event())
    with contextlib.closing(ActiveModel(tmp_path / "index", make, on_health=said.append)) as active:
        write_model(store, model, 1)
        active.step()
        first = active.embedder
        (before,) = first.pids
        assert first.embed(scene(1)).shape == (16,)
        write_model(store, other, 2)
        active.step()
        assert said == ["", ""]
        assert active.embedder.model_digest == other.digest
        assert active.embedder.embed(scene(1)).shape == (24,)
        assert not is_running(before)
        with pytest.raises(UnavailableError):
            first.embed(scene(1))


def test_a_new_generation_is_used_at_once_though_the_one_before_failed(model, tmp_path):
    store, said, stop = Store(tmp_path / "index"), [], threading.Event()
    make = functools.partial(Inference, wish="CPU", stop=stop)
    active = ActiveModel(tmp_path / "index", make, on_health=said.append, pauses_s=(3600.0, 3600.0))
    write_generation(store, unit_vectors(4, 16), items(4), seq=1)
    looking = threading.Thread(target=active.run, args=(stop,))
    looking.start()
    try:
        wait_for(lambda: said, PATIENCE_S)
        assert "does not hold model.xml" in said[0]
        write_model(store, model, 2)
        wait_for(lambda: active.embedder, PATIENCE_S)
    finally:
        stop.set()
        looking.join()
        active.close()


# --- the rule of the strikes


def test_two_failures_within_ten_minutes_are_an_hours_rest():
    strikes = Strikes()
    assert not strikes.failed(1000.0)
    assert not strikes.rests(1000.0)
    assert strikes.failed(1599.0)
    assert strikes.rests(1599.0)
    assert strikes.rests(1599.0 + 3599)
    assert not strikes.rests(1599.0 + 3600)


def test_failures_further_apart_are_forgiven():
    strikes = Strikes()
    assert not any(strikes.failed(601.0 * number) for number in range(10))


def test_after_the_rest_two_failures_are_needed_again():
    strikes = Strikes()
    strikes.failed(0.0)
    strikes.failed(1.0)
    assert not strikes.failed(3602.0)
    assert strikes.failed(3603.0)


def test_a_rest_can_be_ordered():
    strikes = Strikes(rest_s=10)
    strikes.rest(5.0)
    assert strikes.rests(14.9)
    assert not strikes.rests(15.0)


def test_time_is_measured_in_the_clock_that_is_passed_in():
    assert not Strikes().rests(time.monotonic())
