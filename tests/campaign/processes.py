"""What the kernel knows of processes."""

import contextlib
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path


def processes() -> Iterator[tuple[int, int, list[str]]]:
    """(process, parent, command line) of all that run; not of those that only wait to be reaped."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if fields[0] not in "ZX":
                    yield int(entry.name), int(fields[1]), command


def child_of(parent: int, module: str) -> int | None:
    """The newest child of ``parent`` that runs the Python module ``module``."""
    found = [pid for pid, ppid, command in processes() if ppid == parent and module in command]
    return max(found, default=None)


def family_of(pid: int) -> set[int]:
    """All descendants of ``pid``."""
    by_parent: dict[int, list[int]] = {}
    for child, parent, _ in processes():
        by_parent.setdefault(parent, []).append(child)
    found, new = set(), by_parent.get(pid, [])
    while new:
        found |= set(new)
        new = [grandchild for child in new for grandchild in by_parent.get(child, [])]
    return found


def runs(pid: int) -> bool:
    """Whether the process runs; one that ended and only waits to be reaped does not."""
    return any(pid == one for one, _, _ in processes())


def ends_within(pid: int, seconds: float) -> bool:
    """Whether the process ends in that time, to the millisecond."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
