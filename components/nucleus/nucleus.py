"""The stand-in nucleus as a library: ``with Nucleus(deployment) as nucleus: ...``."""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from components.core.errors import ConfigurationError, UnavailableError
from components.nucleus.access import Access, FullAccess
from components.nucleus.broker import MqttBroker
from components.nucleus.deployment import (
    Deployment,
    Places,
    check_python_env,
    chosen_recipes,
    configuration_of,
    full_name,
    inherited_environment,
    ipc_environment,
)
from components.nucleus.ipc import Listener, Permissions
from components.nucleus.operations import Configurations, IotCore, LocalTopics, States, operations
from components.nucleus.recipe import Recipe, load_recipes
from components.nucleus.settings_store import SettingsStore
from components.nucleus.supervisor import ComponentStatus, Console, Program, Supervised, stop_all

log = logging.getLogger(__name__)

# Beyond the time that its components get to stop.
_PATIENCE_S = 10.0
_MAX_SOCKET_PATH = 107
_SPOOL_S = 0.5

R = TypeVar("R")


class Nucleus:
    """Runs the components of a deployment, on a thread of its own, from ``start`` to ``stop``.

    ``console(component, line)`` gets every line that a component prints.
    """

    def __init__(self, deployment: Deployment, console: Console | None = None) -> None:
        self._deployment = deployment
        self._console = console
        self._root = deployment.root.absolute()
        self._store = SettingsStore()
        self._iot_core = IotCore(deployment.limits, deployment.online, deployment.iot_core_log)
        self._clients: dict[str, tuple[str, Permissions]] = {}
        self._components: dict[str, Supervised] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._end: asyncio.Event | None = None
        self._failure: BaseException | None = None

    @property
    def socket(self) -> Path:
        """Where clients connect."""
        return self._root / "ipc.socket"

    def start(self) -> None:
        """Listen, and start every component; returns when their processes are being started.

        Raises RecipeError, ConfigurationError, or UnavailableError where another nucleus runs in the same root.
        """
        recipes = chosen_recipes(self._deployment)
        check_python_env(self._deployment.python_env)
        self._prepare()
        names = [recipe.name for recipe in load_recipes(self._deployment.recipes)]
        programs = [self._program(recipe, names) for recipe in recipes]
        self._thread = threading.Thread(target=self._run, args=(programs,), name="nucleus", daemon=True)
        self._thread.start()
        self._started.wait(_PATIENCE_S)
        if self._failure is not None:
            self._thread.join(_PATIENCE_S)
            raise UnavailableError(f"The nucleus could not start in {self._root}: {self._failure}.")

    def stop(self) -> None:
        """End every component (SIGTERM, SIGKILL after 5 s) and the nucleus; harmless when it does not run."""
        if self._loop is not None and self._end is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(self._deployment.stop_grace_s + _PATIENCE_S)
            if self._thread.is_alive():
                log.error("The nucleus in %s did not stop in time.", self._root)

    def __enter__(self) -> "Nucleus":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def states(self) -> dict[str, ComponentStatus]:
        """How every component is, by its name."""
        return {name: component.status for name, component in self._components.items()}

    def wait_running(self, timeout_s: float = 30.0) -> None:
        """Wait until every component runs, or has finished; raises UnavailableError for those that do not."""
        deadline = time.monotonic() + timeout_s
        while True:
            late = [s for s in self.states().values() if s.state not in ("running", "finished")]
            if not late:
                return
            if time.monotonic() > deadline:
                words = ", ".join(f"{status.name} is {status.state}" for status in late)
                raise UnavailableError(f"Not every component runs: {words}; see {self._root / 'logs'}.")
            time.sleep(0.05)

    def client_environment(self, component: str | None = None) -> dict[str, str]:
        """The environment of an operator's own client, which may use every topic, or of one that is ``component``."""
        token = self._operator_token()
        if component is not None:
            name = full_name(self._components, component)
            token = next(token for token, (known, _) in self._clients.items() if known == name)
        return ipc_environment(self._deployment, self.socket, token)

    def configure(self, component: str, changes: Mapping[str, Any]) -> None:
        """Merge ``changes`` into a component's configuration, as a deployment does.

        One nucleus restarts the component, the other notifies it.
        """
        name = full_name(self._components, component)
        self._in_loop(self._configure(name, changes))

    def restart(self, component: str) -> None:
        """End a component and start it again; one that was given up gets a new chance."""
        self._in_loop(self._components[full_name(self._components, component)].restart())

    def set_online(self, online: bool) -> None:
        """Plug the network in or out, as far as AWS IoT Core is concerned."""

        async def change() -> None:
            self._iot_core.go_online(online)

        self._in_loop(change())

    def _in_loop(self, work: Coroutine[Any, Any, R]) -> R:
        if self._loop is None:
            work.close()
            raise UnavailableError("The nucleus does not run; start it first.")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(self._deployment.stop_grace_s + _PATIENCE_S)

    async def _configure(self, name: str, changes: Mapping[str, Any]) -> None:
        if self._store.merge(name, (), changes) and self._deployment.limits.restarts_on_configuration:
            await self._components[name].restart()

    def _prepare(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        if len(os.fsencode(self.socket)) > _MAX_SOCKET_PATH:
            raise ConfigurationError(f"{self.socket} is too long for a socket; choose a shorter --root.")
        if _answers(self.socket):
            raise UnavailableError(f"Another nucleus runs in {self._root}: stop it, or choose another --root.")
        self.socket.unlink(missing_ok=True)
        self._clients[self._operator_token()] = ("operator", FullAccess())
        self._store.put("operator", {})

    def _operator_token(self) -> str:
        # Kept in a file, so that an operator's client outlives a restart of the nucleus.
        file = self._root / "operator.token"
        try:
            return file.read_text(encoding="ascii")
        except FileNotFoundError:
            token = secrets.token_urlsafe(24)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(token)
            return token

    def _program(self, recipe: Recipe, names: list[str]) -> Program:
        deployment, places = self._deployment, Places(self._root, recipe)
        places.prepare(deployment)
        self._store.put(recipe.name, configuration_of(deployment, recipe, names))
        token = secrets.token_urlsafe(24)
        self._clients[token] = (recipe.name, Access(recipe.configuration.get("accessControl") or {}))

        def resolved(text: str) -> str:
            return places.resolve(text, deployment, self._store.read(recipe.name))

        def environment() -> dict[str, str]:
            own = {name: resolved(value) for name, value in recipe.environment.items()}
            return {**inherited_environment(), **own, **ipc_environment(deployment, self.socket, token)}

        def install() -> str | None:
            needed = recipe.install is not None and deployment.python_env is None
            return resolved(recipe.install or "") if needed else None

        return Program(recipe.name, install, lambda: resolved(recipe.run), environment, places.work, places.log)

    def _run(self, programs: list[Program]) -> None:
        try:
            asyncio.run(self._serve(programs))
        except Exception as error:  # start() tells it, or the log does
            self._failure = error
            log.exception("The nucleus ended.")
        finally:
            self._loop = None
            self._started.set()

    async def _serve(self, programs: list[Program]) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        topics, states = LocalTopics(self._deployment.limits), States(self._report)
        served = operations(topics, self._iot_core, Configurations(self._store), states)
        listener = Listener()
        await listener.listen(self.socket, self._deployment.limits, self._clients.get, served)
        self._components = {program.name: Supervised(program, self._console) for program in programs}
        keeping = [asyncio.create_task(component.keep()) for component in self._components.values()]
        self._started.set()
        with self._cloud():
            await self._end.wait()
            await stop_all(self._components.values(), self._deployment.stop_grace_s)
        await asyncio.gather(*keeping)
        await listener.close()
        for component in self._components.values():
            component.close()
        self.socket.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _cloud(self) -> Iterator[None]:
        """Inside the block there is a connection to the broker that plays AWS IoT Core, where there is such a one."""
        loop, endpoint = asyncio.get_running_loop(), self._deployment.broker
        if endpoint is None:
            yield
            return

        def received(topic: str, payload: bytes) -> None:
            with contextlib.suppress(RuntimeError):  # the nucleus is about to end
                loop.call_soon_threadsafe(self._iot_core.deliver, topic, payload)

        broker = MqttBroker(endpoint, self._deployment.thing_name, received)
        self._iot_core.broker = broker
        spooling = loop.create_task(_every(_SPOOL_S, self._iot_core.send_spooled))
        try:
            yield
        finally:
            spooling.cancel()
            self._iot_core.broker = None
            broker.close()

    def _report(self, component: str, state: str) -> None:
        if component in self._components:
            self._components[component].report(state)


async def _every(seconds: float, work: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        work()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
