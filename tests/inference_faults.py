"""An inference child with a GPU that goes wrong on demand (``posing.py``)."""

import sys

from components.featurizer.embedder import OpenVino
from components.featurizer.inference_child import main
from tests.posing import Obedient, Orders, suffer

PROGRAM = "tests.inference_faults"
REAL = OpenVino()


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


if __name__ == "__main__":
    main(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Posing(Orders(sys.argv[1])))
