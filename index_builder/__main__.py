"""``python -m index_builder``; Ctrl-C is an answer at any moment, also while the libraries still load."""

import sys

from components.command import run_command


def main() -> int:
    """Run one command; 130 where Ctrl-C stopped it."""
    return run_command(_run, "what was done is kept, the same command goes on from there")


def _run() -> int:
    from index_builder.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
