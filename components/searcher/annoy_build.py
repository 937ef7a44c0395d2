"""``python -m components.searcher.annoy_build INDEX_DIR SEQ``: build one generation's Annoy file, out of the way."""

import os
import sys
from pathlib import Path

from components.core.errors import LookalikeError
from components.searcher.annoy_index import build_file, cache_path
from components.searcher.snapshot import load_snapshot
from components.store import Store


def main(index_dir: Path, seq: int) -> int:
    """Exit code 0, or 1 with one sentence on standard error."""
    os.nice(19)
    try:
        snapshot = load_snapshot(Store(index_dir), seq)
        path = cache_path(index_dir, snapshot.manifest)
        build_file(snapshot.vectors[: snapshot.base], path, snapshot.manifest.search.n_trees)
    except (LookalikeError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
