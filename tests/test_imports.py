"""The direction of imports: who may know whom, and which module alone knows an external library."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("components", "dashboard", "cloud_sync", "index_builder")
# What touches the world: no file, socket, clock, thread, process or log in the core.
WORLD = {
    *("asyncio", "concurrent", "ctypes", "datetime", "fcntl", "glob", "http", "importlib", "io", "logging", "mmap"),
    *("multiprocessing", "os", "pathlib", "pickle", "queue", "random", "select", "selectors", "shutil", "signal"),
    *("socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid", "_thread"),
}
COMPONENTS = (
    *("components.featurizer", "components.searcher", "components.nucleus", "components.demo"),
    *("dashboard", "cloud_sync"),
)
MAY_IMPORT = {
    "index_builder": ("components.featurizer", "components.searcher", "cloud_sync"),
    "components.demo": ("components.featurizer", "components.nucleus", "index_builder"),
    "cloud_sync.index.probe": ("components.featurizer", "components.searcher"),
}
"""The builder and the device share one implementation, a generation is tried by what will use it, the demo joins all of
them; nobody else imports a component."""
ONLY_IN = {
    "awsiot": ("components.greengrass.link", "components.nucleus.broker"),
    "awscrt": ("components.greengrass.link", "components.nucleus.broker"),
    "annoy": ("components.searcher.annoy_index",),
    "boto3": ("cloud_sync.sources.s3", "cloud_sync.fleet.aws", "index_builder.publish.s3_place"),
    "flask": ("dashboard",),
    "granian": ("dashboard.server",),
    "a2wsgi": ("dashboard.server",),
    "openvino": ("components.featurizer.embedder", "index_builder"),
    "zstandard": ("components.store",),
    "sqlite3": ("index_builder.embedding_store", "cloud_sync", "components.taught_store", "components.outbox"),
    "httpx": ("index_builder.pictures",),
    "yaml": ("components.nucleus",),
    "tuf": ("cloud_sync.trust", "index_builder.publish"),
    "securesystemslib": ("index_builder.publish.keys", "index_builder.publish.private_keys"),
}


def within(module: str, parts: tuple[str, ...]) -> bool:
    return any(module == part or module.startswith(part + ".") for part in parts)


def imported(source: str, module: str, is_package: bool = False) -> Iterator[str]:
    """Every module that ``source``, the text of ``module``, imports anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if is_package else module.split(".")[:-1]
                base = ".".join([*package[: len(package) + 1 - node.level], *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"__import__", "importlib.import_module"}:
            yield ast.literal_eval(node.args[0]) if isinstance(node.args[0], ast.Constant) else "importlib"


def faults(source: str, module: str, is_package: bool = False) -> list[str]:
    """What is wrong with the imports of one module, one sentence each."""
    found = []
    for name in imported(source, module, is_package):
        top = name.split(".")[0]
        if within(module, ("components.core",)) and not _allowed_in_core(name, top):
            found.append(f"{module} imports {name}: the core knows the standard library's pure part, numpy and itself")
        for component in COMPONENTS:
            foreign = within(name, (component,)) and not within(module, (component,))
            if foreign and not _may_import(module, component):
                found.append(f"{module} imports {name}: components never import each other")
        at_home = within(module, ("index_builder",)) or _may_import(module, "index_builder")
        if within(name, ("index_builder",)) and not at_home:
            found.append(f"{module} imports {name}: the builder stays at home")
        if top in ONLY_IN and not within(module, ONLY_IN[top]):
            found.append(f"{module} imports {name}: only {' and '.join(ONLY_IN[top])} may")
    return found


def _allowed_in_core(name: str, top: str) -> bool:
    if top == "components":
        return within(name, ("components.core",))
    return top == "numpy" or (top in sys.stdlib_module_names and top not in WORLD)


def _may_import(module: str, component: str) -> bool:
    return any(within(module, (who,)) and component in whom for who, whom in MAY_IMPORT.items())


def modules() -> Iterator[tuple[str, Path]]:
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*.py")):
            names = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(names[:-1] if names[-1] == "__init__" else names), path


def test_every_module_keeps_the_direction() -> None:
    every = list(modules())
    assert {"components.core.messages", "dashboard.app", "index_builder.build", "cloud_sync"} <= {m for m, _ in every}
    found = [fault for module, path in every for fault in faults(path.read_text(), module, path.name == "__init__.py")]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("components.core.messages", "import os"),
        ("components.core.messages", "import os.path"),
        ("components.core.messages", "from time import monotonic"),
        ("components.core.messages", "def f():\n    import threading"),
        ("components.core.messages", "import logging"),
        ("components.core.messages", "from pathlib import Path"),
        ("components.core.messages", "import socket"),
        ("components.core.messages", "import io"),
        ("components.core.messages", "import subprocess"),
        ("components.core.messages", "import zstandard"),
        ("components.core.messages", "from components.files import write_whole"),
        ("components.core.messages", "from components import store"),
        ("components.core.messages", "from .. import store"),
        ("components.core.messages", "__import__('os')"),
        ("components.core.messages", "import importlib"),
        ("components.featurizer.pipeline", "from components.searcher.index import Index"),
        ("components.featurizer.pipeline", "from components import searcher"),
        ("components.featurizer.pipeline", "from ..searcher import index"),
        ("components.searcher.index", "import components.featurizer.frame"),
        ("components.searcher.index", "import dashboard"),
        ("dashboard.app", "from cloud_sync import outbox"),
        ("dashboard.app", "from components.searcher.index import Index"),
        ("cloud_sync.pull", "from components.nucleus import wire"),
        ("components.store", "from components.searcher.snapshot import Snapshot"),
        ("components.searcher.index", "from index_builder.build import build"),
        ("index_builder.build", "from components.nucleus import wire"),
        ("index_builder.build", "from dashboard.app import create_app"),
        ("components.nucleus.wire", "import awscrt.io"),
        ("components.bus", "from awsiot import greengrasscoreipc"),
        ("components.greengrass.bus", "from awsiot import greengrasscoreipc"),
        ("components.searcher.index", "from annoy import AnnoyIndex"),
        ("index_builder.tuning", "import annoy"),
        ("components.store", "import boto3"),
        ("dashboard.app", "import boto3"),
        ("cloud_sync.fleet.cli", "import boto3"),
        ("components.searcher.index", "from flask import Flask"),
        ("dashboard.app", "import granian"),
        ("components.featurizer.pipeline", "import openvino as ov"),
        ("dashboard.search", "try:\n    import openvino\nexcept ImportError:\n    pass"),
        ("index_builder.build", "import zstandard"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str) -> None:
    assert faults(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "components.core.messages",
            "import json\nimport numpy as np\nfrom components.core.errors import MessageError",
        ),
        ("components.core.generations", "from .errors import FormatError"),
        ("components.searcher.annoy_index", "from annoy import AnnoyIndex"),
        ("components.searcher.index", "from . import snapshot\nimport time"),
        ("index_builder.build", "from components.featurizer.model import Model\nimport openvino"),
        ("dashboard.app", "from flask import Flask\nfrom components.store import Store"),
        ("components.greengrass.link", "from awscrt.io import EventLoopGroup"),
    ],
)
def test_an_allowed_import_is_not(module: str, source: str) -> None:
    assert not faults(source, module)
