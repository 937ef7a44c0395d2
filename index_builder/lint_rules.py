"""The rules of lint: what of a catalog's looks is a finding, and of which kind."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from components.core.items import DEFAULT_LANGUAGE
from components.core.segments import Vectors
from index_builder.catalog import Entry
from index_builder.close_pairs import close_pairs
from index_builder.embedding import Failure
from index_builder.lint_looks import Alikeness, Look, centered
from index_builder.perceptual_hash import BITS, SAME_PICTURE_BITS

HUGE_PIXELS = 25_000_000
KINDS = {
    "unreadable": "pictures that cannot be used",
    "no_picture": "items without any usable picture: they are not in the index",
    "blank": "pictures that show nothing",
    "exact_duplicate": "the same file under several items",
    "perceptual_duplicate": "the same picture, saved anew, under several items",
    "near_duplicate": "nearly the same picture under two items: mirrored, edited, or two photos of one thing",
    "repeated_view": "the same picture twice for one item: the second one adds nothing",
    "confusable": "items that look alike: views by the camera help to tell them apart",
    "tiny": "pictures of less than half the width or height that the network looks at",
    "huge": f"pictures of more than {HUGE_PIXELS // 1_000_000} megapixels: slow to build from, and no better",
    "single_view": "items with a single picture: views from other sides, by the camera, make them easier to find",
    "missing_title": "items without a title: their item_id is shown",
    "duplicate_title": "several items with one title: a person cannot tell which one was found",
}
"""What is looked for, the worst first."""
ACROSS_ITEMS = ("exact_duplicate", "perceptual_duplicate", "near_duplicate")


@dataclass(frozen=True)
class Finding:
    """Something to look at; ``pictures`` are paths or URLs, side by side."""

    kind: str
    item_ids: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    says: str = ""
    score: float | None = None
    """Cosine of the two embeddings, less the catalog's mean."""


def of_failures(failures: list[Failure], seen: set[str]) -> Iterator[Finding]:
    """Pictures that cannot be used, and the items that are not ``seen`` for that."""
    for failure in failures:
        if failure.picture:
            yield Finding("unreadable", (failure.item_id,), (failure.picture,), failure.reason)
    for item_id in dict.fromkeys(failure.item_id for failure in failures):
        if item_id not in seen:
            yield Finding("no_picture", (item_id,))


def of_pictures(looks: list[Look], input_size: int) -> Iterator[Finding]:
    """Blank, tiny and huge pictures."""
    for look in looks:
        size = f"{look.width} x {look.height} pixels"
        if look.blank:
            yield Finding("blank", (look.item_id,), (look.location,))
        if 2 * min(look.width, look.height) < input_size:
            yield Finding("tiny", (look.item_id,), (look.location,), f"{size}; the network looks at {input_size}")
        if look.width * look.height > HUGE_PIXELS:
            yield Finding("huge", (look.item_id,), (look.location,), size)


def of_copies(looks: list[Look], mean: Vectors, alikeness: Alikeness) -> Iterator[Finding]:
    """Copies and look-alikes: each pair of items is named once, by the plainest reason."""
    by_file: dict[str, list[Look]] = defaultdict(list)
    for look in looks:
        if not look.blank:
            by_file[look.picture].append(look)
    told: set[tuple[str, str]] = set()
    for same in by_file.values():
        yield from _same_file(same, told)
    firsts = [same[0] for same in by_file.values()]
    if len(firsts) > 1:
        yield from _same_picture(firsts, told)
        yield from _alike(firsts, mean, alikeness, told)


def _same_file(same: list[Look], told: set[tuple[str, str]]) -> Iterator[Finding]:
    per_item: dict[str, list[str]] = defaultdict(list)
    for look in same:
        per_item[look.item_id].append(look.location)
    for item_id, locations in per_item.items():
        if len(locations) > 1:
            yield Finding("repeated_view", (item_id,), tuple(locations), "the same file")
    if len(per_item) > 1:
        # Of a placeholder under thousands of items, every pair would be millions.
        told.update(combinations(sorted(per_item)[:100], 2))
        yield Finding("exact_duplicate", tuple(per_item), tuple(locations[0] for locations in per_item.values()))


def _same_picture(firsts: list[Look], told: set[tuple[str, str]]) -> Iterator[Finding]:
    signs = np.stack([np.where(look.hash, 1.0, -1.0) for look in firsts]).astype(np.float32)
    for first, second, score in close_pairs(signs, BITS - 2 * SAME_PICTURE_BITS):
        one, other = firsts[first], firsts[second]
        says = f"{(BITS - round(score)) // 2} of {BITS} bits differ"
        pictures = (one.location, other.location)
        if one.item_id == other.item_id:
            yield Finding("repeated_view", (one.item_id,), pictures, says)
        elif _is_new(one, other, told):
            yield Finding("perceptual_duplicate", (one.item_id, other.item_id), pictures, says)


def _alike(firsts: list[Look], mean: Vectors, alikeness: Alikeness, told: set[tuple[str, str]]) -> Iterator[Finding]:
    vectors = centered(np.stack([look.embedding for look in firsts]), mean)
    numbers = {item_id: number for number, item_id in enumerate(dict.fromkeys(look.item_id for look in firsts))}
    groups = np.array([numbers[look.item_id] for look in firsts], np.int64)
    for first, second, score in close_pairs(vectors, alikeness.confusable, groups):
        one, other = firsts[first], firsts[second]
        if _is_new(one, other, told):
            kind = "near_duplicate" if score >= alikeness.near_duplicate else "confusable"
            items, pictures = (one.item_id, other.item_id), (one.location, other.location)
            yield Finding(kind, items, pictures, f"cosine {score:.2f}", round(score, 4))


def _is_new(one: Look, other: Look, told: set[tuple[str, str]]) -> bool:
    items = (min(one.item_id, other.item_id), max(one.item_id, other.item_id))
    if items in told:
        return False
    told.add(items)
    return True


def of_items(entries: list[Entry], looks: list[Look], titled: bool) -> Iterator[Finding]:
    """Items with one view, and what is wrong with their titles where the catalog has such (``titled``)."""
    usable: dict[str, list[str]] = defaultdict(list)
    for look in looks:
        usable[look.item_id].append(look.location)
    for item_id, locations in usable.items():
        if len(locations) == 1:
            yield Finding("single_view", (item_id,), (locations[0],))
    by_title: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        title = entry.title[DEFAULT_LANGUAGE]
        if titled and title == entry.item_id:
            yield Finding("missing_title", (entry.item_id,), tuple(usable[entry.item_id][:1]))
        by_title[" ".join(title.casefold().split())].append(entry.item_id)
    for item_ids in by_title.values():
        if len(item_ids) > 1:
            yield Finding("duplicate_title", tuple(item_ids), _first_pictures(item_ids, usable))


def _first_pictures(item_ids: Iterable[str], usable: dict[str, list[str]]) -> tuple[str, ...]:
    return tuple(usable[item_id][0] for item_id in item_ids if usable[item_id])
