"""Whether this machine computes embeddings as another one does: ``python -m components.featurizer.self_test``.

A few pictures, made on the spot, go through the real model. ``--save`` keeps their embeddings; ``--against`` compares
with those that were kept elsewhere. A wheel that is built for a newer processor ends it with SIGILL.
"""

import argparse
import io
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.core.errors import FormatError, LookalikeError, ModelMismatchError, UnavailableError
from components.featurizer.configuration import FeaturizerConfiguration
from components.featurizer.embedder import DEVICES, Embedder
from components.featurizer.generation_model import load_model_of
from components.featurizer.model import Model, read_model_dir
from components.featurizer.qualification import MIN_COSINE, PICTURES, Vectors, pictures, qualify
from components.files import write_whole
from components.store import Store


@dataclass(frozen=True)
class Kept:
    """The embeddings of the first pictures of the qualification."""

    model: str
    """Digest."""
    vectors: Vectors
    """Shape (pictures, dim), float32."""


def compute(embedder: Embedder, size: int, count: int) -> Kept:
    """Embed ``count`` pictures of ``size`` x ``size`` pixels; raises UnavailableError where a vector is not valid."""
    vectors = np.stack([embedder.embed(picture) for picture in pictures(size)[:count]])
    return Kept(embedder.model_digest, vectors)


def compare(here: Kept, elsewhere: Kept) -> None:
    """Raises UnavailableError where this machine computes something else, ModelMismatchError for another model."""
    if here.model != elsewhere.model:
        raise ModelMismatchError(
            f"The embeddings to compare with are of model {elsewhere.model[:12]}, here is {here.model[:12]}: "
            "save them with the same model."
        )
    count = min(len(here.vectors), len(elsewhere.vectors))
    wrong = qualify(elsewhere.vectors[:count], here.vectors[:count])
    if wrong is not None:
        raise UnavailableError(f"This machine computes wrong embeddings: {wrong.replace('CPU', 'expected ones')}.")


def save(kept: Kept, path: Path) -> None:
    """Write the embeddings; raises UnavailableError."""
    data = io.BytesIO()
    np.savez(data, model=np.array(kept.model), vectors=kept.vectors)
    try:
        write_whole(path, data.getvalue())
    except OSError as error:
        raise UnavailableError(f"Cannot write {path}: {error.strerror}.") from error


def load(path: Path) -> Kept:
    """What ``save`` wrote; raises UnavailableError or FormatError."""
    try:
        # From memory: numpy leaves a damaged file open.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as read:
            return Kept(str(read["model"]), np.asarray(read["vectors"], np.float32))
    except OSError as error:
        raise UnavailableError(f"Cannot read {path}: {error.strerror}.") from error
    except (AttributeError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path} does not hold embeddings that a self-test saved: save them again.") from error


def main() -> int:
    """Embed, compare, say what came of it; 1 with a sentence where that went wrong."""
    arguments = _parser().parse_args()
    try:
        model = _model(arguments.model, arguments.index_dir)
        embedder = Embedder(model, arguments.device)
        here = compute(embedder, model.preprocessing.size, arguments.pictures)
        compare(here, load(arguments.against) if arguments.against else here)
        if arguments.save:
            save(here, arguments.save)
    except LookalikeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    said = f"cosine of at least {MIN_COSINE} to {arguments.against}" if arguments.against else "valid, all different"
    print(f"{len(here.vectors)} embeddings of {model.name} on {embedder.device}: {said}.")
    return 0


def _model(folder: Path | None, index_dir: Path) -> Model:
    if folder is not None:
        return read_model_dir(folder)
    store = Store(index_dir)
    return load_model_of(store, store.manifest(store.require_active()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m components.featurizer.self_test", description=__doc__)
    add, index_dir = parser.add_argument, Path(FeaturizerConfiguration.index_dir)
    add("--index-dir", type=Path, default=index_dir, metavar="DIR", help="whose model is tried; default: %(default)s")
    add("--model", type=Path, metavar="DIR", help="a model's folder instead")
    add("--device", choices=DEVICES, default="CPU", help="default: %(default)s")
    add("--pictures", type=int, choices=range(2, PICTURES + 1), default=PICTURES, metavar="N", help="2 to 16")
    add("--save", type=Path, metavar="FILE.npz", help="keep the embeddings")
    add("--against", type=Path, metavar="FILE.npz", help="compare with the embeddings that another machine kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
