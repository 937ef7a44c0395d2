"""Whether a GPU that has qualified still computes what the CPU computes: a driver may go wrong while it is in use."""

from collections.abc import Callable

from components.core.messages import Embedding
from components.featurizer.frame import Image
from components.featurizer.qualification import MIN_COSINE, pictures

_PICTURES = 4


class Proof:
    """A few pictures of the qualification, one every ``every_s`` seconds, in turn."""

    def __init__(self, size: int, every_s: float) -> None:
        self._size, self._every_s = size, every_s
        self._pairs: list[tuple[Image, Embedding]] = []
        self._next_s, self._turn = 0.0, 0

    def learn(self, embed: Callable[[Image], Embedding]) -> None:
        """Keep what the CPU, which is ``embed``, says of the pictures; once is enough."""
        if not self._pairs:
            self._pairs = [(picture, embed(picture)) for picture in pictures(self._size)[:_PICTURES]]

    def is_due(self, now_s: float) -> bool:
        """Whether it is time for the next picture."""
        return bool(self._pairs) and now_s >= self._next_s

    def wrong(self, embed: Callable[[Image], Embedding], now_s: float) -> str:
        """What is wrong with the vector that ``embed`` gives of the next picture; "" if nothing is."""
        self._next_s = now_s + self._every_s
        self._turn = (self._turn + 1) % len(self._pairs)
        picture, expected = self._pairs[self._turn]
        cosine = float(embed(picture) @ expected)
        if cosine >= MIN_COSINE:
            return ""
        return f"The GPU has come to give wrong embeddings: cosine {cosine:.4f}, at least {MIN_COSINE} is expected."
