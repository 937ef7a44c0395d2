"""What a disk may hold after the power failed: every state that a recorded run could leave behind.

The run is cut after each of its operations. What was synced before is there; of the rest, any part may be lost, in two
kinds of file systems:

ordered   names (create, rename, unlink, mkdir) become durable in their order and with any fsync, as ext4's journal has
          it (data=ordered, without its help for those who forget to sync before a rename);
free      a name becomes durable with an fsync of its folder alone, in any order: all that POSIX promises.

A file's content is durable with its fsync. Of what was written after that, each write may be there, be missing, end at
any byte, or have left zeros in some of its blocks. After: ALICE, https://www.usenix.org/conference/osdi14 (Pillai).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.file_operations import CREATE, LINK, MARK, MKDIR, RENAME, SYMLINK, SYNC, TRUNCATE, UNLINK, WRITE, Operation

BLOCK = 512
Content = bytes | str | None
"""Of a file; where a symbolic link leads; None for a folder."""
Entry = tuple[int, str]
"""A folder and a name in it."""
ROOT = 0


@dataclass(frozen=True)
class Named:
    """Names that came to point to something else, all at once; None is nothing."""

    entries: tuple[tuple[Entry, int | None], ...]


@dataclass(frozen=True)
class Written:
    """Content that a file got, or a new length."""

    node: int
    offset: int
    data: bytes | None
    """None: the file ends at ``offset``."""


@dataclass(frozen=True)
class Synced:
    """A file or folder that has reached the disk."""

    node: int


Effect = Named | Written | Synced


@dataclass(frozen=True)
class State:
    """A disk after the power failed: path -> content; ``reached`` is the last mark before."""

    tree: tuple[tuple[str, Content], ...]
    reached: str

    def write(self, folder: Path) -> None:
        """Make it real in an empty folder."""
        for path, content in self.tree:
            if content is None:
                (folder / path).mkdir()
            elif isinstance(content, str):
                (folder / path).symlink_to(content)
            else:
                (folder / path).write_bytes(content)


class History:
    """A recorded run as effects on nodes, which keep their identity whatever their name."""

    def __init__(self, folder: Path, before: Path, operations: Sequence[Operation]) -> None:
        """``folder`` is where the run took place, ``before`` a copy of what it held at its beginning."""
        self._folder = folder.resolve()
        self.names: dict[Entry, int] = {}
        self.contents: dict[int, bytes] = {}
        self.links: dict[int, str] = {}
        self.folders = {ROOT}
        self._load(before, ROOT)
        self._now = dict(self.names)
        self.effects: list[Effect] = []
        self.marks: list[tuple[int, str]] = [(0, "")]
        """After so many effects the run had come so far."""
        for operation in operations:
            self._add(operation)

    def _load(self, folder: Path, node: int) -> None:
        for path in sorted(folder.iterdir()):
            inside = self._new(path.is_dir() and not path.is_symlink())
            self.names[node, path.name] = inside
            if path.is_symlink():
                self.links[inside] = str(path.readlink())
            elif path.is_dir():
                self._load(path, inside)
            else:
                self.contents[inside] = path.read_bytes()

    def _new(self, is_folder: bool) -> int:
        node = len(self.folders) + len(self.contents)
        if is_folder:
            self.folders.add(node)
        else:
            self.contents[node] = b""
        return node

    def _entry(self, path: str) -> Entry:
        node, *_ = [ROOT]
        names = Path(path).relative_to(self._folder).parts
        for name in names[:-1]:
            node = self._now[node, name]
        return node, names[-1] if names else ""

    def _node(self, path: str) -> int:
        entry = self._entry(path)
        return self._now[entry] if entry[1] else ROOT

    def _add(self, operation: Operation) -> None:
        kind, path = operation.kind, operation.path
        if kind == MARK:
            self.marks.append((len(self.effects), operation.mark))
        elif kind in (CREATE, MKDIR):
            self._name((self._entry(path), self._new(kind == MKDIR)))
        elif kind == SYMLINK:
            node = self._new(False)
            self.links[node] = operation.second
            self._name((self._entry(path), node))
        elif kind == UNLINK:
            self._name((self._entry(path), None))
        elif kind == RENAME:
            self._name((self._entry(path), None), (self._entry(operation.second), self._node(path)))
        elif kind == LINK:
            self._name((self._entry(operation.second), self._node(path)))
        elif kind == SYNC:
            self.effects.append(Synced(self._node(path)))
        elif kind in (WRITE, TRUNCATE) and not path.endswith(" (deleted)"):
            data = operation.data if kind == WRITE else None
            self.effects.append(Written(self._node(path), operation.offset, data))

    def _name(self, *entries: tuple[Entry, int | None]) -> None:
        for entry, node in entries:
            if node is None:
                del self._now[entry]
            else:
                self._now[entry] = node
        self.effects.append(Named(entries))

    def without_syncs(self) -> "History":
        """The same run, had it never asked for anything to reach the disk."""
        self.marks = [(at - sum(isinstance(e, Synced) for e in self.effects[:at]), name) for at, name in self.marks]
        self.effects = [effect for effect in self.effects if not isinstance(effect, Synced)]
        return self

    def reached(self, end: int) -> str:
        """The last mark of a run that was cut after ``end`` effects."""
        return next(name for at, name in reversed(self.marks) if at <= end)


def states(history: History, per_cut: int, seed: int = 0) -> Iterator[State]:
    """At most ``per_cut`` states after each effect of the run, none twice."""
    chance, seen = random.Random(seed), set()
    for end in range(len(history.effects) + 1):
        for turn in range(per_cut):
            # First nothing but what must be there, then all of it, as after a kill; then any part.
            share = (0.0, 1.0)[turn] if turn < 2 else chance.choice((0.2, 0.5, 0.8))
            survivors = _survivors(history.effects[:end], share, chance, ordered=bool(turn % 2))
            state = State(_tree(history, survivors), history.reached(end))
            if state not in seen:
                seen.add(state)
                yield state


def _survivors(effects: Sequence[Effect], share: float, chance: random.Random, *, ordered: bool) -> Iterator[Effect]:
    synced_at: dict[int, int] = {e.node: n for n, e in enumerate(effects) if isinstance(e, Synced)}
    last_sync = max(synced_at.values(), default=-1)
    journal = len(effects) if share == 1.0 else chance.randint(last_sync, len(effects)) if share else last_sync
    for n, effect in enumerate(effects):
        if isinstance(effect, Written):
            if synced_at.get(effect.node, -1) > n:
                yield effect
            elif chance.random() < share:
                yield effect if share == 1.0 else _torn(effect, chance)
        elif isinstance(effect, Named):
            durable = any(synced_at.get(folder, -1) > n for (folder, _), _ in effect.entries)
            if (n < journal) if ordered else (durable or chance.random() < share):
                yield effect


def _torn(effect: Written, chance: random.Random) -> Written:
    if not effect.data:
        return effect
    how = chance.randrange(3)
    if how == 0:
        return effect
    if how == 1:
        return Written(effect.node, effect.offset, effect.data[: chance.randrange(len(effect.data))])
    blocks = (effect.data[at : at + BLOCK] for at in range(0, len(effect.data), BLOCK))
    data = b"".join(block if chance.random() < 0.5 else bytes(len(block)) for block in blocks)
    return Written(effect.node, effect.offset, data)


def _tree(history: History, survivors: Iterator[Effect]) -> tuple[tuple[str, Content], ...]:
    names, contents = dict(history.names), dict(history.contents)
    for effect in survivors:
        if isinstance(effect, Named):
            for entry, node in effect.entries:
                if node is None:
                    names.pop(entry, None)
                else:
                    names[entry] = node
        elif isinstance(effect, Written):
            contents[effect.node] = _changed(contents[effect.node], effect)
    inside: dict[int, list[tuple[str, int]]] = {}
    for (folder, name), node in names.items():
        inside.setdefault(folder, []).append((name, node))
    found: dict[int, Content] = {**contents, **history.links, **dict.fromkeys(history.folders)}
    return tuple(_walk(ROOT, "", inside, found))


def _changed(content: bytes, effect: Written) -> bytes:
    if effect.data is None:
        return content[: effect.offset].ljust(effect.offset, b"\0")
    if not effect.data:
        return content
    return (
        content[: effect.offset].ljust(effect.offset, b"\0") + effect.data + content[effect.offset + len(effect.data) :]
    )


def _walk(
    node: int, path: str, inside: dict[int, list[tuple[str, int]]], contents: dict[int, Content]
) -> Iterator[tuple[str, Content]]:
    for name, child in sorted(inside.get(node, ())):
        below = f"{path}/{name}" if path else name
        yield below, contents[child]
        yield from _walk(child, below, inside, contents)
