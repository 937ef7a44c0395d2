"""For which processors Annoy is built, and which of these builds this one runs: ``python3 instruction_set.py``.

Runs before anything is installed, on whatever Python 3 the device has: nothing of ours is imported here.
"""

import platform
import sys
from collections.abc import Mapping
from pathlib import Path

LEVELS: Mapping[str, tuple[str, ...]] = {"x86_64": ("x86-64-v2", "x86-64-v3"), "aarch64": ("armv8-a",)}
"""By machine, as gcc's ``-march`` names them; the first one runs on every device of the class."""
# What x86-64-v3 adds (System V ABI, AMD64 supplement, table 3.1), as Linux names it: abm is LZCNT. Linux leaves out of
# its list what it does not keep for programs, so that xsave and avx there stand for OSXSAVE.
_V3 = frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"})


def level(machine: str, cpuinfo: str) -> str:
    """The fastest build for the processors that ``cpuinfo`` (the text of /proc/cpuinfo) lists; in doubt the first one.

    Raises ValueError for a machine that nothing is built for.
    """
    if machine not in LEVELS:
        raise ValueError(f"There is no build for {machine}, only for {' and '.join(LEVELS)}.")
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    flags = [frozenset(value.split()) for name, _, value in lines if name.strip() == "flags"]
    fast = machine == "x86_64" and bool(flags) and all(one >= _V3 for one in flags)
    return LEVELS[machine][-1 if fast else 0]


def main() -> int:
    """Print the level of this machine."""
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        cpuinfo = ""
    try:
        print(level(platform.machine(), cpuinfo))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
