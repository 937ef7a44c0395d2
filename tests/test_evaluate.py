"""How often the right item is found: on a case made by hand, and on real photos of groceries."""

import argparse
import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.core.errors import BadContentError, FormatError, UnavailableError
from components.core.generations import ModelRef
from components.core.items import Item
from components.core.projection import encode_projection, identity
from components.core.segments import Vectors
from components.featurizer.decode import decode_picture
from components.featurizer.embedder import Embedder
from components.featurizer.model import Model, describe
from components.featurizer.sources.labels import Photo
from components.searcher.snapshot import load_snapshot
from components.store import Store
from index_builder.build import BuildOptions, build
from index_builder.commands import add_evaluate, run_evaluate
from index_builder.evaluate import evaluate, read_photos
from tests.generations import write_generation


def silent(what: str, total: int) -> Callable[[int], None]:
    return lambda done: None


def photo(path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    image = np.kron(rng.integers(0, 255, (6, 6, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
    assert cv2.imwrite(str(path), image)
    return path


@pytest.fixture(scope="module")
def by_hand(model: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[Path]]:
    """Seven items whose vectors are the embeddings of seven photos."""
    folder = tmp_path_factory.mktemp("by-hand")
    paths = [photo(folder / f"{n}.png", n) for n in range(7)]
    embedder = Embedder(model, device="CPU", threads=2)
    vectors: Vectors = np.stack([embedder.embed(decode_picture(path.read_bytes())) for path in paths])
    store = Store(folder / "index")
    files = {"model.xml": model.xml, "model.bin": model.bin, "model.json": describe(model)}
    reference = ModelRef(
        model.name, model.digest, model.dim, "x", "x", {name: store.write_object(data) for name, data in files.items()}
    )
    projection = store.write_object(encode_projection(identity(model.dim)))
    write_generation(
        store, vectors, [Item(item_id=f"i{n}") for n in range(7)], seq=2, model=reference, projection=projection
    )
    return store, paths


def test_the_figures_of_a_case_made_by_hand_are_right(by_hand: tuple[Store, list[Path]], tmp_path: Path) -> None:
    store, paths = by_hand
    (tmp_path / "bad.png").write_bytes(b"no picture")
    vectors = load(store)
    fifth, sixth = (np.argsort(-(vectors @ vectors[shown]))[place] for shown, place in ((0, 4), (5, 5)))
    photos = [Photo(paths[1], "i1"), Photo(paths[2], "i2"), Photo(paths[4], "unknown")]
    photos += [Photo(paths[0], f"i{fifth}"), Photo(paths[5], f"i{sixth}")]
    photos += [Photo(tmp_path / "bad.png", "i1"), Photo(tmp_path / "missing.png", "i1")]
    figures = evaluate(store, photos, 2, silent)
    assert (figures.generation, figures.photos, figures.unreadable) == (2, 5, 2)
    assert (figures.hit_rate_at_1, figures.hit_rate_at_5) == (0.4, 0.6)
    assert figures.mrr == pytest.approx((1 + 1 + 0 + 1 / 5 + 1 / 6) / 5, abs=1e-4)
    assert (figures.answered, figures.right_of_answered, figures.recall_at_10) == (1.0, 0.4, 1.0)


def load(store: Store) -> Vectors:
    return load_snapshot(store, 2).vectors


def test_photos_of_nothing_in_the_generation_are_refused(by_hand: tuple[Store, list[Path]]) -> None:
    store, paths = by_hand
    with pytest.raises(BadContentError, match="the first unknown one is 'x'"):
        evaluate(store, [Photo(paths[0], "x")], 2, silent)


def test_photos_that_cannot_be_read_are_refused(by_hand: tuple[Store, list[Path]], tmp_path: Path) -> None:
    with pytest.raises(BadContentError, match="None of the 1 photos can be read"):
        evaluate(by_hand[0], [Photo(tmp_path / "missing.png", "i1")], 2, silent)


def test_a_generation_without_its_model_is_refused(by_hand: tuple[Store, list[Path]], tmp_path: Path) -> None:
    store, paths = by_hand
    without = Store(tmp_path)
    write_generation(without, load(store), [Item(item_id=f"i{n}") for n in range(7)])
    with pytest.raises(FormatError, match=r"does not hold model\.xml"):
        evaluate(without, [Photo(paths[0], "i0")], 2, silent)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("photo,item\na,b\n", "lacks the column item_id"),
        ("photo,item_id\na,b\n", "lacks the column use"),
        ("photo,item_id,use\na,b,teach\n", "lists no photos with use 'query'"),
        ("photo,item_id,use\n,b,query\n", "photos.csv:2 names no photo"),
        ("item_id,use,photo\nb,query\n", "photos.csv:2 names no photo"),
        ("photo,item_id,use\na.jpg,,query\n", "names no item_id for a.jpg"),
        ('photo,item_id,use\n"a,b,query\n', "cannot be read as a list of photos"),
        ("photo,item_id,use\ncaf\xe9,b,query\n".encode("latin-1"), "cannot be read as a list of photos"),
    ],
)
def test_a_list_of_photos_that_is_wrong_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = tmp_path / "photos.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadContentError, match=said):
        read_photos(path, "query")


def test_a_list_of_photos_that_is_missing_or_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("none.csv", "pipe.csv"):
        with pytest.raises(UnavailableError, match=f"{name} is not there, or is no file"):
            read_photos(tmp_path / name, None)


def test_only_the_photos_of_one_use_are_read(tmp_path: Path) -> None:
    path = tmp_path / "photos.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("photo", "item_id", "use"), ("p/a.jpg", "a", "teach"), ("b.jpg", "b", "query")])
    assert read_photos(path, "query") == [Photo(tmp_path / "b.jpg", "b")]
    assert len(read_photos(path, None)) == 2


def test_real_photos_of_groceries_are_found(
    grocery: Path, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = build(
        BuildOptions(catalog=grocery / "catalog.csv", out=tmp_path / "out", name="grocery"), lambda: model, silent
    )
    assert (made.items, made.failures) == (81, 0)
    parser = argparse.ArgumentParser()
    add_evaluate(parser)
    figures = tmp_path / "figures.json"
    arguments = [
        "--generation",
        tmp_path / "out",
        "--photos",
        grocery / "photos.csv",
        "--use",
        "query",
        "--json",
        figures,
    ]
    assert run_evaluate(parser.parse_args([str(argument) for argument in arguments])) == 0
    found = json.loads(figures.read_text())
    assert (found["photos"], found["unreadable"]) == (405, 0)
    assert found["hit_rate_at_1"] >= 0.30
    assert found["hit_rate_at_5"] >= 0.64
    assert found["recall_at_10"] >= 0.99
    assert f"hit rate at 1      {found['hit_rate_at_1']}" in capsys.readouterr().out
