"""Whether the searcher is well with a new generation: what it says decides, and its silence."""

from dataclasses import dataclass, field

from components.core.messages import Status

SEARCHER, FEATURIZER = "searcher", "featurizer"
TAKES_S = 20.0
"""So long the searcher may need until it uses the generation, or comes back to it."""
LEARNS_S = 180.0
"""So long the camera's side may need to load another model: a GPU's driver compiles it at first."""
_SILENT_S = 12.0
_RESTLESS = 5


@dataclass
class Trial:
    """The trial of generation ``seq``, on a clock that never jumps."""

    seq: int
    began_s: float
    lasts_s: float
    """How long the searcher must be well with it, without a break."""
    searcher_runs: bool = False
    """Whether the searcher was heard before; without one, there is nobody to be unwell."""
    _heard_s: float | None = field(default=None, init=False)
    _ill_since_s: float = field(default=0.0, init=False)
    _well_since_s: float | None = field(default=None, init=False)
    _mismatch_since_s: float | None = field(default=None, init=False)
    _model_fails: bool = field(default=False, init=False)
    _reason: str = field(default="", init=False)
    _given_up: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._ill_since_s = self.began_s
        if self.searcher_runs:
            self._heard_s = self.began_s

    def hear(self, status: Status, now_s: float) -> None:
        """A component says how it is."""
        if status.component == FEATURIZER:
            self._model_fails = "model" in str(status.details.get("concerns", "")).split()
        if status.component != SEARCHER:
            return
        self._heard_s = now_s
        self._given_up = status.details.get("given_up") == self.seq
        uses_it = status.details.get("generation") == self.seq
        self._reason = status.reason
        if not uses_it:
            self._fell_ill(now_s)
        elif self._well_since_s is None:
            self._well_since_s = now_s
        if not status.details.get("mismatch"):
            self._mismatch_since_s = None
        elif self._mismatch_since_s is None:
            self._mismatch_since_s = now_s

    def passed(self, now_s: float) -> bool:
        """Whether the generation has proved itself."""
        well = self._well_since_s is not None and now_s - self._well_since_s >= self.lasts_s
        return well and self._mismatch_since_s is None and not self.failure(now_s)

    def waits(self, now_s: float) -> str:
        """What the trial waits for, one sentence, where that is longer than usual; "" otherwise."""
        if self._heard_s is not None or now_s - self.began_s <= TAKES_S:
            return ""
        return f"Nobody tries generation {self.seq} out: the searcher has not been heard; see whether it runs."

    def failure(self, now_s: float) -> str:
        """Why the generation must go, one sentence; "" while nobody knows."""
        said = f": {self._reason}" if self._reason else "."
        if self._given_up:
            return f"The searcher ended again and again when it began to use generation {self.seq}{said}"
        if self._heard_s is None:
            return ""
        if now_s - self._heard_s > _SILENT_S:
            self._fell_ill(self._heard_s)
        if self._well_since_s is None and now_s - self._ill_since_s > TAKES_S:
            return f"The searcher did not use generation {self.seq} within {TAKES_S:g} s{said}"
        patience_s = TAKES_S if self._model_fails else LEARNS_S
        if self._mismatch_since_s is not None and now_s - self._mismatch_since_s > patience_s:
            return f"The camera's pictures are embedded by another model than generation {self.seq} wants{said}"
        if now_s - self.began_s > _RESTLESS * self.lasts_s + LEARNS_S + TAKES_S:
            return f"The searcher was never well with generation {self.seq} for {self.lasts_s:g} s{said}"
        return ""

    def _fell_ill(self, now_s: float) -> None:
        if self._well_since_s is not None:
            self._well_since_s, self._ill_since_s = None, now_s
