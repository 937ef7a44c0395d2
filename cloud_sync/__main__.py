"""The cloud sync component: started by a Greengrass nucleus. With a command, what an operator does."""

import itertools
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial

from cloud_sync.component import run
from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.counter import NAME
from cloud_sync.downlink import Downlink
from cloud_sync.drain import drain_of
from components.bus import Bus
from components.core.errors import LookalikeError
from components.greengrass import GreengrassBus
from components.lifecycle import run_component

THING_VARIABLE = "AWS_IOT_THING_NAME"


def _component() -> int:
    """Run until SIGTERM; gives the exit code."""
    opened: list[GreengrassBus] = []
    downlinks: list[Downlink] = []
    rounds = itertools.count()
    thing = os.environ.get(THING_VARIABLE, "unknown")

    def open_bus() -> GreengrassBus:
        opened.append(GreengrassBus.from_environment())
        downlinks.append(Downlink(opened[0]))
        return opened[0]

    def work(bus: Bus, configuration: CloudSyncConfiguration, stop: threading.Event) -> None:
        drain = drain_of(configuration, opened[0], downlinks[0], thing)
        run(bus, configuration, stop, uplink=opened[0], thing=thing, drain=drain, soon=next(rounds) > 0)

    return run_component(NAME, CloudSyncConfiguration, open_bus, work)


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
    """The component, without arguments; else one of ``COMMANDS``: 1 and one sentence where that is not possible."""
    name, *arguments = sys.argv[1:] or [""]
    if not name:
        return _component()
    if name not in COMMANDS:
        print(f"error: {name} is no command; there are {', '.join(sorted(WORDS))}.", file=sys.stderr)
        return 2
    try:
        code = COMMANDS[name](arguments)
        sys.stdout.flush()
        return code
    except LookalikeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `| head` has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("stopped; the index is as it was, the same command goes on from there", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
