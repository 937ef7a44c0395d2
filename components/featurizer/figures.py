"""What the featurizer counts and times, for its status."""

import threading
import time
from collections import deque

from components.core.figures import percentile

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
            times_ms = {
                "frame_age_ms": percentile(self._ages_ms, 50),
                "inference_ms_p50": percentile(self._inferences_ms, 50),
                "inference_ms_p95": percentile(self._inferences_ms, 95),
            }
            return {
                "frames": self._frames,
                "queries": self._queries,
                "fps": round(len(recent) / _RATE_OVER_S, 1),
                **{name: time_ms for name, time_ms in times_ms.items() if time_ms is not None},
            }
