"""The wall clock of the processes under test, set from outside: ``wall_clock.c`` is loaded into them."""

import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")


def why_not() -> str:
    """Why no clock can be set here; "" where it can."""
    return "" if shutil.which("cc") else "there is no C compiler (cc) to build the clock with"


class WallClock:
    """Every process with ``environment`` sees the time that was set last."""

    def __init__(self, folder: Path) -> None:
        self._file, self._library = folder / "clock-ahead", folder / "wall_clock.so"
        self.set_ahead(0)
        if not why_not():
            options = ["-O2", "-Wall", "-Werror", "-shared", "-fPIC"]
            subprocess.run(["cc", *options, str(_SOURCE), "-o", str(self._library), "-ldl"], check=True)

    def environment(self) -> dict[str, str]:
        return {} if why_not() else {"LD_PRELOAD": str(self._library), "WALL_CLOCK": str(self._file)}

    def set_ahead(self, seconds: float) -> None:
        """So many seconds ahead of the true time; 0 is the true one."""
        file = os.open(self._file, os.O_RDWR | os.O_CREAT)
        try:
            os.pwrite(file, struct.pack("d", seconds), 0)
        finally:
            os.close(file)

    def set_to(self, seconds: float) -> None:
        """To so many seconds after the beginning of 1970."""
        self.set_ahead(seconds - time.time())
