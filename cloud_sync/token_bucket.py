"""How often something may be done."""


class TokenBucket:
    """Allows at most ``limit`` takes in any ``window_s`` seconds: half of them at once, the others spread over it."""

    def __init__(self, limit: int, window_s: float) -> None:
        # What is there at the start and what comes back within one window, together, must not pass the limit.
        self._most = max(1.0, limit / 2)
        self._per_s = (limit - self._most) / window_s
        self._tokens = self._most
        self._at_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Take one token, where there is one; ``now_s`` is of a clock that never goes back."""
        if self._at_s is not None:
            self._tokens = min(self._most, self._tokens + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def put_back(self) -> None:
        """What the last token was taken for did not come about."""
        self._tokens += 1.0
