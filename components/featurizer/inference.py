"""Embeddings from a child process that is watched: killed and replaced when it hangs, crashes or gives garbage."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from components.core.errors import UnavailableError
from components.core.messages import Embedding
from components.featurizer.frame import Image
from components.featurizer.gpu_trial import GpuTrial
from components.featurizer.inference_process import CHILD, InferenceProcess, Task
from components.featurizer.model import Model
from components.featurizer.proof import Proof
from components.featurizer.strikes import Strikes
from components.pauses import GrowingPause
from components.problems import in_words

log = logging.getLogger(__name__)

_STEADY_AFTER_S = 10.0


@dataclass(frozen=True)
class Deadlines:
    """How long a child may take before it is killed."""

    cpu_start_s: float = 60.0
    """To load and compile the model for the CPU."""
    gpu_start_s: float = 300.0
    """To compile it for a GPU (three minutes on a small one, where the cache is empty) and to qualify."""
    embed_s: float = 2.0
    """For one picture."""


class Inference:
    """Embeds pictures with one model in a child process; may be used from several threads, and never gives up.

    The CPU serves first. With ``wish`` AUTO or GPU, a second child tries the GPU meanwhile (``cache_dir`` keeps what it
    compiles), and takes over once it has qualified; every ``prove_every_s`` seconds it has to prove itself again. A GPU
    that fails is left for the CPU; after as many ``strikes`` as are too many, it rests. ``on_health`` is called with a
    sentence when nothing can be embedded and with "" when it can again. ``stop`` ends everything; so does ``close``.

    Raises UnavailableError where the first child cannot do its work.
    """

    def __init__(
        self,
        model: Model,
        wish: str = "AUTO",
        *,
        stop: threading.Event,
        cache_dir: Path | None = None,
        threads: int = 1,
        on_health: Callable[[str], None] = lambda problem: None,
        deadlines: Deadlines = Deadlines(),
        strikes: Strikes | None = None,
        first_pause_s: float = 0.5,
        prove_every_s: float = 15.0,
        program: Sequence[str] = CHILD,
    ) -> None:
        self._task = Task(model, cache_dir=cache_dir, threads=threads, program=program)
        self._wish, self._stop, self._on_health, self._deadlines = wish, stop, on_health, deadlines
        self._gpu = GpuTrial(self._task, wish, deadlines.gpu_start_s, Strikes() if strikes is None else strikes)
        self._proof = Proof(self._task.size, prove_every_s)
        self._pause = GrowingPause(first_pause_s, 30.0)
        self._one_at_a_time = threading.Lock()
        self._serving: InferenceProcess | None = None
        self._lost: list[tuple[InferenceProcess, str]] = []
        self._cpu: InferenceProcess | None = None
        self._cpu_again_s = 0.0
        self._problem = ""
        self._closed, self._wake, self._decided = threading.Event(), threading.Event(), threading.Event()
        # Children die with the thread that started them: this one lives as long as they shall.
        self._keeper = threading.Thread(target=self._keep, name="inference-keeper", daemon=True)
        self._keeper.start()
        self._wait_for_the_first()

    @property
    def model_digest(self) -> str:
        """The digest that goes into every query."""
        return self._task.digest

    @property
    def device(self) -> str:
        """What computes now: CPU, GPU or GPU.0 and the like; "none" while a child is replaced."""
        serving = self._serving
        return "none" if serving is None else serving.device

    @property
    def device_reason(self) -> str:
        """Why this device, as one sentence for the status page."""
        serving = self._serving
        if serving is None:
            return self._problem
        return self._gpu.said if serving.device == "CPU" else serving.reason

    @property
    def gpu_problem(self) -> str:
        """How a GPU that is there and wanted has failed, until it computes; "" while nothing is known against it."""
        return self._gpu.problem

    @property
    def pids(self) -> list[int]:
        """The process ids of the children: the one that serves first, then one that tries the GPU."""
        return [child.pid for child in (self._serving, self._cpu, self._gpu.candidate) if child is not None]

    def embed(self, image: Image) -> Embedding:
        """The embedding of a BGR picture of any size: shape (dim,), float32, unit length.

        Raises ValueError for what is no picture, UnavailableError where it cannot be had now: the child is replaced.
        """
        with self._one_at_a_time:
            serving = self._serving
            if serving is None:
                raise UnavailableError(self._problem or "The inference has ended.")
            try:
                return self._embed_with(serving, image)
            except UnavailableError as error:
                self._lose(serving, str(error))
                raise

    def close(self) -> None:
        """End the children; whoever still embeds gets UnavailableError."""
        self._closed.set()
        self._wake.set()
        self._keeper.join(2.0)

    def _wait_for_the_first(self) -> None:
        while not self._decided.wait(0.1):
            if self._over():
                break
        if self._serving is None:
            self.close()
            raise UnavailableError(self._problem or "The inference was stopped before it began.")

    def _over(self) -> bool:
        return self._stop.is_set() or self._closed.is_set()

    # --- what follows runs on the keeper's thread, except _lose

    def _keep(self) -> None:
        try:
            while not self._over():
                self._try_step()
                starting = self._cpu is not None or self._gpu.candidate is not None or self._serving is None
                self._wake.wait(0.02 if starting else 0.5)
                self._wake.clear()
        finally:
            self._end()

    def _try_step(self) -> None:
        try:
            self._step(time.monotonic())
        except Exception as error:  # without its keeper, the inference would never come back
            log.exception("The inference's keeper failed; everything is begun anew.")
            self._begin_anew(in_words(error))

    def _begin_anew(self, problem: str) -> None:
        with self._one_at_a_time:
            if self._serving is not None:
                self._lose(self._serving, problem)
        self._close_cpu()
        self._gpu.close()
        self._delay_cpu(time.monotonic())
        self._report(problem)

    def _step(self, now_s: float) -> None:
        with self._one_at_a_time:
            if self._serving is not None:
                self._watch(self._serving, now_s)
        self._bury(now_s)
        self._tend_cpu(now_s)
        self._tend_gpu(now_s)

    def _watch(self, serving: InferenceProcess, now_s: float) -> None:
        """Notice what nobody who embeds would; the lock is held."""
        problem = ""
        if serving.has_ended():
            problem = serving.ended()
        elif serving.device != "CPU" and self._proof.is_due(now_s):
            try:
                problem = self._proof.wrong(partial(self._embed_with, serving), now_s)
            except UnavailableError as error:
                problem = str(error)
        if problem:
            self._lose(serving, problem)

    def _embed_with(self, child: InferenceProcess, image: Image) -> Embedding:
        return child.embed(image, self._deadlines.embed_s, self._stop)

    def _lose(self, serving: InferenceProcess, problem: str) -> None:
        """``serving`` is of no more use; the lock is held."""
        self._problem = problem
        self._serving = None
        self._lost.append((serving, problem))
        self._wake.set()

    def _bury(self, now_s: float) -> None:
        while self._lost:
            lost, problem = self._lost.pop()
            lost.close()
            self._report(problem)
            if lost.device != "CPU":
                self._gpu.failed(problem, now_s)
            else:
                self._delay_cpu(now_s, steady=now_s - lost.began_s > _STEADY_AFTER_S)

    def _tend_cpu(self, now_s: float) -> None:
        """Have the CPU serve where nothing does."""
        if self._serving is not None:
            return
        try:
            if self._cpu is None and now_s >= self._cpu_again_s:
                self._cpu = InferenceProcess(self._task, "CPU")
            elif self._cpu is not None and self._cpu.is_ready(self._deadlines.cpu_start_s, now_s):
                if self._wish != "CPU":
                    self._proof.learn(partial(self._embed_with, self._cpu))
                self._serve(self._cpu)
                self._cpu = None
        except (UnavailableError, OSError) as error:
            self._problem = _sentence(error)
            self._close_cpu()
            self._delay_cpu(now_s)
            self._report(self._problem)
            self._decided.set()

    def _tend_gpu(self, now_s: float) -> None:
        """Have the GPU serve once it has qualified; it is tried while the CPU serves."""
        serving = self._serving
        qualified = self._gpu.step(now_s, may_begin=serving is not None and serving.device == "CPU")
        if qualified is not None:
            self._serve(qualified)
            self._close_cpu()

    def _serve(self, child: InferenceProcess) -> None:
        with self._one_at_a_time:
            before, self._serving = self._serving, child
        if before is not None:
            before.close()
        log.info("Embeddings are computed on %s: %s", self.device, self.device_reason)
        self._problem = ""
        self._report("")
        self._decided.set()

    def _delay_cpu(self, now_s: float, *, steady: bool = False) -> None:
        if steady:
            self._pause.reset()
        self._cpu_again_s = now_s + self._pause.next_s()

    def _close_cpu(self) -> None:
        if self._cpu is not None:
            self._cpu.close()
        self._cpu = None

    def _report(self, problem: str) -> None:
        if problem:
            log.warning("%s", problem)
        self._on_health(problem)

    def _end(self) -> None:
        with self._one_at_a_time:
            serving, self._serving = self._serving, None
        for child in (serving, self._cpu, *(lost for lost, _ in self._lost)):
            if child is not None:
                child.close()
        self._gpu.close()
        self._task.close()


def _sentence(error: UnavailableError | OSError) -> str:
    if isinstance(error, UnavailableError):
        return str(error)
    return f"The inference process cannot be started ({error.strerror}): is the memory full?"
