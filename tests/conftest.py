"""What many tests share: the two nuclei, real photos; the default model and greengrass-build/, made once per run."""

import sys
from pathlib import Path

import pytest
from registry import pip_or_skip

from components.featurizer.model import Model, describe
from components.nucleus.limits import LIMITS
from index_builder.model import make_default_model
from recipes.build import Order, build
from recipes.parts import all_parts

GROCERY = Path(__file__).parents[2] / "shared" / "data" / "grocery"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--limits lite``: the tests that need a nucleus on this one alone."""
    parser.addoption("--limits", choices=sorted(LIMITS), help="of the tests on a nucleus, only those on this one")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests on the other nucleus, where one was chosen."""
    chosen = config.getoption("limits")
    others = [item for item in items if chosen and _nucleus_of(item) not in (None, chosen)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


def _nucleus_of(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("limits") if callspec is not None else None


@pytest.fixture(scope="module", params=sorted(LIMITS))
def limits(request: pytest.FixtureRequest) -> str:
    """Whose limits the stand-in nucleus has: a test that takes this runs on both nuclei."""
    return str(request.param)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """EfficientNet-Lite0, as `python -m index_builder model` makes it."""
    return make_default_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def model_dir(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EfficientNet-Lite0 as a directory."""
    folder = tmp_path_factory.mktemp("model")
    for name, data in (("model.xml", model.xml), ("model.bin", model.bin), ("model.json", describe(model))):
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def grocery() -> Path:
    """The folder of real product pictures and photos."""
    if not GROCERY.exists():
        pytest.skip("the grocery pictures (GroceryStoreDataset, MIT) are not beside the project")
    return GROCERY


@pytest.fixture(scope="session")
def greengrass_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `python -m recipes build` makes, in full, for this Python."""
    folder = tmp_path_factory.mktemp("built")
    pip_or_skip(folder, "download", "--quiet", "--no-deps", "--dest", folder / "any", "pip")
    out = folder / "greengrass-build"
    build(all_parts(), Order(out, (f"{sys.version_info.major}.{sys.version_info.minor}",)))
    return out
