"""What many tests share: the default model, made once per run, and the real photos where they are."""

from pathlib import Path

import pytest

from components.featurizer.model import Model
from index_builder.model import make_default_model

GROCERY = Path(__file__).parents[2] / "shared" / "data" / "grocery"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """EfficientNet-Lite0, as `python -m index_builder model` makes it."""
    return make_default_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def grocery() -> Path:
    """The folder of real product pictures and photos."""
    if not GROCERY.exists():
        pytest.skip("the grocery pictures (GroceryStoreDataset, MIT) are not beside the project")
    return GROCERY
