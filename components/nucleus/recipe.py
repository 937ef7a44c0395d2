"""Reads recipes/: one YAML file per component, checked against what both nuclei take, in the order of dependencies."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.core.errors import FormatError
from components.nucleus.recipe_rules import problems_of

MAX_RECIPE_BYTES = 16_000


class RecipeError(FormatError):
    """A recipe does not work on both nuclei; the text names every problem of the file."""


@dataclass(frozen=True)
class Recipe:
    """One component: what it needs, how it is installed and run, its default configuration."""

    name: str
    version: str
    dependencies: Mapping[str, str]
    """Version range by component name."""
    configuration: Mapping[str, Any]
    """The default configuration, with ``accessControl``."""
    install: str | None
    run: str
    environment: Mapping[str, str]
    archives: tuple[str, ...]
    """The names, without ending, of the artifact's zip files; each is unpacked into a directory of that name."""


def load_recipes(directory: Path) -> list[Recipe]:
    """The recipes in ``directory``, each after those that it depends on; raises RecipeError with all problems."""
    files = sorted(directory.glob("*.yaml"))
    if not files:
        raise RecipeError(f"There is no recipe (*.yaml) in {directory}; name the directory with --recipes.")
    recipes: dict[str, Recipe] = {}
    problems = []
    for file in files:
        try:
            recipe = load_recipe(file)
        except RecipeError as error:
            problems.append(str(error))
            continue
        if recipes.setdefault(recipe.name, recipe) != recipe:
            problems.append(f"{file.name} is not the only recipe of {recipe.name} in {directory}: leave one there.")
    if problems:
        raise RecipeError("\n".join(problems))
    return in_order(list(recipes.values()))


def load_recipe(file: Path) -> Recipe:
    """The recipe in ``file``, which is named like its component, with or without its version.

    Raises RecipeError with all its problems.
    """
    recipe = parse_recipe(file.read_bytes(), file.name)
    if file.stem not in (recipe.name, f"{recipe.name}-{recipe.version}"):
        raise RecipeError(f"{file.name} must be named like its component: {recipe.name}.yaml.")
    return recipe


def parse_recipe(data: bytes, where: str) -> Recipe:
    """The recipe in the YAML text ``data``; ``where`` names it in errors. Raises RecipeError with all its problems."""
    if len(data) > MAX_RECIPE_BYTES:
        raise RecipeError(f"{where} has {len(data)} bytes; Greengrass takes recipes of at most {MAX_RECIPE_BYTES}.")
    try:
        document = yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise RecipeError(f"{where} is not YAML: {' '.join(str(error).split())}.") from error
    problems = problems_of(document)
    if problems:
        raise RecipeError("\n".join(f"{where}: {problem}" for problem in problems))
    return _to_recipe(document)


def _to_recipe(document: Mapping[str, Any]) -> Recipe:
    manifest = document["Manifests"][0]
    lifecycle = manifest["Lifecycle"]
    environment = lifecycle.get("Setenv", {})
    return Recipe(
        name=document["ComponentName"],
        version=document["ComponentVersion"],
        dependencies={n: d["VersionRequirement"] for n, d in document.get("ComponentDependencies", {}).items()},
        configuration=document.get("ComponentConfiguration", {}).get("DefaultConfiguration", {}),
        install=_script(lifecycle["install"]) if "install" in lifecycle else None,
        run=_script(lifecycle["run"]),
        environment={name: str(value) for name, value in environment.items()},
        archives=tuple(Path(a["URI"]).stem for a in manifest.get("Artifacts", ()) if a.get("Unarchive") == "ZIP"),
    )


def _script(phase: str | Mapping[str, Any]) -> str:
    return phase if isinstance(phase, str) else str(phase["Script"])


def in_order(recipes: list[Recipe]) -> list[Recipe]:
    """``recipes``, each after those of them that it depends on; raises RecipeError for a circle."""
    by_name = {recipe.name: recipe for recipe in recipes}
    ordered: dict[str, Recipe] = {}

    def add(recipe: Recipe, under: tuple[str, ...]) -> None:
        if recipe.name in under:
            raise RecipeError(f"The components depend on each other in a circle: {' -> '.join((*under, recipe.name))}.")
        for name in recipe.dependencies:
            if name in by_name:
                add(by_name[name], (*under, recipe.name))
        ordered[recipe.name] = recipe

    for recipe in recipes:
        add(recipe, ())
    return list(ordered.values())
