"""Recipes, clients and deadlines for the tests of the stand-in nucleus."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import awsiot.greengrasscoreipc
import yaml
from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2
from awsiot.greengrasscoreipc.model import BinaryMessage, JsonMessage, PublishMessage

from components.greengrass import SOCKET_VARIABLE, TOKEN_VARIABLE
from components.nucleus.access import PUBSUB
from components.nucleus.deployment import Deployment
from components.nucleus.limits import LIMITS

_TREE = Path(__file__).parents[1]


def recipe(
    name: str,
    run: str = "true",
    *,
    publishes: Sequence[str] = (),
    subscribes: Sequence[str] = (),
    settings: dict[str, Any] | None = None,
    needs: Sequence[str] = (),
) -> dict[str, Any]:
    """A recipe that works on both nuclei."""
    policies = {
        f"{name}:{operation}": {"operations": [f"aws.greengrass#{operation}"], "resources": list(topics)}
        for operation, topics in (("PublishToTopic", publishes), ("SubscribeToTopic", subscribes))
        if topics
    }
    defaults = {**(settings or {}), "accessControl": {PUBSUB: policies}}
    return {
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": name,
        "ComponentVersion": "1.0.0",
        "ComponentPublisher": "Tests",
        "ComponentDependencies": {
            other: {"VersionRequirement": ">=1.0.0 <2.0.0", "DependencyType": "SOFT"} for other in needs
        },
        "ComponentConfiguration": {"DefaultConfiguration": defaults},
        "Manifests": [{"Platform": {"os": "linux", "runtime": "*"}, "Lifecycle": {"run": run}}],
    }


def write_recipes(directory: Path, *recipes: dict[str, Any]) -> Path:
    """The recipes as files in ``directory``."""
    directory.mkdir(exist_ok=True)
    for one in recipes:
        (directory / f"{one['ComponentName']}.yaml").write_text(yaml.safe_dump(one))
    return directory


def deployment(tmp_path: Path, *recipes: dict[str, Any], limits: str = "lite", **more: Any) -> Deployment:
    """A deployment of ``recipes`` under ``tmp_path``."""
    directory = write_recipes(tmp_path / "recipes", *recipes)
    return Deployment(root=tmp_path / "root", recipes=directory, limits=LIMITS[limits], **more)


def our_deployment(root: Path, limits: str, **more: Any) -> Deployment:
    """The product's own components, from this tree and this Python."""
    recipes, python_env = _TREE / "recipes", Path(sys.prefix)
    outbox, overrides = {"outbox_dir": str(root / "outbox")}, dict(more.pop("overrides", {}))
    for name in ("Searcher", "CloudSync"):
        overrides[name] = {**outbox, **overrides.get(name, {})}
    more["overrides"] = overrides
    return Deployment(root=root, recipes=recipes, source=_TREE, python_env=python_env, limits=LIMITS[limits], **more)


@contextlib.contextmanager
def client(environment: dict[str, str]) -> Iterator[GreengrassCoreIPCClientV2]:
    """The vendor's own client, connected."""
    socket, token = environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE]
    made = GreengrassCoreIPCClientV2(awsiot.greengrasscoreipc.connect(ipc_socket=socket, authtoken=token), None)
    try:
        yield made
    finally:
        with contextlib.suppress(Exception):
            made.close().result(5)


def binary(data: bytes) -> PublishMessage:
    return PublishMessage(binary_message=BinaryMessage(message=data))


def json_message(value: dict[str, Any]) -> PublishMessage:
    return PublishMessage(json_message=JsonMessage(message=value))


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 15.0) -> Any:
    """What ``condition`` gives as soon as that is true; fails after the deadline."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.01)
    return value


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and only waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
