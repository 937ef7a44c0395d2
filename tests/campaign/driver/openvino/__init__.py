"""Stands before the real OpenVINO on a process's path, as a driver would: there is a GPU, and it follows orders.

The product's processes import ``openvino`` and get the real one, with a ``Core`` that lists one device more.
"""

import importlib
import os
import sys
from pathlib import Path

_HERE = str(Path(__file__).parents[1])

sys.path[:] = [entry for entry in sys.path if entry != _HERE]
del sys.modules[__name__]
real = importlib.import_module("openvino")  # in sys.modules from now on, and so what the importer gets

from tests.posing import Obedient, Orders, suffer  # noqa: E402  # behind the real one

_orders = Orders(os.environ["POSING_GPU_ORDERS"])


class Core(real.Core):
    """OpenVINO's own, and a GPU."""

    @property
    def available_devices(self):
        suffer(_orders.get("list"))
        return ["CPU", "GPU"]

    def compile_model(self, model, device, properties):
        if device != "GPU":
            return super().compile_model(model, device, properties)
        suffer(_orders.get("GPU-compile"))
        return Obedient(super().compile_model(model, "CPU", {**properties, "INFERENCE_NUM_THREADS": 1}), _orders, "GPU")


real.Core = Core
