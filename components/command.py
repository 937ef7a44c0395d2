"""What a person starts in a terminal and may stop, or close the terminal on, at any moment."""

import os
import sys
from collections.abc import Callable


def run_command(command: Callable[[], int], stopped: str) -> int:
    """What ``command`` returns; 130 with the words ``stopped`` after Ctrl-C, 1 where nobody reads its output any more.

    Let ``command`` import what it needs: then Ctrl-C is an answer while the libraries still load, too.
    """
    try:
        try:
            return command()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:  # `| head` has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, ImportError, RuntimeError) as error:
        # Compiled modules, and before Python 3.12 the making of a class, turn what interrupts them into the others.
        if KeyboardInterrupt not in (type(error), type(error.__cause__)):
            raise
        import signal  # it takes some of the milliseconds in which nothing answers Ctrl-C yet

        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C, while Python ends, has nothing to say
        sys.stderr.write(f"stopped; {stopped}\n")
        return 130
