"""Progress on the terminal, drawn by rich; in a log file, one line when a step begins."""

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Steps:
    """The long steps of a command, each with a bar of its own; use it in a ``with`` block."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description:>24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )

    def __enter__(self) -> "Steps":
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:  # else it would print an empty line
            self._bars.stop()

    def announce(self, what: str, total: int) -> Callable[[int], None]:
        """Begin a step of ``total`` parts; call what is returned with the number of parts that were done."""
        if not self._console.is_terminal:
            self._console.print(f"{what}: {total}", highlight=False)
        task = self._bars.add_task(what, total=total)
        return lambda done: self._bars.advance(task, done)
