"""What one check found, and where it looks."""

from dataclasses import dataclass, field
from pathlib import Path

OK, WARN, FAULT, SKIPPED = "ok", "warn", "fault", "skipped"
MARKS = {OK: "✓", WARN: "!", FAULT: "✗", SKIPPED: "-"}


@dataclass(frozen=True)
class Finding:
    """One line for a person: what is so, and what to do where that is not good."""

    check: str
    mark: str
    """ok, warn (it works, but), fault, or skipped (it cannot be seen from here)."""
    text: str
    remedy: str = ""

    def line(self) -> str:
        """As it is printed."""
        return f"{MARKS[self.mark]} {self.check}: {self.text}" + (f" → {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, kw_only=True)
class Device:
    """What is checked, with the defaults of the recipes."""

    root: Path = field(default=Path("/"))
    """Below it lie proc, sys, dev and etc; another one than / only in a test."""
    index_dir: Path = Path("/var/lib/lookalike/index")
    outbox_dir: Path = Path("/var/lib/lookalike/outbox")
    ram_dir: Path = Path("/dev/shm/lookalike")  # noqa: S108  # RAM on purpose
    host: str = "127.0.0.1"
    port: int = 8080

    def text(self, path: str) -> str:
        """The text of a file below the root; "" where it cannot be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
