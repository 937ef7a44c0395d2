"""A GPU that goes wrong on demand: what it shall do stands in a file, read at every step; it is the real CPU."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np


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
