"""What the featurizer counts and times, for its status."""

import threading
import time
from collections import deque
from collections.abc import Sequence

_WINDOW = 300
_RATE_OVER_S = 5.0


class Figures:
    """Counts of all time, and the newest 300 times; written by the road, read by the status."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames = self._queries = 0
        self._arrivals_s: deque[float] = deque(maxlen=_WINDOW)
        self._ages_ms: deque[float] = deque(maxlen=_WINDOW)
        self._inferences_ms: deque[float] = deque(maxlen=_WINDOW)

    def saw_frame(self) -> None:
        """Count one frame that came from the camera."""
        with self._lock:
            self._frames += 1
            self._arrivals_s.append(time.monotonic())

    def sent_query(self, *, age_ms: float, inference_ms: float) -> None:
        """Count one query; ``age_ms`` is how old its frame was then."""
        with self._lock:
            self._queries += 1
            self._ages_ms.append(age_ms)
            self._inferences_ms.append(inference_ms)

    def details(self) -> dict[str, int | float]:
        """The figures as the status shows them."""
        with self._lock:
            oldest_s = time.monotonic() - _RATE_OVER_S
            recent = [arrival_s for arrival_s in self._arrivals_s if arrival_s > oldest_s]
            figures: dict[str, int | float] = {
                "frames": self._frames,
                "queries": self._queries,
                "fps": round(len(recent) / _RATE_OVER_S, 1),
            }
            if self._ages_ms:
                figures["frame_age_ms"] = quantile(self._ages_ms, 0.5)
                figures["inference_ms_p50"] = quantile(self._inferences_ms, 0.5)
                figures["inference_ms_p95"] = quantile(self._inferences_ms, 0.95)
            return figures


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of ``values`` (not empty) lie, rounded for showing."""
    ordered = sorted(values)
    return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)], 2)
