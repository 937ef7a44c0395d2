"""What the tests of teaching share: views, and the searcher's parts joined as its process joins them."""

import itertools
import time
from pathlib import Path

import numpy as np

from components.core.messages import Query, SearchResult
from components.core.outbox_documents import Document
from components.core.segments import Vectors
from components.core.taught import TaughtItem, TaughtView
from components.core.teach_messages import Taught, Teach
from components.searcher.activation import Activation
from components.searcher.recent import Recent
from components.searcher.searcher import Searcher
from components.searcher.taught_layer import layered
from components.searcher.teaching import Teaching
from components.searcher.teaching_service import TaughtItems
from components.store import Store
from components.taught_store import TaughtStore
from tests.generations import DIM, MODEL, items, query, unit_vectors, write_generation

WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8L" + bytes(14)
_ids = itertools.count()


def near(vector: Vectors, cosine: float, seed: int) -> Vectors:
    """A unit vector at this cosine from ``vector``, in a direction of ``seed``."""
    other = np.random.default_rng(seed).normal(size=vector.size).astype(np.float32)
    other -= (other @ vector) * vector / (vector @ vector)
    other /= np.linalg.norm(other)
    mixed = cosine * vector / np.linalg.norm(vector) + np.sqrt(1 - cosine**2) * other
    return np.asarray((mixed / np.linalg.norm(mixed)).astype("<f2"), np.float32)


def sides(seed: int, count: int = 3, dim: int = DIM) -> list[Vectors]:
    """Views of one new item from several sides: about 0.72 from each other, far from any other item."""
    center = unit_vectors(1, dim, 10_000 + seed)[0]
    return [near(center, 0.85, 100 * seed + n) for n in range(count)]


def view(item_id: str, embedding: Vectors | None = None, **fields: object) -> TaughtView:
    """A view of ``item_id``."""
    number = next(_ids)
    embedding = unit_vectors(1, seed=number)[0] if embedding is None else embedding
    fields = {"view_id": f"view{number}", "model": MODEL, **fields}
    return TaughtView(item_id=item_id, embedding=embedding, **fields)  # type: ignore[arg-type]


def item(item_id: str, **fields: object) -> TaughtItem:
    """An item that is found."""
    return TaughtItem(item_id=item_id, **{"title": item_id, "state": "active", **fields})  # type: ignore[arg-type]


class Wall:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Device:
    """The searcher with its teaching, without a bus; ``show`` is the camera."""

    def __init__(self, folder: Path, count: int = 50, learn: str = "off", **options: object) -> None:
        self.index_dir, self.ram_dir, self.wall = folder / "index", folder / "ram", Wall()
        self.generations = Store(self.index_dir)
        self.vectors = unit_vectors(count)
        if self.generations.active() is None:
            write_generation(self.generations, self.vectors, items(count), **options)  # type: ignore[arg-type]
        self.searcher, self.recent = Searcher(), Recent()
        self.store = TaughtStore(folder / "taught")
        self.told: list[Document] = []
        """What the cloud is to be told of verdicts."""
        self.taught = TaughtItems(self.store)
        self.taught.refresh()
        self.activation = Activation(
            self.generations, self.searcher, annoy=False, layer=lambda bare: layered(bare, self.taught.catalog)
        )
        self.activation.step()
        self.teaching = Teaching(
            self.store,
            self.recent,
            in_catalog=self.activation.holds,
            ram_dir=self.ram_dir,
            learn=learn,
            tell=self.told.append,
            wall=self.wall,
            wait_s=0.0,
        )

    def ask(self, embedding: Vectors, **asked: object) -> SearchResult:
        """What is answered, as an upload."""
        return self.searcher.answer(query(embedding, **asked))

    def show(self, embedding: Vectors, *, times: int = 4, **asked: object) -> str:
        """The camera sees this, at rest; the id of the last query."""
        sent: list[Query] = []
        for _ in range(times):
            asked = {"query_id": f"q{next(_ids)}", "captured_ns": time.monotonic_ns(), **asked}
            sent.append(query(embedding, **asked))
            self.recent.add(sent[-1], self.searcher.answer(sent[-1]))
            asked.pop("query_id")
        return sent[-1].query_id

    def do(self, action: str, **wish: object) -> Taught:
        """One wish, and the index afterwards as the service leaves it."""
        answer = self.teaching.do(Teach(request_id=f"r{next(_ids)}", action=action, **wish))  # type: ignore[arg-type]
        if self.taught.refresh():
            self.activation.relay()
        return answer

    def teach(self, views: list[Vectors], title: str = "New", **texts: object) -> str:
        """A new item with these views; its id."""
        item_id = self.do("begin").item_id
        for embedding in views:
            self.show(embedding)
            answer = self.do("view", item_id=item_id)
            assert answer.why == "", answer
        answer = self.do("save", item_id=item_id, title=title, **texts)
        assert answer.why == "", answer
        return item_id
