"""Which of our files a component needs: its own package, and every module of ours that one of these imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

OURS = ("components", "dashboard", "cloud_sync", "index_builder")
_LEFT_OUT = ("__pycache__",)


def files_of(module: str, root: Path) -> dict[str, Path]:
    """The files that ``python -m module`` needs out of the source tree ``root``, by their path in the tree."""
    own = root / Path(*module.split("."))
    waiting = [path for path in sorted(own.rglob("*")) if _is_wanted(path.relative_to(root))]
    found: dict[str, Path] = {}
    while waiting:
        path = waiting.pop()
        name = path.relative_to(root).as_posix()
        if path.is_file() and name not in found:
            found[name] = path
            waiting += [*_packages(path, root), *(_imported_files(path, root) if path.suffix == ".py" else ())]
    return dict(sorted(found.items()))


def _is_wanted(path: Path) -> bool:
    return not any(part in _LEFT_OUT or part.startswith(".") or part.endswith("~") for part in path.parts)


def _packages(path: Path, root: Path) -> Iterator[Path]:
    """The ``__init__.py`` of every package that ``path`` lies in."""
    for folder in path.relative_to(root).parents:
        yield root / folder / "__init__.py"


def _imported_files(path: Path, root: Path) -> Iterator[Path]:
    for name in _imported(path, root):
        if name.split(".")[0] in OURS:
            base = root / Path(*name.split("."))
            yield from (base.with_suffix(".py"), base / "__init__.py")


def _imported(path: Path, root: Path) -> Iterator[str]:
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(OURS):
            # A child process is started by its module's name.
            yield node.value if node.value.replace(".", "").isidentifier() else ""
