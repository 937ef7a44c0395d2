"""A campaign of faults on one featurizer that never stops: each is told with its reason, and each heals by itself.

The road from the camera to the query is the real one, with real child processes; the clock is scaled: deadlines and
rests are fractions of a second here.
"""

import os
import signal
import threading
from collections.abc import Iterator

import onnx_networks
import pytest
from cameras import PipeCamera, wait_for

from components.bus import LocalBus
from components.core import messages
from components.core.messages import Query
from components.featurizer.capture import Capture
from components.featurizer.figures import Figures
from components.featurizer.gate import Gate
from components.featurizer.inference import Deadlines, Inference
from components.featurizer.model import Preprocessing
from components.featurizer.pipeline import Pipeline
from components.featurizer.preview import Preview
from components.featurizer.strikes import Strikes
from components.problems import Problems
from index_builder.model import make_model
from tests.inference_faults import PROGRAM, Orders

ROUNDS = 3
PATIENCE_S = 60.0


class Device:
    """A featurizer with a camera in a pipe and a GPU that follows orders; ``told`` is all that it ever said."""

    def __init__(self, folder, model):
        self.orders = Orders(folder / "orders")
        self.orders.give()
        self.camera = PipeCamera(folder / "pipe")
        self.told, self.queries = [], []
        self.health, self._stop = Problems(), threading.Event()
        self._bus = LocalBus()
        self._bus.subscribe(messages.QUERY_TOPIC, lambda data: self.queries.append(messages.decode(Query, data)))
        self.embedder = Inference(
            model,
            "AUTO",
            stop=self._stop,
            on_health=lambda problem: self._note("embedder", problem),
            deadlines=Deadlines(cpu_start_s=30.0, gpu_start_s=2.5, embed_s=0.8),
            strikes=Strikes(within_s=60.0, rest_s=0.3),
            first_pause_s=0.05,
            prove_every_s=0.2,
            program=(PROGRAM, str(self.orders.path)),
        )
        self._capture = Capture(
            f"mjpeg:{folder / 'pipe'}",
            on_health=lambda problem: self._note("camera", problem),
            frozen_after_s=0.5,
            open_within_s=5.0,
            first_pause_s=0.05,
        )
        self._pipeline = Pipeline(
            self._bus,
            self,
            gate=Gate(10_000),
            preview=Preview(folder / "ram", "camera"),
            figures=Figures(),
            health=self.health,
        )
        self.road = threading.Thread(target=lambda: self._pipeline.run(self._capture, self._stop))

    def __enter__(self):
        self.camera.__enter__()
        self.road.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self.road.join()
        self.embedder.close()
        self.camera.__exit__()

    def _note(self, concern, problem):
        self.told.append(problem)
        self.health.note(concern, problem)

    def has_told(self, text):
        return any(text in said for said in [*self.told, self.embedder.device_reason])

    def wait_until_well(self):
        """Wait until the GPU serves, nothing is wrong and queries flow."""
        wait_for(lambda: self.embedder.device == "GPU", PATIENCE_S)
        count = len(self.queries)
        wait_for(lambda: len(self.queries) > count + 3, PATIENCE_S)
        wait_for(lambda: self.health.reason == "", PATIENCE_S)

    def strike_child(self, blow):
        os.kill(self.embedder.pids[0], blow)


FAULTS = {
    "inference killed, camera unplugged": (
        lambda device: (device.strike_child(signal.SIGKILL), setattr(device.camera, "mode", "away")),
        ("exit code -9", "ended"),
    ),
    "inference crashes in mid-work": (
        lambda device: device.orders.give(**{"GPU-infer": "crash"}),
        ("exit code -11",),
    ),
    "inference hangs, camera hangs": (
        lambda device: (device.strike_child(signal.SIGSTOP), setattr(device.camera, "mode", "frozen")),
        ("no frame",),
    ),
    "inference hangs": (lambda device: device.strike_child(signal.SIGSTOP), ("no answer within 0.8 s",)),
    "gpu gives no numbers, camera frozen": (
        lambda device: (device.orders.give(**{"GPU-infer": "nan"}), setattr(device.camera, "mode", "same")),
        ("not finite", "very same picture"),
    ),
    "gpu computes something else from now on": (
        lambda device: device.orders.give(**{"GPU-infer": "other"}),
        ("come to give wrong embeddings", "differ from the CPU's"),
    ),
    "gpu compiler hangs after a crash": (
        lambda device: (device.orders.give(**{"GPU-compile": "hang"}), device.strike_child(signal.SIGSEGV)),
        ("not ready on the GPU within 2.5 s",),
    ),
}


@pytest.fixture(scope="module")
def device(tmp_path_factory) -> Iterator[Device]:
    folder = tmp_path_factory.mktemp("device")
    model = make_model(onnx_networks.small(folder / "small.onnx"), Preprocessing(), folder / "model")
    with Device(folder, model) as running:
        yield running


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_fault_is_told_with_its_reason_and_heals(device, number, fault):
    inject, reasons = FAULTS[fault]
    device.wait_until_well()
    device.told.clear()
    inject(device)
    for reason in reasons:
        wait_for(lambda reason=reason: device.has_told(reason), PATIENCE_S)
    device.orders.give()
    device.camera.mode = "live"
    device.wait_until_well()
    assert device.road.is_alive()


def test_after_all_of_it_one_child_is_left_and_every_number_rose(device):
    device.wait_until_well()
    numbers = [query.frame_seq for query in device.queries]
    assert numbers == sorted(set(numbers))
    assert len(device.embedder.pids) == 1
    assert {query.embedding.shape for query in device.queries} == {(16,)}
