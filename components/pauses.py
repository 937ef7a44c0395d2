"""How long to wait before something that failed is tried again."""


class GrowingPause:
    """Pauses that double from ``first_s`` up to ``longest_s`` seconds, until something works again."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._next_s = first_s

    def next_s(self) -> float:
        """How long to wait now; the time after, twice as long."""
        pause_s = min(self._next_s, self._longest_s)
        self._next_s = 2 * pause_s
        return pause_s

    def reset(self) -> None:
        """It worked: the next failure begins with the first pause."""
        self._next_s = self._first_s
