"""A catalog of embeddings without pictures: items in families, views around them, as a camera would see them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from components.core.segments import Vectors
from components.featurizer.model import Model, Preprocessing, identity
from components.store import Store
from index_builder.catalog import Entry, Picture
from index_builder.embedding import View
from index_builder.embedding_store import Embedded
from index_builder.generation import Made, Naming, write_generation
from index_builder.increment import plan_increment, write_increment
from index_builder.learning.rendering import CameraViews, views_per_picture
from index_builder.next_generation import write_next

FAMILIES = 200
NAMING = Naming("synthetic", "CC0-1.0")
SETTINGS: dict[str, object] = {"max_dim": 256}


@dataclass(frozen=True)
class SyntheticShop:
    """``embeddings``, (items, raw_dim), are the studio pictures; item n has the id ``item-n``."""

    embeddings: Vectors = field(repr=False)
    noise: float
    seed: int
    learned: bool = True
    """Whether there are camera views to learn from; else pictures are searched as they are."""

    def views(self, numbers: Sequence[int], prices: dict[int, str] | None = None) -> list[View]:
        """The catalog that holds these items, in this order."""
        return [self._view(number, (prices or {}).get(number, "9.90")) for number in numbers]

    def seen(self, numbers: Sequence[int], several: int, seed: int) -> Vectors:
        """What a camera sees of the items, ``several`` views of each behind each other."""
        rng = np.random.default_rng((self.seed, seed))
        raw = np.repeat(self.embeddings[list(numbers)], several, axis=0)
        shift = np.random.default_rng(self.seed).normal(size=raw.shape[1]) * 0.3 / np.sqrt(raw.shape[1])
        noise = rng.normal(size=raw.shape).astype(np.float32) * np.float32(self.noise / np.sqrt(raw.shape[1]))
        return np.asarray(raw + noise + shift, np.float32)

    def rendered(self, views: list[View], of: int) -> CameraViews:
        """Camera views of studio pictures, as many as a catalog of ``of`` pictures gets."""
        if not self.learned:
            return CameraViews(np.empty((0, 0), np.float32), np.empty(0, np.int64))
        step = 1 + (of - 1) // 10_000
        chosen = list(range(0, len(views), step))
        count = views_per_picture(-(-of // step), 32)
        numbers = [int(views[place].entry.item_id.removeprefix("item-")) for place in chosen]
        seen = [self.seen([number], count, number) for number in numbers]
        embeddings = np.concatenate(seen) if seen else np.empty((0, 0), np.float32)
        return CameraViews(embeddings, np.repeat(np.array(chosen, np.int64), count))

    def _view(self, number: int, price: str) -> View:
        entry = Entry(
            item_id=f"item-{number}",
            title={"": f"Item {number} of family {number % FAMILIES}"},
            category=f"family {number % FAMILIES}",
            price=price,
            attributes={"color": f"color-{number % 7}"},
        )
        return View(entry, Picture(f"item-{number}.jpg"), Embedded(f"{number:064x}", self.embeddings[number], ""))


def synthetic_shop(
    items: int, raw_dim: int, noise: float = 3.0, seed: int = 0, *, learned: bool = True
) -> SyntheticShop:
    """``items`` items of 200 families; the directions in which they differ matter less and less."""
    rng = np.random.default_rng(0)
    spread = (np.arange(1, raw_dim + 1) ** -0.55).astype(np.float32)
    families = rng.normal(size=(FAMILIES, raw_dim)).astype(np.float32) * spread
    raw = rng.normal(size=(items, raw_dim)).astype(np.float32) * spread + families[np.arange(items) % FAMILIES]
    raw /= np.linalg.norm(raw, axis=1, keepdims=True)
    basis, _ = np.linalg.qr(rng.normal(size=(raw_dim, raw_dim)))
    return SyntheticShop(raw @ basis.astype(np.float32), noise, 0, learned)


def network(raw_dim: int) -> Model:
    """A model by its name alone: nothing is embedded with it."""
    files = {"model.xml": b"<net/>", "model.bin": b"weights"}
    digest = identity({name: sha256(data).hexdigest() for name, data in files.items()}, Preprocessing())
    return Model("synthetic", digest, raw_dim, Preprocessing(), "CC0-1.0", "test", *files.values())


def build_synthetic(
    shop: SyntheticShop, views: list[View], store: Store, model: Model, *, compact: bool = False
) -> tuple[Made, str]:
    """What ``build`` does once the pictures are embedded; the generation, and why it was learned anew."""
    plan, why = (None, "asked") if compact else plan_increment(views, store, model.digest, SETTINGS)
    if plan is None:
        rendered = shop.rendered(views, len(views))
        empty = np.random.default_rng(1).normal(size=(8, shop.embeddings.shape[1])).astype(np.float32)
        made = write_generation(views, rendered, empty, model, store, NAMING, max_dim=256, settings=SETTINGS)
    else:
        new = [views[number] for number in plan.to_render]
        made = write_increment(plan, views, shop.rendered(new, len(views)), store, NAMING)
    manifest, _ = write_next(made.manifest, store)
    return Made(manifest, made.recall_at_10, made.held_out_hit_rate_at_1), why
