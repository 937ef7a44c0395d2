"""The stand-in nucleus deploys greengrass-build/ as it stands, like the two nuclei: one unpacks what it is given."""

from pathlib import Path

import pytest
from nucleus_support import recipe, wait_for, write_recipes

from components.core.errors import ConfigurationError
from components.nucleus.deployment import Deployment
from components.nucleus.limits import LIMITS
from components.nucleus.nucleus import Nucleus
from components.nucleus.recipe import RecipeError, load_recipes
from recipes.archive import write_zip

NAME = "com.example.Thing"
FILES = 'ls "{artifacts:path}" >files; ls "{artifacts:decompressedPath}/thing" >unpacked 2>/dev/null; touch done'


def built(folder: Path) -> Path:
    """A tree as it is built: one recipe with its version in the file's name, one artifact."""
    document = recipe(NAME, run="true")
    document["Manifests"][0]["Lifecycle"]["install"] = FILES
    document["Manifests"][0]["Artifacts"] = [{"URI": "s3://B/C/V/thing.zip", "Unarchive": "ZIP"}]
    write_recipes(folder / "recipes", document)
    (folder / "recipes" / f"{NAME}.yaml").rename(folder / "recipes" / f"{NAME}-1.0.0.yaml")
    write_zip(folder / "artifacts" / NAME / "1.0.0" / "thing.zip", {"code.py": b"pass"}, 10**9)
    return folder


def deployment(tree: Path, root: Path, limits: str) -> Deployment:
    return Deployment(
        root=root, recipes=tree / "recipes", artifacts=tree / "artifacts", source=tree, limits=LIMITS[limits]
    )


def test_one_nucleus_unpacks_what_a_local_deployment_brings(tmp_path: Path, limits: str) -> None:
    work = tmp_path / "root" / "work" / NAME
    with Nucleus(deployment(built(tmp_path), tmp_path / "root", limits)):
        wait_for((work / "done").exists, "install is done")
    assert (work / "files").read_text() == "thing.zip\n"
    assert (work / "unpacked").read_text() == {"classic": "code.py\n", "lite": ""}[limits]


def test_what_was_unpacked_for_another_nucleus_is_gone(tmp_path: Path) -> None:
    tree = built(tmp_path)
    for limits in ("classic", "lite"):
        with Nucleus(deployment(tree, tmp_path / "root", limits)) as nucleus:
            nucleus.wait_running()
    assert not (tmp_path / "root" / "packages" / "artifacts-unarchived" / NAME / "1.0.0" / "thing").exists()


def test_an_environment_that_was_linked_is_not_cleared_by_an_install(tmp_path: Path) -> None:
    environment = tmp_path / "env"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").touch()
    tree, root = built(tmp_path), tmp_path / "root"
    with Nucleus(Deployment(root=root, recipes=tree / "recipes", python_env=environment)):
        pass
    assert (root / "work" / NAME / "venv").is_symlink()
    with Nucleus(deployment(tree, root, "lite")):
        pass
    assert not (root / "work" / NAME / "venv").is_symlink()
    assert (environment / "bin" / "python").exists()


def test_an_artifact_that_is_not_built_is_named(tmp_path: Path) -> None:
    tree = built(tmp_path)
    (tree / "artifacts" / NAME / "1.0.0" / "thing.zip").unlink()
    with pytest.raises(ConfigurationError, match=r"thing\.zip is missing: python -m recipes build makes it"):
        Nucleus(deployment(tree, tmp_path / "root", "lite")).start()


def test_an_artifact_that_is_broken_is_named(tmp_path: Path) -> None:
    tree = built(tmp_path)
    (tree / "artifacts" / NAME / "1.0.0" / "thing.zip").write_bytes(b"PK")
    with pytest.raises(ConfigurationError, match=r"thing\.zip cannot be unpacked"):
        Nucleus(deployment(tree, tmp_path / "root", "classic")).start()


def test_the_same_recipe_twice_is_one_component(tmp_path: Path) -> None:
    recipes = built(tmp_path) / "recipes"
    (recipes / f"{NAME}.yaml").write_bytes((recipes / f"{NAME}-1.0.0.yaml").read_bytes())
    assert [one.name for one in load_recipes(recipes)] == [NAME]


def test_two_recipes_of_one_component_are_refused(tmp_path: Path) -> None:
    recipes = built(tmp_path) / "recipes"
    write_recipes(recipes, recipe(NAME, run="exec sleep 1"))
    with pytest.raises(RecipeError, match=rf"{NAME}\.yaml is not the only recipe of {NAME}"):
        load_recipes(recipes)
