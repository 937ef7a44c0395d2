"""``python -m index_builder``; Ctrl-C is an answer at any moment, also while the libraries still load."""

import sys


def main(argv: list[str] | None = None) -> int:
    """Run one command; 130 where Ctrl-C stopped it."""
    try:
        from index_builder.cli import main as run

        return run(argv)
    except KeyboardInterrupt:
        print("stopped; what was done is kept, the same command goes on from there", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
