"""Nearest neighbors in one generation: exact, by Annoy, filtered, with a tail and with removed views."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from components.core.items import Item
from components.core.segments import Vectors
from components.searcher.annoy_index import AnnoyCandidates, build_file
from components.searcher.index import Index
from components.searcher.snapshot import Snapshot, load_snapshot
from components.store import Store
from tests.generations import items, unit_vectors, write_generation


def load(folder: Path, vectors: Vectors, several: Sequence[Item], **options: object) -> Snapshot:
    store = Store(folder)
    write_generation(store, vectors, several, **options)  # type: ignore[arg-type]
    return load_snapshot(store, 1)


def with_annoy(snapshot: Snapshot, folder: Path, n_trees: int = 20) -> Index:
    path = folder / "test.ann"
    build_file(snapshot.vectors[: snapshot.base], path, n_trees)
    return Index(snapshot, AnnoyCandidates(path, snapshot.manifest.dim))


def nearby(vectors: Vectors, count: int, seed: int = 1) -> Vectors:
    rng = np.random.default_rng(seed)
    queries = vectors[rng.choice(len(vectors), count)] + rng.normal(scale=0.1, size=(count, vectors.shape[1]))
    return np.asarray(queries / np.linalg.norm(queries, axis=1, keepdims=True), np.float32)


def ids(matches: Sequence[object]) -> list[str]:
    return [match.item_id for match in matches]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, Index, Vectors]:
    """20,000 items of which three have a rare color: exact, Annoy, the vectors."""
    folder = tmp_path_factory.mktemp("large")
    vectors, several = unit_vectors(20_000), items(20_000)
    for n in (7, 11_111, 19_999):
        several[n] = Item(item_id=f"item-{n}", category="rare" if n == 7 else "c1", attributes={"color": "rare"})
    snapshot = load(folder, vectors, several)
    return Index(snapshot), with_annoy(snapshot, folder), vectors


def test_the_exact_scan_gives_the_items_of_highest_cosine(large: tuple[Index, Index, Vectors]) -> None:
    exact, _, vectors = large
    for query in nearby(vectors, 20):
        scores = vectors @ query
        best = np.argsort(-scores)[:10]
        found = exact.search(query, 10)
        assert ids(found) == [f"item-{n}" for n in best]
        np.testing.assert_allclose([match.score for match in found], scores[best], atol=1e-6)


def test_annoy_gives_the_same_ranking_after_exact_scoring(large: tuple[Index, Index, Vectors]) -> None:
    exact, annoy, vectors = large
    assert (exact.backend, annoy.backend) == ("exact", "annoy")
    hits = 0
    for query in nearby(vectors, 100):
        wanted, found = exact.search(query, 10), annoy.search(query, 10)
        scores = {match.item_id: match.score for match in wanted}
        hits += len(set(ids(wanted)) & set(ids(found)))
        assert all(abs(match.score - scores.get(match.item_id, match.score)) < 1e-6 for match in found)
        assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)
    assert hits / 1000 >= 0.99


@pytest.mark.parametrize("backend", [0, 1])
def test_filters_are_right_when_three_of_20000_pass(large: tuple[Index, Index, Vectors], backend: int) -> None:
    index, vectors = large[backend], large[2]
    for query in nearby(vectors, 10):
        order = sorted((7, 11_111, 19_999), key=lambda n: -float(vectors[n] @ query))
        assert ids(index.search(query, 5, {"color": ("rare",)})) == [f"item-{n}" for n in order]
        assert ids(index.search(query, 5, {"color": ("rare", "none"), "category": ("rare",)})) == ["item-7"]


@pytest.mark.parametrize("backend", [0, 1])
def test_filters_are_and_over_names_and_or_over_values(large: tuple[Index, Index, Vectors], backend: int) -> None:
    index, vectors = large[backend], large[2]
    query = nearby(vectors, 1)[0]
    filters = {"category": ("c1", "c4"), "color": ("color-2", "color-5", "rare")}
    passing = [n for n in range(20_000) if n % 10 in (1, 4) and n % 7 in (2, 5) and n not in (7, 11_111, 19_999)]
    passing += [11_111, 19_999]
    wanted = sorted(passing, key=lambda n: -float(vectors[n] @ query))[:50]
    assert ids(index.search(query, 50, filters)) == [f"item-{n}" for n in wanted]
    assert index.search(query, 5, {"color": ("none",)}) == ()
    assert index.search(query, 5, {"unknown": ("c1",)}) == ()
    assert index.search(query, 5, {"color": ("rare",), "category": ("c2",)}) == ()


@pytest.mark.parametrize("backend", ["exact", "annoy"])
def test_k_counts_items_however_many_views_they_have(tmp_path: Path, backend: str) -> None:
    vectors = np.repeat(unit_vectors(10), 300, axis=0) + np.random.default_rng(0).normal(scale=0.01, size=(3000, 32))
    vectors = np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
    snapshot = load(tmp_path, vectors, items(3000, views=300))
    index = Index(snapshot) if backend == "exact" else with_annoy(snapshot, tmp_path)
    for query in unit_vectors(5, seed=3):
        found = index.search(query, 7)
        assert len(found) == len(set(ids(found))) == 7
        assert len(index.search(query, 50)) == 10


@pytest.mark.parametrize("backend", ["exact", "annoy"])
def test_removed_views_are_never_found(tmp_path: Path, backend: str) -> None:
    vectors, removed = unit_vectors(2_000), tuple(range(0, 2_000, 2))
    snapshot = load(tmp_path, vectors, items(2_000), removed=removed, tail=100)
    index = Index(snapshot) if backend == "exact" else with_annoy(snapshot, tmp_path)
    for n in range(0, 2_000, 50):
        for filters in (None, {"category": (f"c{n % 10}",)}):
            assert f"item-{n}" not in ids(index.search(vectors[n], 50, filters))
        assert ids(index.search(vectors[n + 1], 1)) == [f"item-{n + 1}"]


@pytest.mark.parametrize("backend", ["exact", "annoy"])
def test_with_nearly_all_views_removed_the_rest_is_found(tmp_path: Path, backend: str) -> None:
    snapshot = load(tmp_path, unit_vectors(2_000), items(2_000), removed=tuple(range(1_997)))
    index = Index(snapshot) if backend == "exact" else with_annoy(snapshot, tmp_path, n_trees=2)
    for query in unit_vectors(5, seed=9):
        assert set(ids(index.search(query, 5))) == {"item-1997", "item-1998", "item-1999"}


def test_items_of_the_tail_are_found_beside_those_under_annoy(tmp_path: Path) -> None:
    vectors = unit_vectors(3_000)
    snapshot = load(tmp_path, vectors, items(3_000), tail=1_000)
    exact, annoy = Index(snapshot), with_annoy(snapshot, tmp_path)
    assert snapshot.base == 2_000
    for n in (0, 1_999, 2_000, 2_999):
        assert ids(annoy.search(vectors[n], 1)) == [f"item-{n}"]
    for query in nearby(vectors, 20):
        assert ids(annoy.search(query, 5)) == ids(exact.search(query, 5))


def test_a_view_of_a_taught_item_in_the_tail_counts_for_its_item(tmp_path: Path) -> None:
    vectors = unit_vectors(11)
    several = [*items(10), Item(item_id="item-3", category="c3")]
    index = with_annoy(load(tmp_path, vectors, several, tail=1), tmp_path)
    found = index.search(vectors[10], 50)
    assert (found[0].item_id, len(found)) == ("item-3", 10)


def test_an_attribute_called_category_counts_a_view_once(tmp_path: Path) -> None:
    several = [Item(item_id=f"i{n}", category="tea", attributes={"category": "tea"}) for n in range(4)]
    snapshot = load(tmp_path, unit_vectors(4), several)
    assert snapshot.allowed({"category": ("tea",)}).tolist() == [0, 1, 2, 3]


def test_an_empty_generation_finds_nothing(tmp_path: Path) -> None:
    index = Index(load(tmp_path, np.empty((0, 32), np.float32), []))
    assert index.search(unit_vectors(1)[0], 5) == ()
    assert index.search(unit_vectors(1)[0], 5, {"category": ("c1",)}) == ()


def test_fewer_items_than_k_are_all_found(tmp_path: Path) -> None:
    snapshot = load(tmp_path, unit_vectors(3), items(3))
    for index in (Index(snapshot), with_annoy(snapshot, tmp_path)):
        assert len(index.search(unit_vectors(1)[0], 50)) == 3


@pytest.mark.parametrize("count", [1, 3, 24, 80, 81, 200])
def test_small_catalogs_are_ranked_the_same_by_annoy(tmp_path: Path, count: int) -> None:
    vectors = unit_vectors(count, 16)
    snapshot = load(tmp_path, vectors, items(count))
    exact, annoy = Index(snapshot), with_annoy(snapshot, tmp_path)
    for query in nearby(vectors, 20):
        assert ids(annoy.search(query, 5)) == ids(exact.search(query, 5))
