"""The cloud sync component: started by a Greengrass nucleus. With a command, what an operator does."""

import sys
from collections.abc import Callable, Sequence
from functools import partial

from components.command import run_command
from components.core.errors import LookalikeError


def _component() -> int:
    from cloud_sync.start import main

    return main()


def _cost(arguments: Sequence[str]) -> int:
    from cloud_sync.cloud.cli import main

    return main(arguments)


def _fleet(arguments: Sequence[str]) -> int:
    from cloud_sync.fleet.cli import main

    return main(arguments)


def _help(arguments: Sequence[str]) -> int:
    print("usage: python -m cloud_sync COMMAND --help\n\nA nucleus starts it without a command. Commands:")
    for name, words in WORDS.items():
        print(f"  {name:<9} {words}")
    return 0


def _index(name: str, arguments: Sequence[str]) -> int:
    from cloud_sync.index import cli

    return {"import": cli.bring, "status": cli.status, "rollback": cli.rollback, "scrub": cli.scrub}[name](arguments)


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "cost": _cost,
    "fleet": _fleet,
    **{name: partial(_index, name) for name in ("import", "status", "rollback", "scrub")},
    "-h": _help,
    "--help": _help,
}
"""What a person starts. Each imports its own modules, which a component on a device does not need."""
WORDS = {
    "status": "which generations of the index this device has",
    "import": "bring a generation from a USB stick, a folder or a bucket",
    "rollback": "go back to the generation before",
    "scrub": "read the whole index, and repair what is damaged",
    "fleet": "what every device runs; a version for the next group",
    "cost": "what a fleet costs a month",
}


def main() -> int:
    """The component, without arguments; else one of ``COMMANDS``."""
    name, *arguments = sys.argv[1:] or [""]
    if not name:
        return _component()
    return run_command(lambda: _command(name, arguments), "the index is as it was, the same command goes on from there")


def _command(name: str, arguments: Sequence[str]) -> int:
    """1 and one sentence where it is not possible."""
    if name not in COMMANDS:
        print(f"error: {name} is no command; there are {', '.join(sorted(WORDS))}.", file=sys.stderr)
        return 2
    try:
        return COMMANDS[name](arguments)
    except LookalikeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
