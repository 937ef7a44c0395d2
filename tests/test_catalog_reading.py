"""Catalogs as shops have them: folders, CSV, JSONL; and what is wrong with one, said with its place."""

import json
from pathlib import Path

import pytest

from components.core.errors import BadContentError
from index_builder.catalog import Picture, read_catalog


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(path: Path) -> str:
    with pytest.raises(BadContentError) as error:
        read_catalog(path)
    return str(error.value)


def test_a_folder_of_pictures_has_an_item_per_picture(tmp_path: Path) -> None:
    for name in ("red-apple.jpg", "Green_Tea.PNG", "x.webp", "notes.txt", ".hidden.jpg", ".thumbs/a.jpg"):
        written(tmp_path, name, b"x")
    entries = read_catalog(tmp_path)
    assert [(e.item_id, e.title[""]) for e in entries] == [
        ("Green_Tea", "Green Tea"),
        ("red-apple", "red apple"),
        ("x", "x"),
    ]
    assert entries[1].pictures == (Picture(str(tmp_path / "red-apple.jpg")),)


def test_a_folder_of_folders_has_an_item_per_folder_with_its_views(tmp_path: Path) -> None:
    for name in ("tea/b.jpg", "tea/a.png", "tea/readme.md", "milk/1.jpeg", "empty/none.txt"):
        written(tmp_path, name, b"x")
    found = {e.item_id: [Path(p.location).name for p in e.pictures] for e in read_catalog(tmp_path)}
    assert found == {"tea": ["a.png", "b.jpg"], "milk": ["1.jpeg"]}


def test_two_pictures_with_one_name_are_refused_with_both_places(tmp_path: Path) -> None:
    written(tmp_path, "tea.jpg", b"x")
    written(tmp_path, "tea.png", b"x")
    said = refused(tmp_path)
    assert f"item_id 'tea' stands twice: in {tmp_path / 'tea.jpg'} and in {tmp_path / 'tea.png'}" in said


def test_a_csv_file_gives_titles_languages_attributes_and_pictures(tmp_path: Path) -> None:
    text = (
        "item_id,title,title_ko,title_zh-Hans,category,description,url,price,available,image,views,color,size\r\n"
        'a-1,"Tea, black",홍차,红茶,drinks,"two\r\nlines",https://s.example/1,3.20,FALSE,'
        "p/a.jpg | https://s.example/b.jpg,v.jpg,red,\r\n"
        "2,,,,,,,0,,p/c.jpg,,,L\r\n"
    )
    first, second = read_catalog(written(tmp_path, "shop.csv", "\ufeff" + text))
    assert (first.item_id, first.category, first.url, first.price) == ("a-1", "drinks", "https://s.example/1", "3.20")
    assert dict(first.title) == {"": "Tea, black", "ko": "홍차", "zh-Hans": "红茶"}
    assert first.description == "two\r\nlines"
    assert not first.available
    assert dict(first.attributes) == {"color": "red"}
    assert first.pictures == (
        Picture(str(tmp_path / "p/a.jpg")),
        Picture("https://s.example/b.jpg"),
        Picture(str(tmp_path / "v.jpg"), by_camera=True),
    )
    assert (second.item_id, dict(second.title), second.price, second.available) == ("2", {"": "2"}, "0", True)
    assert dict(second.attributes) == {"size": "L"}


def test_a_jsonl_file_takes_lists_numbers_and_attributes(tmp_path: Path) -> None:
    lines = [
        {"item_id": 7, "image": ["a.jpg", "http://s.example/a|b.jpg"], "price": 0, "available": False, "brand": "Best"},
        {"item_id": "b", "title": "B\u2028C", "views": "v1.jpg|v2.jpg", "attributes": {"size": 3}, "category": None},
    ]
    text = "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\r\n"
    first, second = read_catalog(written(tmp_path, "shop.jsonl", text))
    assert (first.item_id, first.price, first.available, dict(first.attributes)) == ("7", "0", False, {"brand": "Best"})
    assert first.pictures == (Picture(str(tmp_path / "a.jpg")), Picture("http://s.example/a|b.jpg"))
    assert (second.title[""], dict(second.attributes), second.category) == ("B\u2028C", {"size": "3"}, "")
    assert [picture.by_camera for picture in second.pictures] == [True, True]


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c"])
def test_characters_that_only_some_call_line_ends_are_text(tmp_path: Path, separator: str) -> None:
    path = written(tmp_path, "shop.csv", f"item_id,title,image\na,one{separator}two,a.jpg\nb,B,b.jpg\n")
    assert [entry.title[""] for entry in read_catalog(path)] == [f"one{separator}two", "B"]


def test_an_item_without_a_picture_is_an_item_still(tmp_path: Path) -> None:
    assert read_catalog(written(tmp_path, "shop.csv", "item_id,image\na,\n"))[0].pictures == ()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "", "holds no items"),
        ("a.csv", "item_id,image\n", "holds no items"),
        ("a.jsonl", "\n\n", "holds no items"),
        ("a.csv", "id;image\n1;a.jpg\n", "is separated by semicolons: save it with commas"),
        ("a.csv", "item_id,title\na,b\n", "lacks image; it has: item_id, title."),
        ("a.csv", "item_id,image,image\na,b,c\n", "has the column 'image' twice"),
        ("a.csv", "item_id,image\na,a.jpg\nb,b.jpg,more\n", "line 3 has more fields than the header names"),
        ("a.csv", "item_id,title,image\na,A,a.jpg\nb,B\n", "line 3 has fewer fields than the header names"),
        ("a.csv", 'item_id,image\na,"a.jpg\n', "is not CSV"),
        ("a.csv", 'item_id,image\na,"a"b.jpg\n', "line 2 is not CSV"),
        ("a.csv", "item_id,image\na,a.jpg\nb,b.jpg\na,c.jpg\n", "item_id 'a' stands twice: in {path}, line 2 and in"),
        ("a.csv", "item_id,image\n,a.jpg\n", "line 2: item_id '' must be 1 to 64 printable characters"),
        ("a.csv", f"item_id,image\n{'x' * 65},a.jpg\n", "must be 1 to 64 printable characters"),
        ("a.csv", "item_id,image\na/b,a.jpg\n", "without a slash"),
        ("a.csv", "item_id,title,image\na,caf\xe9,a.jpg\n".encode("latin-1"), "line 2 is not UTF-8 text"),
        ("a.csv", "item_id,image\na,a.jpg\n".encode("utf-16"), "line 1 is not UTF-8 text"),
        ("a.jsonl", '{"item_id": "a", "image": "a.jpg"}\n{"item_id": \n', "line 2 is not JSON"),
        ("a.jsonl", '["a"]\n', "line 1 must be a JSON object"),
        ("a.jsonl", '{"item_id": "a"}\n', "line 1 lacks image; it has: item_id."),
        ("a.jsonl", '{"item_id": ["a"], "image": "a.jpg"}\n', "item_id must be text or a number"),
        ("a.jsonl", '{"item_id": null, "image": "a.jpg"}\n', "item_id '' must be"),
        ("a.jsonl", '{"item_id": "a", "image": [5]}\n', "a picture must be a path or a URL, not 5"),
        ("a.jsonl", '{"item_id": "a", "image": {"a": 1}}\n', "picture must be text"),
        ("a.jsonl", '{"item_id": "a", "image": "a.jpg", "title": {"en": "A"}}\n', "title must be text or a number"),
        ("a.jsonl", '{"item_id": "a", "image": "a.jpg", "attributes": "red"}\n', "attributes must map names to values"),
        ("a.jsonl", '{"item_id": "a", "image": "a.jpg", "title": "\\ud83d"}\n', "half a surrogate pair"),
        ("a.jsonl", "[" * 100_000 + "\n", "line 1 is not JSON"),
        ("a.xlsx", "x", "is no catalog: expected a folder of pictures, a .csv file or a .jsonl file"),
    ],
)
def test_a_fault_is_said_with_its_place(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    path = written(tmp_path, name, text)
    sentence = refused(path)
    assert sentence.startswith((str(path), f"item_id 'a' stands twice: in {path}"))
    assert said.replace("{path}", str(path)) in sentence


def test_a_catalog_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.csv").startswith(f"{tmp_path / 'none.csv'} does not exist")
    assert "holds no items" in refused(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("catalog.csv", "item_id,image\na,pictures/1.jpg\nb,pictures/2.jpg\n"),
        ("catalog.jsonl", '{"item_id": "a", "image": "pictures/1.jpg"}\n{"item_id": "b", "image": "pictures/2.jpg"}\n'),
    ],
)
def test_a_folder_with_a_catalog_in_it_is_what_that_says_and_not_one_item_of_all_pictures(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / "pictures").mkdir()
    for number in (1, 2):
        (tmp_path / "pictures" / f"{number}.jpg").write_bytes(b"x")
    written(tmp_path, name, text)
    assert [entry.item_id for entry in read_catalog(tmp_path)] == ["a", "b"]
