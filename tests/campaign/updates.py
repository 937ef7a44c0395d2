"""The faults of updates: power failures, and what else can happen between a publisher and a device.

Each part gives rows of a table: how often something was tried, how often it went wrong, and how often the same went
wrong with a part of the product broken on purpose, which shows that the part would be missed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tests import full_disk
from tests.attacks import ATTACKS, attack
from tests.attacks import BREAKS as BROKEN
from tests.bad_generations import ANSWERED, on_a_running_device, taken
from tests.bad_generations import BREAKS as UNCHECKED
from tests.black_holes import DEADLINE_S, Hole, fall_into, hangs_after, holes
from tests.crash_cases import CASES, suffer
from tests.interrupted_updates import killed_at_operations, killed_at_random
from tests.lies import Told, cut, lie, no_deadline, no_hash, no_resume, several
from tests.lying_server import LIES
from tests.mutated_formats import BREAKS, FORMATS, read_damaged


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    tries: int
    bad: int
    mutant: str = ""
    """What was broken on purpose; "" where nothing was."""
    caught: int = 0
    """How often the broken product went wrong."""
    said: str = ""
    """The first thing that went wrong, or figures."""
    left_out: bool = False
    """Whether this machine has no way to try it."""

    @property
    def failed(self) -> bool:
        """Whether the product did not keep its promise, or nobody would notice."""
        return not self.left_out and (self.bad > 0 or self.tries == 0 or bool(self.mutant and not self.caught))


def crashes(per_cut: int) -> Iterator[Row]:
    """Every disk that a power failure may leave behind."""
    for name, case in CASES.items():
        whole, unsynced = suffer(name, per_cut, most=case.most), suffer(name, per_cut, most=150, synced=False)
        said = next(iter(whole.problems), "")
        yield Row(name, whole.states, len(whole.problems), "no fsync", len(unsynced.problems), said)


def mutations(count: int) -> Iterator[Row]:
    """Damaged files of every format that a device reads."""
    each = -(-count // len(FORMATS))
    for name in FORMATS:
        whole, broken = read_damaged(name, each), read_damaged(name, max(1, each // 3), broken=True)
        said = next(iter(whole.problems), f"{whole.refused} refused")
        yield Row(f"damaged: {name}", whole.tries, len(whole.problems), BREAKS[name][0], len(broken.problems), said)


def kills(count: int) -> Iterator[Row]:
    """Updates that are killed: two of three at a random moment, the third at an operation on a file."""
    for what, suffered, tries in (
        ("kill -9 at random", killed_at_random, count * 2 // 3),
        ("kill -9 at an operation", killed_at_operations, count // 3),
    ):
        whole, broken = suffered(tries), suffered(max(4, tries // 10), "commits first")
        yield Row(what, tries, len(whole), "commits first", len(broken), next(iter(whole), ""))


def full_disks(count: int) -> Iterator[Row]:
    """Updates on a small ext4 that runs full."""
    if why_not := full_disk.why_not():
        yield Row("a disk that runs full", 0, 0, said=f"left out: {why_not}", left_out=True)
        return
    whole, broken = full_disk.runs_full(count), full_disk.runs_full(max(10, count // 10), "commits first", ["checking"])
    yield Row("a disk that runs full", count, len(whole), "commits first", len(broken), next(iter(whole), ""))


def lying(rounds: int) -> Iterator[Row]:
    """Downloads from a server that lies, and one that breaks off again and again."""
    told = several(lie, list(LIES) * rounds)
    with no_hash():
        credulous = several(lie, ["other bytes", "changed meanwhile"])
    yield _row("lying answers", told, "no hash", credulous)
    with no_deadline():
        patient = several(lie, ["slow"])
    yield _row("of these, one that drips", [one for one in told if one.name == "slow"], "no deadline", patient)
    breaks = cut(100_000_000, 100)
    with no_resume():
        anew = cut(10_000_000, 20)
    said = f"{breaks.sent / 1e6:.1f} MB moved for 100 MB cut at 100 offsets"
    yield replace(_row("a download that breaks off", [breaks], "no resuming", [anew]), said=breaks.problem or said)


def attacking(rounds: int) -> Iterator[Row]:
    """Attacks on a channel's signed metadata; each also on a device that has lost its own."""
    problems = [f"{name}: {problem}" for name in list(ATTACKS) * rounds if (problem := attack(name))]
    yield Row("attacks on the metadata", len(ATTACKS) * rounds, len(problems), said=next(iter(problems), ""))
    for left_out, (how, names) in BROKEN.items():
        with how():
            succeeded = [name for name in names if attack(name)]
        yield Row(f"of these, {names[0]}"[:44], len(names), 0, left_out, len(succeeded))


def bad_generations(rounds: int) -> Iterator[Row]:
    """Correctly signed generations that are bad, brought to the real components while these are asked."""
    for _ in range(rounds):
        refused = list(on_a_running_device())
        bad = [one.line for one in refused if one.problem]
        asked, answered = sum(one.asked for one in refused), sum(one.answered for one in refused)
        bad += [] if answered >= ANSWERED * asked else [f"{asked - answered} of {asked} queries are not answered"]
        longest = max(one.seconds for one in refused)
        said = f"refused within {longest:.0f} s; {answered} of {asked} queries answered"
        yield Row("bad generations", len(refused), len(bad), said=next(iter(bad), said))
    for left_out, (how, name) in UNCHECKED.items():
        with how():
            yield Row(f"of these: {name}", 1, 0, left_out, len(taken((name,))))


def black_holes(count: int) -> Iterator[Row]:
    """Updates from a place that falls silent, by the clocks of a real device."""
    told = fall_into(holes(count))
    with hangs_after(3_600.0):
        patient = fall_into([Hole("drips headers", 5)], deadline_s=20.0)
    yield _row(f"black holes, idle again in {DEADLINE_S:.0f} s", told, "no end of who hangs", patient)


def _row(what: str, told: Sequence[Told], mutant: str, broken: Sequence[Told]) -> Row:
    bad = [f"{one.name}: {one.problem}" for one in told if one.problem]
    longest = f"at most {max(one.seconds for one in told):.0f} s"
    return Row(what, len(told), len(bad), mutant, sum(bool(one.problem) for one in broken), next(iter(bad), longest))


PARTS: dict[str, tuple[Callable[[int], Iterator[Row]], int, str]] = {
    "crashes": (crashes, 40, "how many disks per operation a power failure leaves behind"),
    "mutations": (mutations, 20_000, "how many damaged files are read"),
    "kills": (kills, 300, "how often an update is killed"),
    "full-disks": (full_disks, 200, "how many updates meet a full disk"),
    "attacks": (attacking, 1, "how often each attack on the metadata is made"),
    "bad-generations": (bad_generations, 1, "how often each bad generation is published"),
    "holes": (black_holes, 50, "how many updates meet a place that falls silent"),
    "lies": (lying, 3, "how often each lie of a server is told"),
}
"""Name -> what gives its rows, how many of a whole campaign, what is counted."""


def line(row: Row) -> str:
    """The row as it is printed."""
    mutant = f"{row.mutant}: {row.caught}" if row.mutant else "-"
    said = f"FAILED: {row.said}" if row.failed else row.said
    return f"{row.what[:44]:<44} {row.tries:>7} {row.bad:>5}  {mutant:<36} {said[:140]}"


HEAD = f"{'fault of an update':<44} {'tries':>7} {'bad':>5}  {'bad with the product broken: times':<36}"
