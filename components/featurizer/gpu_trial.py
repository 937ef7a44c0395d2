"""The attempts to have a GPU compute: one child at a time, and a rest after too many failures."""

import logging

from components.core.errors import UnavailableError
from components.featurizer.inference_process import InferenceProcess, Task
from components.featurizer.strikes import Strikes

log = logging.getLogger(__name__)


class GpuTrial:
    """Starts a child that shall qualify its GPU, and gives it away once it has.

    ``said`` tells why there is none; ``problem`` is how the GPU failed, until it qualifies.
    """

    def __init__(self, task: Task, wish: str, within_s: float, strikes: Strikes) -> None:
        self.candidate: InferenceProcess | None = None
        self.said = "The configuration asks for the CPU." if wish == "CPU" else "The GPU has not been tried yet."
        self.problem = ""
        self._task, self._wish, self._within_s, self._strikes = task, wish, within_s, strikes

    def step(self, now_s: float, *, may_begin: bool) -> InferenceProcess | None:
        """A child whose GPU has qualified, which is the caller's from now on; None while there is none."""
        try:
            if self.candidate is not None:
                return self._qualified(self.candidate, now_s)
            if may_begin and self._wish != "CPU" and not self._strikes.rests(now_s):
                self.said = "The GPU is being prepared; the CPU computes meanwhile."
                self.candidate = InferenceProcess(self._task, self._wish)
        except (UnavailableError, OSError) as error:
            self.close()
            self.failed(str(error), now_s)
        return None

    def failed(self, problem: str, now_s: float) -> None:
        """Count a failure of the GPU, in a trial or in use."""
        if self._strikes.failed(now_s):
            rest_s = self._strikes.rest_s
            rest = f"{rest_s / 60:.0f} min" if rest_s >= 60 else f"{rest_s:g} s"
            self.said = f"The GPU failed too often, so the CPU computes for {rest}. {problem}"
        else:
            self.said = f"The GPU failed. {problem}"
        self.problem = self.said
        log.warning("%s", self.said)

    def close(self) -> None:
        """End the trial that is under way."""
        if self.candidate is not None:
            self.candidate.close()
        self.candidate = None

    def _qualified(self, candidate: InferenceProcess, now_s: float) -> InferenceProcess | None:
        if not candidate.is_ready(self._within_s, now_s):
            return None
        if candidate.device != "CPU":
            self.candidate, self.problem = None, ""
            return candidate
        self.close()
        if candidate.reason.startswith("OpenVINO finds no GPU"):
            self.said, self.problem = candidate.reason, ""
            self._strikes.rest(now_s)
        else:
            self.failed(candidate.reason, now_s)
        return None
