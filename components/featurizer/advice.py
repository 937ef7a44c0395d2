"""How often a person is told what is wrong with the picture."""

AGAIN_AFTER_S = 0.3


class Advice:
    """Says something new at once, and the same again every 0.3 s while it holds: what is shown must be fresh."""

    def __init__(self) -> None:
        self._last = ""
        self._due_s = 0.0

    def is_due(self, guidance: str, now_s: float) -> bool:
        """Whether to publish ``guidance`` ("": all is well, nothing to publish) at ``now_s`` of a monotonic clock."""
        is_news, self._last = guidance != self._last, guidance
        if not guidance or not (is_news or now_s >= self._due_s):
            return False
        self._due_s = now_s + AGAIN_AFTER_S
        return True
