"""When something that keeps failing is left alone for a while; the time is passed in, in seconds of one clock."""


class Strikes:
    """``most`` failures within ``within_s`` seconds mean a rest of ``rest_s``; after it, everything is forgotten."""

    def __init__(self, most: int = 2, within_s: float = 600.0, rest_s: float = 3600.0) -> None:
        self._most, self._within_s, self.rest_s = most, within_s, rest_s
        self._failures_s: list[float] = []
        self._rests_until_s: float | None = None

    def failed(self, now_s: float) -> bool:
        """Count a failure; whether it was the one too many, so that the rest begins."""
        recent = [failure_s for failure_s in self._failures_s if now_s - failure_s < self._within_s]
        self._failures_s = [*recent, now_s]
        if len(self._failures_s) >= self._most:
            self.rest(now_s)
        return self.rests(now_s)

    def rest(self, now_s: float) -> None:
        """Begin a rest, whatever was counted."""
        self._failures_s = []
        self._rests_until_s = now_s + self.rest_s

    def rests(self, now_s: float) -> bool:
        """Whether it is to be left alone now."""
        return self._rests_until_s is not None and now_s < self._rests_until_s
