"""What is taught outlives kills and index updates: the searcher's real process, taught over the bus, then killed."""

import contextlib
import itertools
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.core import messages
from components.core.errors import LookalikeError
from components.core.messages import RESULT_TOPIC, TAUGHT_TOPIC, TEACH_TOPIC, Query, SearchResult, decode, encode
from components.core.segments import Vectors
from components.core.teach_messages import Taught, Teach
from components.greengrass import SOCKET_VARIABLE, TOKEN_VARIABLE, GreengrassBus
from components.nucleus.deployment import Deployment
from components.nucleus.limits import LIMITS
from components.nucleus.nucleus import Nucleus
from components.store import Store
from components.taught_store import TaughtStore
from tests.campaign.device import SOURCE, Failure
from tests.generations import items, query, unit_vectors, write_generation
from tests.nucleus_support import our_deployment
from tests.teaching_kit import sides

SEARCHER = "com.lookalike.Searcher"
DIM = 128
CATALOG = 300
VIEWS = 3
_PATIENCE_S = 60.0
_ids = itertools.count()
_delays = itertools.cycle((0.0, 0.001, 0.003, 0.006, 0.012, 0.02))


@dataclass
class Record:
    """What was seen."""

    found_after_s: list[float] = field(default_factory=list)
    """From the answer to the last view of an item, with its saving, to the first answer that names it."""
    torn: int = 0
    lost: int = 0


class Shop:
    """The searcher's process on a nucleus, and a person with a camera on its bus."""

    def __init__(self, nucleus: Nucleus) -> None:
        self._nucleus = nucleus
        environment = nucleus.client_environment()
        self.bus = GreengrassBus(environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE], refresh_s=1.0)
        self._answers: dict[str, Taught] = {}
        self._results: dict[str, SearchResult] = {}
        self.bus.subscribe(TAUGHT_TOPIC, lambda payload: self._keep(decode(Taught, payload)))
        self.bus.subscribe(RESULT_TOPIC, lambda payload: self._keep(decode(SearchResult, payload)))

    def _keep(self, message: Taught | SearchResult) -> None:
        if isinstance(message, Taught):
            self._answers[message.request_id] = message
        else:
            self._results[message.query_id] = message

    def ask(self, embedding: Vectors, **asked: object) -> SearchResult:
        """The answer to one picture; asked again while the searcher is away."""
        return self._until(lambda name: query(embedding, query_id=name, **asked), messages.QUERY_TOPIC, self._results)

    def wish(self, action: str, *, patience_s: float = _PATIENCE_S, **fields: object) -> Taught:
        """The answer to one wish, sent once: a second one would be another wish."""
        name = f"r{next(_ids)}"
        self.bus.publish(TEACH_TOPIC, encode(Teach(request_id=name, action=action, **fields)))  # type: ignore[arg-type]
        return _wait(lambda: self._answers.pop(name, None), f"an answer to {action}", patience_s)

    def _until(self, make: Callable[[str], Query], topic: str, answers: dict[str, SearchResult]) -> SearchResult:
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            name = f"q{next(_ids)}"
            with contextlib.suppress(LookalikeError):
                self.bus.publish(topic, encode(make(name)))
            with contextlib.suppress(Failure):
                found: SearchResult = _wait(lambda name=name: answers.pop(name, None), "an answer", 1.0)
                return found
        raise Failure("the searcher does not answer")

    def show(self, embedding: Vectors) -> None:
        """The camera sees this, at rest."""
        for _ in range(2):
            self.ask(embedding, captured_ns=time.monotonic_ns())

    def teach(self, views: list[Vectors], title: str) -> str:
        """A new item."""
        item_id = self.wish("begin").item_id
        for view in views:
            self.show(view)
            if (answer := self.wish("view", item_id=item_id, sure=True)).why:
                raise Failure(f"a view of {title} is refused: {answer.sentence}")
        if (answer := self.wish("save", item_id=item_id, title=title, sure=True)).why:
            raise Failure(f"{title} is not saved: {answer.sentence}")
        return item_id

    def kill(self, item_id: str, title: str) -> None:
        """Kill the searcher while it does a wish; afterwards it answers again."""
        pid = self._nucleus.states()[SEARCHER].pid
        if pid is None:
            raise Failure("the searcher does not run")
        wish = Teach(request_id=f"r{next(_ids)}", action="edit", item_id=item_id, title=title)
        self.bus.publish(TEACH_TOPIC, encode(wish))
        time.sleep(next(_delays))
        os.kill(pid, signal.SIGKILL)
        _wait(lambda: self._nucleus.states()[SEARCHER].pid not in (pid, None), "the searcher's new start")
        _wait(self.hears, "the searcher to hear wishes again")

    def hears(self) -> bool:
        """Whether a wish is answered; what is asked for is nothing."""
        with contextlib.suppress(Failure, LookalikeError):
            return bool(self.wish("undo", patience_s=0.5).why)
        return False


def _wait(condition: Callable[[], Any], what: str, patience_s: float = _PATIENCE_S) -> Any:
    end = time.monotonic() + patience_s
    while not (value := condition()):
        if time.monotonic() > end:
            raise Failure(f"waited in vain for {what}")
        time.sleep(0.002)
    return value


@contextlib.contextmanager
def _open(folder: Path) -> Iterator[Shop]:
    recipes = folder / "recipes"
    recipes.mkdir(exist_ok=True)
    shutil.copy(SOURCE / "recipes" / f"{SEARCHER}.yaml", recipes)
    places = {name: str(folder / name.split("_")[0]) for name in ("index_dir", "taught_dir", "ram_dir", "outbox_dir")}
    shipped = our_deployment(folder / "nucleus", "classic")
    deployment = Deployment(
        root=shipped.root,
        recipes=recipes,
        source=shipped.source,
        python_env=shipped.python_env,
        limits=LIMITS["classic"],
        overrides={"Searcher": {**places, "poll_interval_s": "0.2"}},
    )
    with Nucleus(deployment) as nucleus:
        shop = Shop(nucleus)
        with contextlib.closing(shop.bus):
            shop.ask(unit_vectors(1, DIM)[0])
            yield shop


def survive(folder: Path, count: int, updates: int, kills: int, say: Callable[[str], None] = lambda _: None) -> Record:
    """Teach ``count`` items while the searcher is killed and its index updated, then ask for every one of them.

    Raises Failure where the searcher does not come back, an item is lost, or the file is torn.
    """
    store, record = Store(folder / "index"), Record()
    _update(store, 1)
    views = [sides(number, VIEWS, DIM) for number in range(count)]
    taught: list[str] = []
    steps = max(updates, kills)
    with _open(folder) as shop:
        _wait(shop.hears, "the searcher to hear wishes")
        for step in range(1, steps + 1):
            while len(taught) < count * step // steps:
                taught.append(_taught(shop, views[len(taught)], f"Item {len(taught)}", record))
            if step <= updates:
                _update(store, step + 1)
            if step <= kills:
                shop.kill(taught[-1], f"Item {len(taught) - 1}")
            _check_file(folder / "taught", taught, record)
            say(f"{len(taught)} items taught, {min(step, kills)} kills, {min(step, updates)} updates")
        newest = store.require_active()
        _wait(lambda: shop.ask(views[0][0]).generation == newest, "the newest generation")
        for item_id, several in zip(taught, views, strict=True):
            record.lost += any(_first(shop.ask(view)) != item_id for view in several)
    if record.lost or record.torn:
        raise Failure(f"{record.lost} items are not found any more, the file was torn {record.torn} times")
    return record


def _update(store: Store, seq: int) -> None:
    write_generation(store, unit_vectors(CATALOG, DIM, seed=seq), items(CATALOG), seq=seq)


def _taught(shop: Shop, views: list[Vectors], title: str, record: Record) -> str:
    item_id = shop.teach(views, title)
    began = time.monotonic()
    _wait(lambda: _first(shop.ask(views[-1])) == item_id, f"{title} to be found")
    record.found_after_s.append(time.monotonic() - began)
    return item_id


def _check_file(taught_dir: Path, taught: list[str], record: Record) -> None:
    with contextlib.closing(TaughtStore(taught_dir)) as kept:
        try:
            kept.check()
        except LookalikeError:
            record.torn += 1
        catalog = kept.catalog()
    if any(len(catalog.views_of(item_id)) != VIEWS for item_id in taught):
        raise Failure("views that were taken are not on the disk")


def _first(result: SearchResult) -> str:
    return result.matches[0].item_id if result.matches else ""


def summary(record: Record) -> str:
    """The figures in one line."""
    took = np.sort(record.found_after_s)
    return (
        f"{len(took)} items taught and found again; found after {np.median(took):.3f} s (median),"
        f" {took[-1]:.3f} s (longest)"
    )
