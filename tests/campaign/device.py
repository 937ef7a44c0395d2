"""The product's real processes, started by the stand-in nucleus from the recipes, on a device whose parts can fail."""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from components.core.messages import RESULT_TOPIC, STATUS_TOPIC, SearchResult, Status, decode
from components.demo.material import index_of
from components.greengrass import GreengrassBus
from components.greengrass.bus import SOCKET_VARIABLE
from components.nucleus.deployment import Deployment
from components.nucleus.limits import LIMITS
from components.nucleus.nucleus import Nucleus
from tests.campaign.bus_switch import BusSwitch
from tests.campaign.camera import HttpCamera
from tests.campaign.disk import Disk, mounted
from tests.campaign.processes import child_of, free_port
from tests.campaign.wall_clock import WallClock
from tests.posing import Orders

SOURCE = Path(__file__).parents[2]
ITEMS = 12
COMPONENTS = {"featurizer": "Featurizer", "searcher": "Searcher", "dashboard": "Dashboard", "cloud_sync": "CloudSync"}
PATIENCE_S = 90.0
# The scale of the clock: hours and minutes of a real device are seconds here. All of it is what a deployment may set.
QUICK = {"frozen_after_s": "2", "gpu_ready_s": "10", "gpu_rest_s": "2", "max_fps": "5"}
FULL_SPEED = {"max_fps": "60"}


class Failure(Exception):
    """What the product owes and did not keep, in words."""


@dataclass(frozen=True)
class Heard:
    """A component's status, and when it came."""

    status: Status
    at: float


class Device:
    """A running device; ``statuses`` and ``results`` is all that came over its bus."""

    def __init__(self, folder: Path, disk: Disk, camera: HttpCamera, shown: str, source: str) -> None:
        self.disk, self.camera, self._shown = disk, camera, shown
        self.index, self.ram = disk.path / "index", Path(tempfile.mkdtemp(prefix="lookalike-campaign-", dir="/dev/shm"))
        self.port = free_port()
        self.clock = WallClock(folder)
        self.gpu = Orders(folder / "gpu-orders")
        self.gpu.give()
        self.statuses: list[Heard] = []
        self._restarted_at: dict[str, float] = {}
        self.results: list[SearchResult] = []
        root = folder / "nucleus"
        root.mkdir()
        (disk.path / "work").mkdir()
        (root / "work").symlink_to(disk.path / "work")
        self.bus = BusSwitch(folder / "bus.socket", root / "ipc.socket")
        self.nucleus = Nucleus(self._deployment(folder, root, source))

    def _deployment(self, folder: Path, root: Path, source: str) -> Deployment:
        index, ram = {"index_dir": str(self.index)}, {"ram_dir": str(self.ram)}
        outbox = {"outbox_dir": str(folder / "outbox")}  # not on the disk, which could not be made read-only then
        return Deployment(
            root=root,
            recipes=self._recipes(folder / "recipes"),
            source=SOURCE,
            python_env=Path(sys.prefix),
            limits=LIMITS["classic"],  # this one tells a component of a new configuration, and does not restart it
            overrides={
                "Featurizer": {**index, **ram, **(QUICK if self._shown else FULL_SPEED), "source": source},
                "Searcher": {**index, **outbox},
                "CloudSync": outbox,
                "Dashboard": {**index, **ram, "port": str(self.port)},
            },
        )

    def _recipes(self, folder: Path) -> Path:
        """The product's recipes, with what makes faults: a GPU that obeys, a clock that can be set, a bus to cut."""
        folder.mkdir()
        for file in (SOURCE / "recipes").glob("com.*.yaml"):
            recipe = yaml.safe_load(file.read_text())
            lifecycle = recipe["Manifests"][0]["Lifecycle"]
            if "Setenv" in lifecycle:
                lifecycle["Setenv"] |= self.clock.environment() | {"POSING_GPU_ORDERS": str(self.gpu.path)}
                lifecycle["Setenv"]["PYTHONPATH"] += f":{Path(__file__).parent / 'driver'}"
                lifecycle["run"] = f"export {SOCKET_VARIABLE}={self.bus.path}; {lifecycle['run']}"
            (folder / file.name).write_text(yaml.safe_dump(recipe))
        return folder

    @contextlib.contextmanager
    def running(self) -> Iterator["Device"]:
        with self.nucleus, self.bus:
            operator = GreengrassBus.from_environment(self.nucleus.client_environment())
            with contextlib.closing(operator):
                operator.subscribe(STATUS_TOPIC, self._hear_status)
                operator.subscribe(RESULT_TOPIC, lambda payload: self.results.append(decode(SearchResult, payload)))
                yield self

    def _hear_status(self, payload: bytes) -> None:
        self.statuses.append(Heard(decode(Status, payload), time.monotonic()))

    def starts(self) -> dict[str, tuple[int | None, int]]:
        """Process and number of starts of each component: another one tells that it ended."""
        known = self.nucleus.states().items()
        return {name: (one.pid, one.starts) for name, one in known if not name.endswith(".Lookalike")}

    def pid(self, component: str) -> int:
        found = self.nucleus.states()[_full(component)].pid
        if found is None:
            raise Failure(f"the {component} does not run")
        return found

    def work(self, component: str) -> Path:
        """The work folder of ``component``."""
        return self.disk.path / "work" / _full(component)

    def exit_code(self, component: str, pid: int) -> str:
        """What the process ``pid`` of ``component`` ended with; "" while the nucleus has it running."""
        state = self.nucleus.states()[_full(component)]
        return "" if state.pid == pid else str(state.exit_code)

    def restart(self, component: str) -> None:
        """End ``component`` if it runs, and start it."""
        self.nucleus.restart(_full(component))
        wait_for(lambda: self.nucleus.states()[_full(component)].pid, f"the {component} is started")
        self._restarted_at[component] = time.monotonic()

    def is_up(self, component: str) -> bool:
        """Whether ``component`` has said how it is since its start."""
        since = self._restarted_at.get(component, 0.0)
        return any(heard.status.component == component and heard.at > since for heard in reversed(self.statuses))

    def child(self, module: str) -> int:
        """The featurizer's child that runs ``module``."""
        return wait_for(lambda: child_of(self.pid("featurizer"), module), f"there is a process {module}")

    def get(self, path: str) -> Any:
        """What the dashboard answers; {} where it does not."""
        with contextlib.suppress(httpx.TransportError, ValueError):
            return httpx.get(f"http://localhost:{self.port}{path}", timeout=5).json()
        return {}

    def told(self, since: float) -> Iterator[tuple[str, str]]:
        """(component, reason) of every degraded status since then, over the bus and in the status API."""
        for heard in list(self.statuses):
            if heard.at >= since and heard.status.state == "degraded":
                yield heard.status.component, heard.status.reason
        for problem in self.get("/api/v1/status").get("problems", []):
            yield problem["component"], problem["reason"]

    def wait_until_well(self) -> None:
        """Wait until every component says that it runs, the GPU computes and the item shown is matched again."""
        results = len(self.results)
        wait_for(lambda: self._matches(results) >= 3, lambda: f"the item shown is matched again; {self.complaints()}")
        wait_for(lambda: not self._unwell(), lambda: f"all is well: {self._unwell()}; {self.complaints()}")

    def _matches(self, since: int) -> int:
        new = [one for one in self.results[since:] if one.decision == "match" and one.origin == "camera"]
        return sum(not self._shown or one.matches[0].item_id == self._shown for one in new)

    def _unwell(self) -> list[str]:
        newest = self._newest()
        bad = [name for name in COMPONENTS if name not in newest or newest[name].state != "running"]
        if not bad and newest["featurizer"].details.get("device") != "GPU":
            bad.append("the GPU")
        if not bad and (newest["searcher"].details.get("backend") != "annoy"):
            bad.append("Annoy")
        if not bad and self.get("/api/v1/status").get("problems") != []:
            bad.append("the status API")
        return bad

    def _newest(self) -> dict[str, Status]:
        return {heard.status.component: heard.status for heard in list(self.statuses)}

    def complaints(self) -> str:
        """What the components said last, where it was no good."""
        newest = self._newest()
        return "; ".join(f"{s.component} {s.state}: {s.reason}" for s in newest.values() if s.state != "running")


def _full(component: str) -> str:
    return f"com.lookalike.{COMPONENTS[component]}"


def wait_for(condition: Callable[[], Any], what: str | Callable[[], str], patience_s: float = PATIENCE_S) -> Any:
    """What ``condition`` gives as soon as that is true; raises Failure after the deadline."""
    deadline = time.monotonic() + patience_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"not within {patience_s:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.05)
    return found


@contextlib.contextmanager
def device(folder: Path, catalog: Path, *, busy: bool = False) -> Iterator[Device]:
    """A device in ``folder`` that runs and is well, with a network camera; a ``busy`` one has a synthetic camera."""
    built = index_of(catalog, catalog.parent, "--camera-views", "4")
    shown = sorted((catalog.parent / "pictures").iterdir())[0]
    with mounted(folder / "disk") as disk, HttpCamera(shown) as camera:
        for part in ("objects", "generations"):
            shutil.copytree(built / part, disk.path / "index" / part)
        source = f"synthetic:{catalog}?fps=30" if busy else camera.url
        made = Device(folder, disk, camera, "" if busy else shown.stem, source)
        with made.running():
            made.wait_until_well()
            yield made
        if made.ram.exists():
            raise Failure(f"{made.ram} was left behind: {sorted(made.ram.rglob('*'))}")
