"""What must survive a power failure at any moment: a run that writes, and what its reader owes on every disk after.

``python -m tests.crash_cases NAME FOLDER`` is the run, in a process that is watched.
"""

import contextlib
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cloud_sync.index.orders import COLLECT, UPDATE, Orders, decode_orders, encode_orders
from cloud_sync.index.pass_child import perform
from cloud_sync.index.transitions import confirm
from components.core.errors import LookalikeError
from components.core.outbox_documents import MATCHES, Document
from components.core.taught import TaughtItem
from components.files import write_whole
from components.outbox import Outbox
from components.searcher.snapshot import load_snapshot
from components.store import Store
from components.taught_store import TaughtStore
from index_builder.publish.keys import read_keys
from index_builder.publish.places import open_place
from tests.crash_states import History, states
from tests.file_operations import mark, record
from tests.generations import items, unit_vectors, write_generation
from tests.interrupted_updates import Scene, goes_on, quick_probe, scene, wrong
from tests.publish_kit import make_keys, published, shop


@dataclass(frozen=True)
class Case:
    """A run, and the promise about it."""

    before: Callable[[Path], None]
    """What is on the disk before the run."""
    run: Callable[[Path], None]
    owed: Callable[[Path, str], str]
    """(a disk after the power failed, the last mark that the run had reached) -> what is wrong with it, or ""."""
    most: int = 900
    """So many states are enough."""


@dataclass(frozen=True)
class Tally:
    """What came of one case."""

    states: int
    problems: tuple[str, ...]


def suffer(name: str, per_cut: int, *, most: int = 2_000, synced: bool = True, seed: int = 0) -> Tally:
    """Start the reader of a case on every state; without ``synced`` nothing of the run asked to reach the disk.

    Of more than ``most`` states it takes some.
    """
    case, problems, count = CASES[name], [], 0
    with tempfile.TemporaryDirectory() as temporary:
        folder, before = Path(temporary).resolve() / "disk", Path(temporary) / "before"
        folder.mkdir()
        case.before(folder)
        shutil.copytree(folder, before, symlinks=True)
        history = History(folder, before, record(folder, ["-m", "tests.crash_cases", name, str(folder)]))
        found = list(states(history if synced else history.without_syncs(), per_cut, seed))
        for state in random.Random(seed).sample(found, min(most, len(found))):
            count += 1
            shutil.rmtree(folder)
            folder.mkdir()
            state.write(folder)
            if problem := _owed(case, folder, state.reached):
                problems.append(f"after {state.reached or 'nothing'!r}: {problem}")
    return Tally(count, tuple(problems))


def _owed(case: Case, folder: Path, reached: str) -> str:
    try:
        return case.owed(folder, reached)
    except LookalikeError as error:
        return f"it cannot be read: {error}"


def _publish(folder: Path, seq: int) -> None:
    write_generation(Store(folder), unit_vectors(20 + seq, seed=seq), items(20 + seq), seq=seq, tail=5)


def _publish_twice(folder: Path) -> None:
    for seq in range(2, 5):
        _publish(folder, seq)
        mark(folder, str(seq))


def _newest_is_whole(folder: Path, reached: str) -> str:
    store = Store(folder)
    seq = store.require_active()
    load_snapshot(store, seq)
    return "" if seq >= int(reached or 1) else f"generation {reached} is lost"


def _teach(folder: Path) -> None:
    with contextlib.closing(TaughtStore(folder / "taught")) as taught:
        for number in range(3):
            item = TaughtItem(item_id=f"i{number}", own=True, title=f"Item {number}", state="active")
            taught.change("save", 1.0, items=[item])
            mark(folder, str(number))


def _all_taught(folder: Path, reached: str) -> str:
    with contextlib.closing(TaughtStore(folder / "taught")) as taught:
        taught.check()
        found = set(taught.catalog().items)
    lost = {f"i{number}" for number in range(int(reached) + 1 if reached else 0)} - found
    return f"{sorted(lost)} are lost" if lost else ""


def _keep_events(folder: Path) -> None:
    """Groups of three events, each of which is on the disk once it is marked; the cloud takes the first two groups."""
    with contextlib.closing(Outbox(folder / "outbox")) as outbox:
        for number in range(5):
            outbox.add([Document(MATCHES, b'{"n":%d}' % n) for n in range(3 * number, 3 * number + 3)])
            mark(folder, str(number))
            if number == 2:
                outbox.remove(outbox.figures().epoch, range(1, 7))


def _all_kept(folder: Path, reached: str) -> str:
    with contextlib.closing(Outbox(folder / "outbox")) as outbox:
        rows = outbox.waiting(MATCHES).rows
    found = [json.loads(row.body).get("n") for row in rows if not row.problem]
    first = 6 if int(reached or 0) >= 2 else 0  # whether those of the cloud are there still is no matter
    lost = sorted(set(range(first, 3 * (int(reached) + 1) if reached else 0)) - set(found))
    if lost or found != sorted(found, key=lambda n: -1 if n is None else n):
        return f"{lost} are lost of {found}"
    return "" if len(found) % 3 == 0 else f"a group is torn: {found}"


def _replace(folder: Path) -> None:
    for number in range(1, 4):
        write_whole(folder / "file", bytes([number]) * 3_000, durable=True)
        mark(folder, str(number))


def _old_or_new(folder: Path, reached: str) -> str:
    data = (folder / "file").read_bytes()
    whole = len(data) == 3_000 and len(set(data)) == 1
    return (
        "" if whole and data[0] in (int(reached or 0), int(reached or 0) + 1) else f"{len(data)} bytes of {data[:1]!r}"
    )


def _offer(folder: Path) -> None:
    with quick_probe():
        made = scene(folder.parent / "scene")
    shutil.copytree(made.device, folder, symlinks=True, dirs_exist_ok=True)
    (folder.parent / "orders").write_bytes(encode_orders(replace(made.orders, index_dir=str(folder))))


def _update(folder: Path) -> None:
    orders = decode_orders((folder.parent / "orders").read_bytes())
    with quick_probe():
        assert perform(orders, lambda *_: None).state == "trial"
        mark(folder, "update")
        confirm(folder, 2)
        assert perform(replace(orders, work=COLLECT), lambda *_: None).state == "idle"
        mark(folder, "collection")


def _old_or_new_generation(folder: Path, reached: str) -> str:
    orders = decode_orders((folder.parent / "orders").read_bytes())
    with quick_probe():
        return wrong(folder, (2,) if reached else (1, 2)) or goes_on(Scene(folder, orders))


def _publish_first(folder: Path) -> None:
    store, keys = shop(folder.parent / "shop", 2), make_keys(folder.parent / "keys")
    with open_place(str(folder)) as place:
        published(store, 1, place, keys)


def _publish_second(folder: Path) -> None:
    with open_place(str(folder)) as place:
        published(Store(folder.parent / "shop"), 2, place, read_keys(folder.parent / "keys", "stable"))
    mark(folder, "publication")


def _device_gets_it(folder: Path, reached: str) -> str:
    root = read_keys(folder.parent / "keys", "stable").root_file(1).decode()
    with tempfile.TemporaryDirectory() as index, quick_probe():
        orders = Orders(work=UPDATE, index_dir=index, source=str(folder), trusted_root=root)
        outcome = perform(orders, lambda *_: None)
        return wrong(Path(index), (2,) if reached else (1, 2)) and f"a new device gets none: {outcome}"


CASES = {
    "a file that is replaced": Case(lambda folder: write_whole(folder / "file", bytes(3_000)), _replace, _old_or_new),
    "a generation that is published": Case(lambda folder: _publish(folder, 1), _publish_twice, _newest_is_whole),
    "events that wait for the cloud": Case(lambda _: None, _keep_events, _all_kept),
    "items that are taught": Case(lambda folder: (folder / "taught").mkdir(), _teach, _all_taught),
    "a publication on a stick": Case(_publish_first, _publish_second, _device_gets_it, most=200),
    "an update": Case(_offer, _update, _old_or_new_generation),
}


if __name__ == "__main__":
    CASES[sys.argv[1]].run(Path(sys.argv[2]))
