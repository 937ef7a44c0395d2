"""The status texts of the DeepLens project, which this one replaces, derived from the featurizer's status."""

from dataclasses import dataclass, replace

from cloud_sync.status_event import Seen

FEATURIZER = "featurizer"
OPTIMIZATION_FAILED = "Model optimization FAILED"
OPTIMIZATION_SUCCEEDED = "Model optimization SUCCEEDED"
MODEL_LOADED = "Model loaded SUCCESSFULLY"
FRAME_FAILED = "FAILED to get frame"
FRAME_RETRIEVED = "frame retrieved"
WORDS = frozenset({OPTIMIZATION_FAILED, OPTIMIZATION_SUCCEEDED, MODEL_LOADED, FRAME_FAILED, FRAME_RETRIEVED})


@dataclass(frozen=True)
class Said:
    """The newest word of each matter; "" where there was none yet."""

    optimization: str = ""
    model: str = ""
    camera: str = ""
    digest: str = ""
    """Of the model that the first two are about."""

    def and_then(self, word: str, seen: Seen) -> "Said":
        """After ``word`` was said of ``seen``."""
        if word in (FRAME_FAILED, FRAME_RETRIEVED):
            return replace(self, camera=word)
        if word == MODEL_LOADED:
            return replace(self, model=word)
        return replace(self, optimization=word, model="", digest=_digest(seen))

    def next(self, seen: Seen) -> str:
        """What the predecessors would say first, now that the featurizer is as ``seen`` says; "" for nothing new."""
        optimization, digest = _optimization(seen), _digest(seen)
        if optimization and (optimization, digest) != (self.optimization, self.digest):
            return optimization
        if optimization == OPTIMIZATION_SUCCEEDED and self.model != MODEL_LOADED:
            return MODEL_LOADED
        camera = _camera(seen)
        return camera if camera != self.camera else ""


def next_word(said: Said, seen: Seen) -> str:
    """As ``Said.next``, for a status of any component: only the featurizer has a model and a camera."""
    return said.next(seen) if seen.component == FEATURIZER else ""


def _concerns(seen: Seen) -> list[str]:
    return str(seen.details.get("concerns", "")).split()


def _digest(seen: Seen) -> str:
    return str(seen.details.get("model", ""))


def _optimization(seen: Seen) -> str:
    if "model" in _concerns(seen):
        return OPTIMIZATION_FAILED
    return OPTIMIZATION_SUCCEEDED if _digest(seen) else ""


def _camera(seen: Seen) -> str:
    if "camera" in _concerns(seen):
        return FRAME_FAILED
    frames = seen.details.get("frames", 0)
    return FRAME_RETRIEVED if isinstance(frames, (int, float)) and frames > 0 else ""
