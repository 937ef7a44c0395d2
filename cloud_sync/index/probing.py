"""Has a child process try a staged generation, and says what became of it."""

import math
import os
import signal
import subprocess
from pathlib import Path

from cloud_sync.index import probe
from components.child import start_module
from components.core.errors import FormatError, UnavailableError
from components.core.generations import Manifest

_BASE_BYTES = 1_500 * 2**20
_PER_BYTE = 8
_BASE_S, _PER_VIEW_S = 60.0, 0.002
"""Of processor time: how long that takes by the clock is a matter of what else the device does."""
_PATIENCE = 15.0
"""So many times as long by the clock."""
_MAX_SAID = 300


def probe_generation(index_dir: Path, manifest: Manifest) -> None:
    """Return where the generation is well; raises FormatError where it is not, UnavailableError where nobody knows."""
    size = sum(segment.vectors.size + segment.rows.size for segment in manifest.segments)
    views = sum(segment.count for segment in manifest.segments)
    seconds = _BASE_S + _PER_VIEW_S * views
    words = (str(index_dir), str(manifest.seq), str(_BASE_BYTES + _PER_BYTE * size), str(math.ceil(seconds)))
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    child = start_module("cloud_sync.index.probe", *words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        said = child.communicate(timeout=_PATIENCE * seconds)[1].decode(errors="replace").strip()
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            f"Generation {manifest.seq} could not be tried in {_PATIENCE * seconds:.0f} s: is this device so busy?"
        ) from error
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    if child.returncode == -signal.SIGXCPU:
        raise FormatError(
            f"Generation {manifest.seq} takes a processor more than {seconds:.0f} s to try: it is refused."
        )
    last = said.splitlines()[-1][:_MAX_SAID] if said else ""
    if child.returncode == -signal.SIGKILL:  # no fault of a program's own ends it like that
        raise UnavailableError(f"Generation {manifest.seq} was not tried to the end: is the memory too small?")
    if child.returncode == probe.UNKNOWN:
        raise UnavailableError(last)
    if child.returncode == probe.BAD:
        raise FormatError(last)
    if child.returncode:
        raise FormatError(f"Generation {manifest.seq} ended the process that tried it ({_end(child.returncode)}).")


def _end(code: int) -> str:
    return f"exit code {code}" if code > 0 else signal.Signals(-code).name
