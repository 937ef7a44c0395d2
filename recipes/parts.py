"""The components as their recipes name them: what each one starts, and what its artifact is called."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.core.errors import ConfigurationError, FormatError
from components.nucleus.deployment import full_name
from components.nucleus.recipe import Recipe, load_recipes

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "recipes"
UMBRELLA = "com.lookalike.Lookalike"
# The doctor travels with the component whose environment has all that it asks about.
_BESIDE = {"components.featurizer": ("components.doctor",)}

_MODULE = re.compile(r" -m ([\w.]+)\s*\Z")


@dataclass(frozen=True)
class Part:
    """One component; the umbrella has no artifact."""

    recipe: Recipe
    artifact: str | None
    """The zip's name without its ending, like ``lookalike-searcher``."""
    module: str | None
    """What ``run`` starts, like ``components.searcher``."""

    @property
    def modules(self) -> tuple[str, ...]:
        """What its artifact must be able to start."""
        return () if self.module is None else (self.module, *_BESIDE.get(self.module, ()))

    @property
    def name(self) -> str:
        """The component's full name."""
        return self.recipe.name

    @property
    def file(self) -> Path:
        """The recipe."""
        return RECIPES / f"{self.name}.yaml"

    @property
    def extra(self) -> str:
        """Its group of dependencies in pyproject.toml, which is also the name of its lock."""
        return (self.artifact or "").removeprefix("lookalike-")


def all_parts(recipes: Path = RECIPES) -> list[Part]:
    """Every component, each after those that it depends on; raises RecipeError with every problem of the recipes."""
    return [_part(recipe) for recipe in load_recipes(recipes)]


def chosen(parts: Sequence[Part], names: Sequence[str]) -> list[Part]:
    """Those of ``parts`` that ``names`` mean (full name, last part of it, or name of its group); all without names.

    Raises ConfigurationError for a name that is not known.
    """
    extras = {part.extra: part.name for part in parts if part.extra}
    known = [part.name for part in parts]
    wanted = {extras[name] if name in extras else full_name(known, name) for name in names}
    return [part for part in parts if not wanted or part.name in wanted]


def one_version(parts: Sequence[Part]) -> str:
    """The version that all components share; raises ConfigurationError where they do not."""
    versions = sorted({part.recipe.version for part in parts})
    if len(versions) != 1:
        raise ConfigurationError(
            f"The recipes have different versions ({', '.join(versions)}): give them the same one."
        )
    return versions[0]


def _part(recipe: Recipe) -> Part:
    if not recipe.archives:
        return Part(recipe, None, None)
    found = _MODULE.search(recipe.run)
    if len(recipe.archives) != 1 or found is None:
        raise FormatError(f"{recipe.name} must have one zip as artifact and a run that ends with '-m <module>'.")
    return Part(recipe, recipe.archives[0], found[1])
