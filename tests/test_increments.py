"""What a build adds to the last generation: few bytes, the same base, nothing of what was removed."""

import dataclasses
import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from publish_kit import make_keys, silent
from synthetic_shop import SETTINGS, SyntheticShop, build_synthetic, network, synthetic_shop

from components.catalog import load_catalog
from components.core.errors import BadContentError
from components.core.generations import Manifest
from components.core.golden import decode_golden
from components.featurizer.model import Model
from components.searcher.activation import Activation
from components.searcher.annoy_index import AnnoyCandidates, build_file, cache_path
from components.searcher.golden_check import check_golden
from components.searcher.index import Index
from components.searcher.searcher import Searcher
from components.searcher.snapshot import load_snapshot
from components.store import Store
from index_builder import increment
from index_builder.increment import plan_increment
from index_builder.inspection import inspect
from index_builder.next_generation import write_next
from index_builder.publish.gate import require_fit
from index_builder.publish.places import open_place
from index_builder.publish.publishing import publish

COUNT = 2_400
RAW_DIM = 64


@pytest.fixture(scope="module")
def shop() -> SyntheticShop:
    return synthetic_shop(COUNT + 400, RAW_DIM, noise=1.0)


@pytest.fixture(scope="module", name="network")
def made_network() -> Model:
    return network(RAW_DIM)


@pytest.fixture
def store(first: Path, tmp_path: Path) -> Store:
    """The first generation of 2,400 items, of one's own."""
    shutil.copytree(first, tmp_path / "index")
    return Store(tmp_path / "index")


@pytest.fixture(scope="module")
def first(shop: SyntheticShop, network: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first")
    _, why = build_synthetic(shop, shop.views(range(COUNT)), Store(folder), network)
    assert why == "there was none before"
    return folder


def grown(shop: SyntheticShop, store: Store, network: Model, numbers: list[int], **prices: str) -> Manifest:
    made, why = build_synthetic(
        shop, shop.views(numbers, {int(name[1:]): price for name, price in prices.items()}), store, network
    )
    assert why == ""
    return made.manifest


def test_new_items_are_a_tail_and_the_base_and_its_annoy_file_stay(
    shop: SyntheticShop, store: Store, network: Model
) -> None:
    before = store.manifest(1)
    after = grown(shop, store, network, list(range(COUNT + 50)))
    assert after.segments[:-1] == before.segments
    assert (after.segments[-1].tail, after.segments[-1].count, after.tombstones) == (True, 50, ())
    assert (after.projection, after.thresholds, after.golden) == (before.projection, before.thresholds, before.golden)
    assert cache_path(store.index_dir, after) == cache_path(store.index_dir, before)
    assert (after.items, after.views) == (COUNT + 50, COUNT + 50)
    require_fit(store, 2)
    assert inspect(store, 2).tail_views == 50
    snapshot = load_snapshot(store, 2)
    index = Index(snapshot)
    asked = snapshot.projection.query(shop.seen(range(COUNT, COUNT + 50), 1, 7))
    found = [index.search(query, 1)[0].item_id for query in asked]
    assert sum(item == f"item-{COUNT + n}" for n, item in enumerate(found)) >= 45


def test_annoys_file_is_built_once_for_builds_devices_and_the_gate(
    shop: SyntheticShop, store: Store, network: Model
) -> None:
    file = cache_path(store.index_dir, store.manifest(1))
    built_ns = file.stat().st_mtime_ns
    after = grown(shop, store, network, list(range(COUNT + 50)))
    require_fit(store, 2)
    searcher = Searcher()
    activation = Activation(store, searcher)
    assert activation.step() and activation.build_process_id is None
    assert searcher.index is not None and searcher.index.backend == "annoy"
    assert file.stat().st_mtime_ns == built_ns
    vectors = load_snapshot(store, 2).vectors[:COUNT]
    build_file(vectors[::-1], file, after.search.n_trees)
    with pytest.raises(BadContentError, match="build it again with --compact"):
        require_fit(store, 2)
    file.unlink()
    require_fit(store, 2)


def test_a_build_leaves_no_annoy_file_of_older_generations(shop: SyntheticShop, store: Store, network: Model) -> None:
    made, _ = build_synthetic(shop, shop.views(range(COUNT - 300)), store, network, compact=True)
    assert list(store.index_dir.glob("annoy/*.ann")) == [cache_path(store.index_dir, made.manifest)]


def test_the_same_catalog_again_changes_nothing(shop: SyntheticShop, store: Store, network: Model) -> None:
    assert grown(shop, store, network, list(range(COUNT))).seq == 1
    grown(shop, store, network, list(range(COUNT + 9)))
    assert grown(shop, store, network, list(range(COUNT + 9))).seq == 2


def test_the_order_of_the_catalog_does_not_matter(shop: SyntheticShop, store: Store, network: Model) -> None:
    assert grown(shop, store, network, list(range(COUNT))[::-1]).seq == 1


def test_a_removed_item_is_never_found_again_and_one_that_comes_back_is(
    shop: SyntheticShop, store: Store, network: Model, tmp_path: Path
) -> None:
    gone = set(range(0, COUNT, 40))
    left = [number for number in range(COUNT + 20) if number not in gone]
    after = grown(shop, store, network, left)
    assert (len(after.tombstones), after.items) == (len(gone), len(left))
    snapshot = load_snapshot(store, 2)
    build_file(snapshot.vectors[: snapshot.base], tmp_path / "base.ann", 20)
    by_annoy = dataclasses.replace(after.search, search_k=8000)
    snapshot = dataclasses.replace(snapshot, manifest=dataclasses.replace(after, search=by_annoy))
    names = {f"item-{number}" for number in gone}
    queries = snapshot.projection.query(shop.seen(sorted(gone), 10, 3))
    for index in (Index(snapshot), Index(snapshot, AnnoyCandidates(tmp_path / "base.ann", after.dim))):
        for query in queries:
            assert not names & {match.item_id for match in index.search(query, 10)}
    catalog = load_catalog(store, 2)
    assert all(catalog.get(name) is None for name in names)
    inspect(store, 2)
    back = grown(shop, store, network, list(range(COUNT + 20)))
    assert (back.items, len(back.tombstones)) == (COUNT + 20, len(gone))
    assert np.array_equal(load_snapshot(store, 3).vectors[-len(gone) :], load_snapshot(store, 1).vectors[sorted(gone)])


def test_a_changed_price_is_a_new_row_with_the_same_vector(shop: SyntheticShop, store: Store, network: Model) -> None:
    after = grown(shop, store, network, list(range(COUNT)), n7="12.50")
    assert (after.tombstones, after.segments[-1].count, after.views) == ((7,), 1, COUNT)
    item = load_catalog(store, 2).get("item-7")
    assert item is not None
    assert item.price == "12.50"
    vectors = load_snapshot(store, 2).vectors
    assert np.array_equal(vectors[COUNT], vectors[7])


def test_golden_queries_whose_item_is_gone_are_left_out(shop: SyntheticShop, store: Store, network: Model) -> None:
    whole = check_golden(store, load_snapshot(store, 1))
    assert whole >= 8
    golden = store.manifest(1).golden
    assert golden is not None
    gone = int(decode_golden(store.read_ref(golden)).item_ids[0].removeprefix("item-"))
    grown(shop, store, network, [number for number in range(COUNT) if number != gone])
    assert check_golden(store, load_snapshot(store, 2)) == whole - 1


def test_it_is_learned_anew_by_the_stated_rules(
    shop: SyntheticShop, store: Store, network: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def why(numbers: range, model: str = network.digest, **settings: object) -> str:
        plan, said = plan_increment(shop.views(numbers), store, model, {**SETTINGS, **settings})
        assert (plan is None) == bool(said)
        return said

    assert why(range(COUNT + 240)) == ""
    assert why(range(COUNT + 280)) == "more than 10% has changed since it was learned"
    assert why(range(110, COUNT + 120)) == ""
    assert why(range(130, COUNT + 130)) == "more than 10% has changed since it was learned"
    assert why(range(1_999)) == "fewer than 2,000 views"
    assert why(range(COUNT), "b" * 64) == "another model"
    assert why(range(COUNT), max_dim=64) == "other settings"
    monkeypatch.setattr(increment, "MOST_SEGMENTS", 1)
    assert why(range(COUNT + 1)) == "more than 1 segments"
    assert why(range(COUNT)) == ""
    (lineage,) = (store.index_dir / "work" / "lineage").iterdir()
    whole = json.loads(gzip.decompress(lineage.read_bytes()))
    fewer = gzip.compress(json.dumps({**whole, "keys": whole["keys"][1:]}).encode())
    for damaged in (b"", lineage.read_bytes()[:100], b"\x1f\x8b" + b"x" * 50, fewer):
        lineage.write_bytes(damaged)
        assert why(range(COUNT)) == "nothing is known of what the last one was made of"


def test_an_increment_costs_a_device_less_than_200_kilobytes(
    shop: SyntheticShop, store: Store, network: Model, tmp_path: Path
) -> None:
    keys = make_keys(tmp_path / "keys")
    with open_place(str(tmp_path / "place")) as place:
        publish(store, 1, place, keys, silent)
        grown(shop, store, network, list(range(COUNT + 50)))
        done = publish(store, 2, place, keys, silent)
    assert set(done.download) == {"vectors", "rows", "manifest", "signatures"}
    assert done.download_bytes < 200_000


def test_an_increment_finds_what_the_same_catalog_built_anew_finds(network: Model, tmp_path: Path) -> None:
    plain = synthetic_shop(COUNT + 50, RAW_DIM, noise=1.0, learned=False)
    store = Store(tmp_path / "index")
    build_synthetic(plain, plain.views(range(COUNT)), store, network)
    left = [number for number in range(COUNT + 50) if number % 30]
    for compact, reason in ((False, ""), (True, "asked")):
        assert build_synthetic(plain, plain.views(left), store, network, compact=compact)[1] == reason
    grown, anew = load_snapshot(store, 2), load_snapshot(store, 3)
    assert (len(grown.alive), len(anew.manifest.segments), len(anew.manifest.tombstones)) == (len(left), 1, 0)
    build_file(grown.vectors[: grown.base], tmp_path / "base.ann", 20)
    search = dataclasses.replace(grown.manifest.search, search_k=4000)
    grown = dataclasses.replace(grown, manifest=dataclasses.replace(grown.manifest, search=search))
    quick, exact = Index(grown, AnnoyCandidates(tmp_path / "base.ann", grown.manifest.dim)), Index(anew)
    queries = anew.projection.query(plain.seen(left[::8], 1, 5))
    same = [
        len({one.item_id for one in quick.search(query, 10)} & {one.item_id for one in exact.search(query, 10)})
        for query in queries
    ]
    assert sum(same) >= 0.99 * 10 * len(queries)


def test_what_was_calibrated_stays(shop: SyntheticShop, store: Store, network: Model) -> None:
    first = store.manifest(1)
    thresholds = dataclasses.replace(first.thresholds, min_score=0.123)
    write_next(dataclasses.replace(first, thresholds=thresholds), store)
    assert grown(shop, store, network, list(range(COUNT))).seq == 2
    assert grown(shop, store, network, list(range(COUNT + 1))).thresholds == thresholds
