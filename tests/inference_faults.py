"""An inference child with a GPU that goes wrong on demand: what it shall do stands in a file, read at every step.

The GPU is the real CPU under another name.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from components.featurizer.embedder import OpenVino
from components.featurizer.inference_child import main

PROGRAM = "tests.inference_faults"
REAL = OpenVino()


class Orders:
    """What the GPU shall do, as the test writes it and the child reads it."""

    def __init__(self, path):
        self.path = Path(path)

    def give(self, **orders):
        aside = self.path.with_suffix(".new")
        aside.write_text(json.dumps(orders))
        aside.replace(self.path)

    def get(self, name):
        return json.loads(self.path.read_text()).get(name, "good")


def suffer(order):
    if order == "hang":
        time.sleep(3600)
    if order == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if order == "raise":
        raise RuntimeError("[GPU] clWaitForEvents, error code: -14")


class Posing:
    """A runtime with a GPU that follows orders."""

    def __init__(self, orders):
        self._orders = orders

    def devices(self):
        suffer(self._orders.get("list"))
        return ["CPU"] if self._orders.get("list") == "none" else ["CPU", "GPU"]

    def compile(self, model, device, properties):
        suffer(self._orders.get(f"{device}-compile"))
        compiled = REAL.compile(model, "CPU", properties)
        return Obedient(compiled, self._orders, device)


class Obedient:
    """A compiled model whose requests follow orders."""

    def __init__(self, compiled, orders, device):
        self._compiled, self._orders, self._name = compiled, orders, f"{device}-infer"
        self.inputs, self.outputs = compiled.inputs, compiled.outputs

    def create_infer_request(self):
        self._request = self._compiled.create_infer_request()
        self.set_input_tensor = self._request.set_input_tensor
        return self

    def infer(self):
        suffer(self._orders.get(self._name))
        self._request.infer()

    def get_output_tensor(self, number):
        return Spoiled(self._request.get_output_tensor(number).data, self._orders.get(self._name))


class Spoiled:
    """The output, made wrong as ordered."""

    def __init__(self, data, order):
        spoil = {"nan": lambda: data * np.nan, "long": lambda: data * 2, "short": lambda: data[:, :-1]}
        wrong = {"alike": lambda: np.eye(1, data.shape[1], dtype=np.float32), "other": lambda: -data}
        self.data = {**spoil, **wrong}.get(order, lambda: data)()


if __name__ == "__main__":
    main(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Posing(Orders(sys.argv[1])))
