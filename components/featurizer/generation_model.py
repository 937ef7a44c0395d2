"""The model that an index generation brings."""

from components.core.errors import ModelMismatchError
from components.core.generations import Manifest
from components.featurizer.model import Model, load_model
from components.store import Store


def load_model_of(store: Store, manifest: Manifest) -> Model:
    """The model that a generation brings; raises UnavailableError, FormatError or ModelMismatchError."""
    xml, weights, description = (
        store.read_ref(manifest.model.file(name)) for name in ("model.xml", "model.bin", "model.json")
    )
    model = load_model(xml, weights, description)
    if model.digest != manifest.model.digest:
        raise ModelMismatchError(
            f"Index generation {manifest.seq} names model {manifest.model.digest[:12]}, but holds {model.digest[:12]}: "
            "build or fetch it again."
        )
    return model
