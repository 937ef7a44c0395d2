"""What an update of a catalog costs and keeps: 50 items more, some gone, 200 prices changed, then built anew.

A large catalog is searched as it is, 256 numbers a view; a smaller one with a metric that is learned, which takes long.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from components.core.segments import Vectors
from components.searcher.activation import Activation
from components.searcher.annoy_index import AnnoyCandidates, cache_path, open_or_build
from components.searcher.index import Index
from components.searcher.searcher import Searcher
from components.searcher.snapshot import Snapshot, load_snapshot
from components.store import Store
from index_builder.publish.places import open_place
from index_builder.publish.publishing import Publication, publish
from tests.campaign.updates import Row
from tests.publish_kit import make_keys, silent
from tests.synthetic_shop import build_synthetic, network, synthetic_shop

RAW_DIM, PLAIN_DIM = 320, 256
NEW, CHANGED = 50, 200
MOST_BYTES = 200_000
SEARCHABLE_S = 5.0
REMOVED_QUERIES = 10_000
QUERIES = 2_000
MOST_LESS = 0.005
K = 10


@dataclass(frozen=True)
class Measured:
    """What a generation finds."""

    recall: float
    """Of Annoy against the exact scan, both with the tail."""
    hits: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    """By query, whether the right item is among the first ten."""


def increments(items: int) -> Iterator[Row]:
    """A catalog of so many items grows, shrinks, and is built anew; then one of a tenth of them, learned."""
    for count, learned in ((items, False), (max(6_000, items // 10), True)):
        with tempfile.TemporaryDirectory() as name:
            yield from _Course(Path(name), count, learned).rows()


class _Course:
    """The store of a builder that is a device's as well, and the place that the one publishes to for the other."""

    def __init__(self, folder: Path, items: int, learned: bool) -> None:
        self.items, dim = items, RAW_DIM if learned else PLAIN_DIM
        self.what = f"{items:,} {'learned' if learned else 'plain'}"
        self.shop = synthetic_shop(items + NEW, dim, learned=learned)
        self.store, self.model = Store(folder / "index"), network(dim)
        self.keys, self.place = make_keys(folder / "keys"), str(folder / "place")
        chosen = np.random.default_rng(5).choice(items, items // 200 + CHANGED, replace=False).tolist()
        self.gone, self.changed = sorted(chosen[CHANGED:]), sorted(chosen[:CHANGED])

    def rows(self) -> Iterator[Row]:
        self.build(range(self.items))
        self.publish(1)
        searcher = Searcher()
        activation = Activation(self.store, searcher)
        _settle(activation, searcher)
        self.build(range(self.items + NEW))
        began = time.monotonic()
        _settle(activation, searcher)
        searchable_s = time.monotonic() - began
        grown = self.publish(2)
        left = [number for number in range(self.items + NEW) if number not in set(self.gone)]
        self.build(left, self.changed)
        shrunk = self.publish(3)
        after = load_snapshot(self.store, 3)
        yield self.removed(after)
        increment, careless = self.measured(after), self.measured(after, search_k=20)
        self.build(left, self.changed, compact=True)
        anew = self.publish(4, dry_run=True)
        yield self.cost(grown, shrunk, anew)
        yield self.activated(searchable_s)
        rebuilt = self.measured(load_snapshot(self.store, 4))
        yield _compared(f"{self.what}: against a full rebuild", increment, rebuilt, careless)

    def build(self, numbers: Sequence[int], changed: Sequence[int] = (), *, compact: bool = False) -> None:
        views = self.shop.views(numbers, dict.fromkeys(changed, "12.50"))
        _, why = build_synthetic(self.shop, views, self.store, self.model, compact=compact)
        assert bool(why) == (compact or self.store.active() == 1), why

    def publish(self, seq: int, *, dry_run: bool = False) -> Publication:
        with open_place(self.place) as place:
            return publish(self.store, seq, place, self.keys, silent, dry_run=dry_run)

    def cost(self, grown: Publication, shrunk: Publication, anew: Publication) -> Row:
        dim = self.store.manifest(1).dim
        said = f"{_bytes(grown)}; then -{len(self.gone)} items and {CHANGED} prices: {_bytes(shrunk)}"
        bad, caught = grown.download_bytes > MOST_BYTES, anew.download_bytes > MOST_BYTES
        what = f"{self.what}: +{NEW} items, {dim}-d"
        return Row(what, 1, int(bad), f"built anew ({anew.download_bytes / 1e6:.0f} MB)", int(caught), said)

    def activated(self, searchable_s: float) -> Row:
        """The base's Annoy file must be the one that was there."""
        before, after = self.store.manifest(1), self.store.manifest(2)
        same = cache_path(self.store.index_dir, before) == cache_path(self.store.index_dir, after)
        search_k = after.search.search_k
        how = f"the same Annoy file with search_k {search_k}" if search_k else "an exact scan"
        bad = searchable_s > SEARCHABLE_S or not same
        return Row(f"{self.what}: searchable after the fetch", 1, int(bad), said=f"{searchable_s:.1f} s, by {how}")

    def removed(self, after: Snapshot) -> Row:
        """Asks for removed items; what is broken on purpose overlooks their tombstones."""
        names = {f"item-{number}" for number in self.gone}
        each = -(-REMOVED_QUERIES // len(self.gone))
        queries = after.projection.query(self.shop.seen(self.gone, each, 3))
        everything = replace(after, alive=np.arange(len(after.vectors)))
        annoy = self.annoy(after)
        kept, broken = Index(after, annoy), Index(everything, annoy)
        found = sum(_finds(kept, query, names) for query in queries)
        caught = sum(_finds(broken, query, names) for query in queries[::20])
        exact = sum(_finds(Index(after), query, names) for query in queries[::20])
        return Row(f"{self.what}: removed items that are found", len(queries), found + exact, "no tombstones", caught)

    def measured(self, snapshot: Snapshot, search_k: int | None = None) -> Measured:
        """Asked for items of all ages, as a camera sees them."""
        if search_k is not None:
            search = replace(snapshot.manifest.search, search_k=search_k, rescore=K)
            snapshot = replace(snapshot, manifest=replace(snapshot.manifest, search=search))
        gone = set(self.gone)
        numbers = [n for n in np.linspace(0, self.items + NEW - 1, QUERIES).astype(int).tolist() if n not in gone]
        queries = snapshot.projection.query(self.shop.seen(numbers, 1, 11))
        exact, quick = Index(snapshot), Index(snapshot, self.annoy(snapshot) if snapshot.annoy_pays else None)
        right, hits = 0, []
        for number, query in zip(numbers, queries, strict=True):
            wanted = {match.item_id for match in exact.search(query, K)}
            found = {match.item_id for match in quick.search(query, K)}
            right += len(wanted & found)
            hits.append(f"item-{number}" in found)
        return Measured(right / (K * len(numbers)), np.array(hits))

    def annoy(self, snapshot: Snapshot) -> AnnoyCandidates:
        path = cache_path(self.store.index_dir, snapshot.manifest)
        return open_or_build(path, snapshot.vectors[: snapshot.base], snapshot.manifest.search.n_trees)


def _settle(activation: Activation, searcher: Searcher) -> None:
    """Until the newest generation is searched with Annoy, or exactly where Annoy does not pay."""
    deadline = time.monotonic() + 600
    while not (activation.step() and (index := searcher.index) is not None and _is_settled(index)):
        assert time.monotonic() < deadline, activation.problem
        time.sleep(0.05)


def _is_settled(index: Index) -> bool:
    return index.backend == "annoy" or not index.snapshot.annoy_pays


def _finds(index: Index, query: Vectors, names: set[str]) -> bool:
    return any(match.item_id in names for match in index.search(query, K))


def _bytes(done: Publication) -> str:
    return f"{done.download_bytes:,} bytes ({', '.join(f'{kind} {size:,}' for kind, size in done.download.items())})"


def _compared(what: str, increment: Measured, rebuilt: Measured, careless: Measured) -> Row:
    said = (
        f"recall@10 {increment.recall:.4f}, rebuilt {rebuilt.recall:.4f}; "
        f"right item in ten {increment.hits.mean():.3f}, {rebuilt.hits.mean():.3f}"
    )
    bad, caught = (int(_is_less(one, rebuilt)) for one in (increment, careless))
    return Row(what, len(increment.hits), bad, "search_k 20", caught, said)


def _is_less(one: Measured, rebuilt: Measured) -> bool:
    """Whether ``one`` finds less; for right items beyond chance, too, since a metric learned anew is another one."""
    lost = rebuilt.hits.astype(float) - one.hits
    by_chance = 2 * float(lost.std()) / np.sqrt(len(lost))
    return rebuilt.recall - one.recall > MOST_LESS or lost.mean() - by_chance > MOST_LESS


PARTS = {"increments": (increments, 100_000, "how many items a catalog has that is added to")}
