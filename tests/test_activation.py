"""New generations come into a running searcher: a real store, real Annoy files, built by a real child process."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.core.generations import SearchSettings
from components.index_state import IndexState, write_state
from components.searcher.activation import Activation
from components.searcher.annoy_index import AnnoyBuild, cache_path, open_cached
from components.searcher.searcher import Searcher
from components.searcher.starts import SETTLES_S, Starts
from components.store import Store
from tests.generations import flip_byte, items, make_store, query, unit_vectors, write_generation
from tests.meanwhile import meanwhile

DEADLINE_S = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def step_until(activation: Activation, condition: Callable[[], bool]) -> None:
    wait_for(lambda: (activation.step(), condition())[1])


def backend(searcher: Searcher) -> str:
    return "" if searcher.index is None else searcher.index.backend


def in_use(searcher: Searcher) -> int:
    return 0 if searcher.index is None else searcher.index.snapshot.manifest.seq


def test_a_generation_is_searched_exactly_at_once_and_by_annoy_when_it_is_built(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path)
    searcher = Searcher()
    activation = Activation(store, searcher)
    assert activation.step()
    assert (in_use(searcher), backend(searcher), activation.problem) == (1, "exact", "")
    before = searcher.answer(query(vectors[3]))
    step_until(activation, lambda: backend(searcher) == "annoy")
    after = searcher.answer(query(vectors[3]))
    assert (before.backend, after.backend) == ("exact", "annoy")
    assert [match.item_id for match in before.matches] == [match.item_id for match in after.matches]
    assert activation.problem == ""
    assert activation.build_process_id is None


def test_a_generation_that_comes_while_annoy_is_built_is_active_at_once(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path)
    searcher = Searcher()
    activation = Activation(store, searcher)
    activation.step()
    child = activation.build_process_id
    assert child is not None
    os.kill(child, signal.SIGSTOP)  # a build that takes as long as it likes
    write_generation(store, vectors[:100], items(100), seq=2)
    assert activation.step()
    assert (in_use(searcher), backend(searcher)) == (2, "exact")
    assert activation.build_process_id not in (None, child)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)  # nobody needs its file any more
    step_until(activation, lambda: backend(searcher) == "annoy")


def test_new_items_in_the_tail_and_removed_ones_need_no_build(tmp_path: Path) -> None:
    store, vectors = Store(tmp_path), unit_vectors(210)
    write_generation(store, vectors[:200], items(200))
    searcher = Searcher()
    activation = Activation(store, searcher)
    step_until(activation, lambda: backend(searcher) == "annoy")
    write_generation(store, vectors, items(210), seq=2, tail=10, removed=(3,))
    assert activation.step()
    assert (in_use(searcher), backend(searcher), activation.build_process_id) == (2, "annoy", None)
    assert searcher.answer(query(vectors[205])).matches[0].item_id == "item-205"
    assert "item-3" not in [match.item_id for match in searcher.answer(query(vectors[3], k=50)).matches]


def test_no_query_is_lost_while_generations_are_swapped(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path, 300)
    searcher = Searcher()
    activation = Activation(store, searcher, poll_interval_s=0.02)
    activation.step()
    stop, seen, failed = threading.Event(), [[], []], []  # type: ignore[var-annotated]

    def ask(number: int) -> None:
        try:
            n = 0
            while not stop.is_set():
                result = searcher.answer(query(vectors[n % 100]))
                assert result.matches[0].item_id == f"item-{n % 100}"
                seen[number].append((result.generation, result.backend))
                n += 1
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test must fail
            failed.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    with meanwhile(activation.run):
        for seq in (2, 3, 4):
            write_generation(store, vectors[: 300 - 20 * seq], items(300 - 20 * seq), seq=seq)
            wait_for(lambda seq=seq: in_use(searcher) == seq and backend(searcher) == "annoy")  # type: ignore[misc]
            last = [len(one) for one in seen]
            wait_for(lambda last=last: all(len(one) > 2 + n for one, n in zip(seen, last, strict=True)))  # type: ignore[misc]
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed
    for one in seen:
        generations = [generation for generation, _ in one]
        assert generations == sorted(generations)
        assert {1, 4} <= set(generations)
        assert {"exact", "annoy"} >= {name for _, name in one}


def damage_vectors(store: Store, seq: int) -> None:
    flip_byte(store.object_path(store.manifest(seq).segments[0].vectors.sha256), 1000)


def damage_rows(store: Store, seq: int) -> None:
    flip_byte(store.object_path(store.manifest(seq).segments[0].rows.sha256), 100)


def damage_projection(store: Store, seq: int) -> None:
    flip_byte(store.object_path(store.manifest(seq).projection.sha256))


def damage_manifest(store: Store, seq: int) -> None:
    path = store.index_dir / "generations" / f"{seq}.json"
    path.write_bytes(path.read_bytes()[:-100])


def lose_a_segment(store: Store, seq: int) -> None:
    store.object_path(store.manifest(seq).segments[0].vectors.sha256).unlink()


def publish_a_future_format(store: Store, seq: int) -> None:
    path = store.index_dir / "generations" / f"{seq}.json"
    path.write_text(path.read_text().replace('"format":2', '"format":3'))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_vectors, "is damaged"),
        (damage_rows, "is damaged"),
        (damage_projection, "is damaged"),
        (damage_manifest, "is damaged"),
        (lose_a_segment, "is missing"),
        (publish_a_future_format, "format 3; this version reads 2: update this version"),
    ],
)
def test_a_damaged_generation_is_refused_and_the_one_before_goes_on(
    tmp_path: Path, damage: Callable[[Store, int], None], said: str
) -> None:
    store, vectors = make_store(tmp_path)
    searcher = Searcher()
    activation = Activation(store, searcher, annoy=False)
    activation.step()
    newer = unit_vectors(150, dim=16, seed=5)  # shares no object with the first
    write_generation(store, newer, items(150), seq=2)
    damage(store, 2)
    assert not activation.step()
    assert "generation 2 cannot be used" in activation.problem
    assert said in activation.problem
    assert searcher.answer(query(vectors[3])).generation == 1
    write_generation(store, vectors[:50], items(50), seq=3)
    assert activation.step()
    assert (in_use(searcher), activation.problem) == (3, "")


class Seconds(threading.Event):
    """A stop event whose seconds pass at once; ``each`` is called with their number."""

    def __init__(self, each: Callable[[int], None]) -> None:
        super().__init__()
        self._each = each
        self._passed = 0

    def wait(self, timeout: float | None = None) -> bool:
        self._passed += 1
        self._each(self._passed)
        return self.is_set()


def test_a_good_generation_is_not_kept_waiting_by_the_pauses_after_a_bad_one(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path)
    damage_vectors(store, 1)
    searcher = Searcher()
    activation = Activation(store, searcher, annoy=False, poll_interval_s=1.0)

    def each(second: int) -> None:
        assert in_use(searcher) == (0 if second <= 70 else 2)
        if second == 70:
            write_generation(store, vectors[:50], items(50), seq=2)
        if second == 72:
            stop.set()

    stop = Seconds(each)
    activation.run(stop)
    assert activation.problem == ""


def test_a_bad_generation_that_is_taken_back_is_forgotten(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path)
    searcher = Searcher()
    activation = Activation(store, searcher, annoy=False)
    activation.step()
    write_generation(store, vectors[:9], items(9), seq=2)
    damage_manifest(store, 2)
    activation.step()
    (tmp_path / "generations" / "2.json").unlink()
    assert activation.step()
    assert (in_use(searcher), activation.problem) == (1, "")


def test_a_store_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    searcher = Searcher()
    activation = Activation(Store(tmp_path / "index"), searcher, annoy=False, poll_interval_s=0.02)
    with meanwhile(activation.run):
        wait_for(lambda: "no index generation" in activation.problem)
        make_store(tmp_path / "index")
        wait_for(lambda: in_use(searcher) == 1 and activation.problem == "")


@pytest.mark.parametrize("noted", ["kept", "lost"])
def test_a_damaged_annoy_file_is_built_again_and_never_loaded(tmp_path: Path, noted: str) -> None:
    store, vectors = make_store(tmp_path)
    searcher = Searcher()
    step_until(first := Activation(store, searcher), lambda: backend(searcher) == "annoy")
    path = cache_path(tmp_path, store.manifest(1))
    whole = path.read_bytes()
    path.write_bytes(b"\0" * len(whole))
    if noted == "lost":
        path.with_suffix(".sha256").unlink()
    assert open_cached(path, 32) is None
    again = Searcher()
    activation = Activation(store, again)
    activation.step()
    assert backend(again) == "exact"
    step_until(activation, lambda: backend(again) == "annoy")
    assert path.read_bytes() == whole
    assert again.answer(query(vectors[5])).matches[0].item_id == "item-5"
    assert first.problem == ""


def test_without_a_place_for_annoys_file_the_exact_scan_goes_on_with_a_reason(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path)
    (tmp_path / "annoy").write_bytes(b"a file in the folder's place")
    searcher = Searcher()
    activation = Activation(store, searcher, poll_interval_s=0.02)
    with meanwhile(activation.run):
        wait_for(lambda: "searching without Annoy" in activation.problem)
        assert searcher.answer(query(vectors[5])).matches[0].item_id == "item-5"
        write_generation(store, vectors[:50], items(50), seq=2)
        wait_for(lambda: in_use(searcher) == 2)
        (tmp_path / "annoy").unlink()
        wait_for(lambda: backend(searcher) == "annoy" and activation.problem == "")


def test_when_the_child_is_killed_the_exact_scan_goes_on_and_annoy_comes_later(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path)
    (tmp_path / "annoy").mkdir()
    (tmp_path / "annoy" / ".half.ann.9999999").write_bytes(b"left by a child that was killed")
    searcher = Searcher()
    activation = Activation(store, searcher)
    activation.step()
    child = activation.build_process_id
    assert child is not None
    os.kill(child, signal.SIGKILL)
    wait_for(lambda: not activation.step())
    assert "could not be built (exit code -9)" in activation.problem
    assert searcher.answer(query(vectors[5])).matches[0].item_id == "item-5"
    step_until(activation, lambda: backend(searcher) == "annoy")
    assert activation.problem == ""
    assert sorted(path.suffix for path in (tmp_path / "annoy").iterdir()) == [".ann", ".sha256"]


def test_a_build_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path)
    build = AnnoyBuild(tmp_path, store.manifest(1))
    os.kill(build.process_id, signal.SIGSTOP)
    build.path.parent.mkdir(exist_ok=True)
    build.path.with_name(f".{build.path.name}.{build.process_id}").write_bytes(b"half of it")
    build.stop()
    assert not list(build.path.parent.iterdir())


def test_annoy_files_of_older_generations_are_removed(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path)
    searcher = Searcher()
    activation = Activation(store, searcher)
    for seq in (2, 3, 4):
        write_generation(store, vectors[: 100 + seq], items(100 + seq), seq=seq)
        step_until(activation, lambda seq=seq: in_use(searcher) == seq and backend(searcher) == "annoy")  # type: ignore[misc]
    kept = {cache_path(tmp_path, store.manifest(seq)).name for seq in (3, 4)}
    assert {path.name for path in (tmp_path / "annoy").glob("*.ann")} == kept


def test_an_older_annoy_file_that_cannot_be_removed_is_no_problem(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path)
    searcher = Searcher()
    activation = Activation(store, searcher)
    (tmp_path / "annoy" / "older.ann").mkdir(parents=True)  # stands for a disk that became read-only: no unlink
    step_until(activation, lambda: backend(searcher) == "annoy")
    assert (activation.problem, activation.step(), activation.problem) == ("", True, "")


def test_at_its_start_a_searcher_goes_on_with_the_previous_generation_where_the_active_one_is_damaged(
    tmp_path: Path,
) -> None:
    store, _ = make_store(tmp_path)
    write_generation(store, unit_vectors(150, seed=5), items(150), seq=2)
    write_state(tmp_path, IndexState(active=2, previous=1))
    damage_vectors(store, 2)
    searcher = Searcher()
    activation = Activation(store, searcher, annoy=False)
    assert not activation.step()
    assert in_use(searcher) == 1
    assert "generation 2 cannot be used" in activation.problem
    flip_byte(store.object_path(store.manifest(2).segments[0].vectors.sha256), 1000)  # what repairs it
    assert activation.step()
    assert (in_use(searcher), activation.problem) == (2, "")
    damage_vectors(store, 1)
    damage_vectors(store, 2)
    nothing = Searcher()
    activation = Activation(store, nothing, annoy=False)
    assert not activation.step()
    assert (in_use(nothing), "cannot be used" in activation.problem) == (0, True)


def test_a_generation_that_ends_the_searcher_twice_is_given_up_for_the_previous_one(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path / "index")
    write_generation(store, unit_vectors(150, seed=5), items(150), seq=2)
    write_state(tmp_path / "index", IndexState(active=2, previous=1, trial=True))
    now_s, file = [0.0], tmp_path / "state" / "starts.json"

    def started() -> tuple[Searcher, Activation]:
        searcher = Searcher()
        activation = Activation(store, searcher, annoy=False, starts=Starts(file, lambda: now_s[0]))
        activation.step()
        return searcher, activation

    for _ in range(2):
        assert in_use(started()[0]) == 2  # and then this process ends
    searcher, activation = started()
    assert (in_use(searcher), activation.given_up) == (1, 2)
    assert activation.problem == "generation 2 ended this program again and again"
    assert activation.step(), "there is nothing that trying again would mend"
    assert in_use(searcher) == 1
    write_state(tmp_path / "index", IndexState(active=1))
    activation.step()
    assert (activation.given_up, activation.problem) == (None, "")


def test_a_generation_with_which_a_searcher_lived_for_a_while_is_not_given_up(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path / "index")
    now_s, file = [0.0], tmp_path / "starts.json"
    for _ in range(3):
        starts = Starts(file, lambda: now_s[0])
        assert not starts.given_up(1)
        Activation(store, Searcher(), annoy=False, starts=starts).step()
        now_s[0] += SETTLES_S
        starts.look((1,))
    for _ in range(3):
        starts = Starts(file)
        assert not starts.given_up(1)
        starts.begin(1)
        starts.look((1,), ends=True)
    file.write_bytes(b"torn")
    assert not Starts(file).given_up(1)


def test_power_that_goes_twice_is_no_fault_of_a_generation(tmp_path: Path) -> None:
    file = tmp_path / "starts.json"
    for boot in ("first", "second", "third"):
        starts = Starts(file, boot=boot)
        assert not starts.given_up(1)
        starts.begin(1)
    Starts(file, boot="third").begin(1)
    assert Starts(file, boot="third").given_up(1)


def test_annoy_is_reproducible(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        store, _ = make_store(tmp_path / name)
        searcher = Searcher()
        step_until(Activation(store, searcher), lambda searcher=searcher: backend(searcher) == "annoy")  # type: ignore[misc]
        files.append(cache_path(tmp_path / name, store.manifest(1)).read_bytes())
    assert files[0] == files[1]


def test_an_empty_generation_is_used_without_annoy(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_generation(store, unit_vectors(0), [])
    searcher = Searcher()
    activation = Activation(store, searcher)
    assert activation.step()
    result = searcher.answer(query(unit_vectors(1)[0]))
    assert (result.decision, result.reason, activation.problem) == ("no_match", "the catalog holds no item", "")


def test_where_annoy_does_not_pay_the_scan_stays_exact(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_generation(store, unit_vectors(200), items(200), search=SearchSettings(search_k=0))
    searcher = Searcher()
    activation = Activation(store, searcher)
    assert activation.step()
    assert activation.build_process_id is None
    assert searcher.index is not None
    assert searcher.index.backend == "exact"
    assert activation.problem == ""


def test_a_first_generation_that_proved_to_be_bad_answers_no_more(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path)
    searcher = Searcher()
    activation = Activation(store, searcher, annoy=False)
    write_state(tmp_path, IndexState(active=1, trial=True))
    assert activation.step()
    assert in_use(searcher) == 1
    write_state(tmp_path, IndexState())
    assert activation.step()
    assert searcher.answer(query(vectors[3])).cause == "unavailable"
    assert "no index generation" in activation.problem
    write_state(tmp_path, IndexState(active=1))
    assert activation.step()
    assert in_use(searcher) == 1


def test_a_generation_whose_folder_cannot_be_read_goes_on_answering(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path / "index")
    searcher = Searcher()
    activation = Activation(store, searcher, annoy=False)
    assert activation.step()
    (tmp_path / "index").rename(tmp_path / "elsewhere")
    assert activation.step()
    assert searcher.answer(query(vectors[3])).matches
