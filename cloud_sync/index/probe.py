"""``python -m cloud_sync.index.probe INDEX_DIR SEQ BYTES SECONDS``: tries a staged generation as components use it.

It does to it what they would do, in a process of its own: what ends this process does not end theirs.
"""

import os
import resource
import sys
from pathlib import Path

from cloud_sync.index.generation_objects import STAGED, is_there, known_thumbnails, thumbnails
from components.core.errors import BadContentError, FormatError, LookalikeError
from components.featurizer.generation_model import load_model_of
from components.searcher.golden_check import check_golden
from components.searcher.snapshot import Snapshot, load_snapshot
from components.store import Store

GOOD, BAD, UNKNOWN = 0, 3, 4
"""Exit codes; UNKNOWN is a disk that cannot be read."""


def main(index_dir: Path, seq: int, max_bytes: int, max_cpu_s: int) -> int:
    """Exit code as above, with one sentence on standard error unless all is well; beyond ``max_cpu_s``, a signal."""
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (max_cpu_s, max_cpu_s + 1))
    try:
        check(Store(index_dir, STAGED), seq)
    except MemoryError:
        sys.stderr.write(f"Generation {seq} needs more than {max_bytes / 1e6:.0f} MB of memory: publish less of it.\n")
        return BAD
    except BadContentError as error:
        sys.stderr.write(f"{error}\n")
        return BAD
    except LookalikeError as error:
        sys.stderr.write(f"{error}\n")
        return UNKNOWN
    return GOOD


def check(store: Store, seq: int) -> None:
    """Load and ask generation ``seq`` as the components would; raises a LookalikeError that says what is wrong."""
    snapshot = load_snapshot(store, seq)
    _require_counts(snapshot)
    check_golden(store, snapshot)
    load_model_of(store, snapshot.manifest)
    known = known_thumbnails(Store(store.index_dir))
    for digest in thumbnails(store, snapshot.manifest):
        if not is_there(store, digest, known):
            raise FormatError(f"A picture of generation {seq} is missing or damaged: fetch or publish it again.")


def _require_counts(snapshot: Snapshot) -> None:
    manifest, views = snapshot.manifest, len(snapshot.alive)
    items = len({snapshot.item_of[ordinal] for ordinal in snapshot.alive.tolist()})
    if (items, views) != (manifest.items, manifest.views):
        raise FormatError(
            f"Generation {manifest.seq} says {manifest.items} items in {manifest.views} views, but holds {items} in "
            f"{views}: build it again."
        )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:5])))
