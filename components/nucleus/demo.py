"""``make demo``: a catalog, its index, a camera, and the components on the stand-in nucleus; then look at the kiosk."""

import argparse
import dataclasses
import hashlib
import json
import logging
import os
import socket
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

from components.child import start_module
from components.core import messages
from components.core.errors import LookalikeError, MessageError, UnavailableError
from components.core.messages import SearchResult, Status
from components.files import write_whole
from components.greengrass import GreengrassBus
from components.lifecycle import stop_at_signal
from components.nucleus.__main__ import print_line
from components.nucleus.deployment import Deployment
from components.nucleus.nucleus import Nucleus
from components.nucleus.tally import Summary, Tally

log = logging.getLogger("demo")

SOURCE_TREE = Path(__file__).parents[2]
FIRST_RESULT_S = 90.0


def main() -> int:
    """Make what is missing, run until --seconds are over or Ctrl-C, print the summary."""
    args = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    ended = stop_at_signal()
    try:
        _require_port(args.port)
        catalog = args.catalog or _demo_catalog(args.root / "catalog")
        index = _index(catalog, args.root)
        camera = args.camera or f"synthetic:{catalog}"
        return _run(args, index, _absolute(camera), ended)
    except LookalikeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m components.nucleus.demo", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(".demo"), help="folder for all that is made (default: .demo)")
    parser.add_argument("--catalog", type=Path, help="folder, .csv or .jsonl (default: a rendered one)")
    parser.add_argument(
        "--camera", help="0, usb:0, rtsp://..., a video file, a folder of pictures (default: synthetic)"
    )
    parser.add_argument("--port", type=int, default=8080, help="of the kiosk (default: 8080)")
    parser.add_argument("--seconds", type=float, help="end by itself after so many seconds of running")
    parser.add_argument("--verbose", action="store_true", help="show what the components print")
    return parser


def _demo_catalog(folder: Path) -> Path:
    catalog = folder / "catalog.csv"
    if not catalog.exists():
        _index_builder("demo-catalog", "--out", str(folder))
    return catalog


def _index(catalog: Path, root: Path) -> Path:
    """The folder with a generation of ``catalog``, built where there is none of its present state."""
    if not catalog.exists():
        raise UnavailableError(
            f"The catalog {catalog} does not exist: give a folder of pictures, a CSV or a JSONL file."
        )
    name = hashlib.sha256(str(catalog.resolve()).encode()).hexdigest()[:8]
    index = root / f"index-{catalog.stem}-{name}"
    stamp, state = index / "built-from.txt", _state(catalog)
    if not stamp.exists() or stamp.read_text() != state:
        _index_builder("build", "--catalog", str(catalog), "--out", str(index), "--json", str(index / "build.json"))
        write_whole(stamp, state.encode())
    return index


def _state(catalog: Path) -> str:
    """What tells that a catalog (or what builds its index) was changed: names, sizes and times of its files."""
    files = sorted(catalog.rglob("*")) if catalog.is_dir() else [catalog]
    said = version("lookalike") + "".join(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}\n" for file in files)
    return hashlib.sha256(said.encode()).hexdigest()


def _index_builder(*arguments: str) -> None:
    if start_module("index_builder", *arguments).wait() != 0:
        raise UnavailableError(f"`python -m index_builder {arguments[0]}` failed; its message stands above.")


def _absolute(camera: str) -> str:
    """Paths are made absolute, because the featurizer runs in a work folder of its own; folders are shown shuffled."""
    scheme, colon, rest = camera.partition(":")
    if not colon and Path(camera).is_dir():
        return f"folder:{Path(camera).absolute()}?order=shuffle&fps=7"
    if not colon and Path(camera).exists():
        return str(Path(camera).absolute())
    if scheme in ("synthetic", "folder", "file", "mjpeg"):
        path, question, options = rest.partition("?")
        return f"{scheme}:{Path(path).absolute()}{question}{options}"
    return camera


def _require_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UnavailableError(
                f"Port {port} is in use: choose another one, such as `make demo PORT=8090`."
            ) from error


class Watcher:
    """Listens to the bus like an operator's own client: counts results, keeps each component's last status."""

    def __init__(self, bus: GreengrassBus) -> None:
        self.tally = Tally()
        self.statuses: dict[str, Status] = {}
        self.first_result = threading.Event()
        bus.subscribe(messages.QUERY_TOPIC, lambda _: self.tally.saw_query())
        bus.subscribe(messages.RESULT_TOPIC, self._result)
        bus.subscribe(messages.STATUS_TOPIC, self._status)

    def _result(self, payload: bytes) -> None:
        arrived_ns = time.monotonic_ns()
        try:
            self.tally.add(messages.decode(SearchResult, payload), arrived_ns)
            self.first_result.set()
        except MessageError as error:
            log.warning("%s", error)

    def _status(self, payload: bytes) -> None:
        try:
            status = messages.decode(Status, payload)
        except MessageError as error:
            log.warning("%s", error)
            return
        before = self.statuses.get(status.component)
        self.statuses[status.component] = status
        if status.reason and (before is None or before.reason != status.reason):
            print(f"  {status.component} is {status.state}: {status.reason}", flush=True)


def _run(args: argparse.Namespace, index: Path, camera: str, ended: threading.Event) -> int:
    began = time.monotonic()
    with Nucleus(_deployment(args, index.absolute(), camera), print_line if args.verbose else None) as nucleus:
        bus = GreengrassBus.from_environment(nucleus.client_environment())
        watcher = Watcher(bus)
        print(
            f"\n  Kiosk:  http://127.0.0.1:{args.port}/\n  Camera: {camera}\n  Logs:   {args.root / 'nucleus' / 'logs'}"
        )
        print("  Ctrl-C ends it.\n", flush=True)
        while not (ended.is_set() or watcher.first_result.wait(0.2)):
            if time.monotonic() - began > FIRST_RESULT_S:
                print(f"  no result after {FIRST_RESULT_S:.0f} s; the logs say why", flush=True)
                break
        started = time.monotonic()
        ended.wait(args.seconds)
        summary = watcher.tally.summary(time.monotonic() - started)
        bus.close()
    _conclude(summary, args.root / "summary.json")
    return 0 if summary.results else 1


def _deployment(args: argparse.Namespace, index: Path, camera: str) -> Deployment:
    ram = Path("/dev/shm")  # noqa: S108  # RAM on purpose: frames never touch the disk
    ram_dir = str((ram if ram.is_dir() else args.root.absolute()) / f"lookalike-demo-{os.getuid()}-{args.port}")
    return Deployment(
        root=args.root / "nucleus",
        recipes=SOURCE_TREE / "recipes",
        source=SOURCE_TREE,
        python_env=Path(sys.prefix),
        overrides={
            "Featurizer": {
                "source": camera,
                "index_dir": str(index),
                "ram_dir": ram_dir,
                "cache_dir": str(args.root.absolute() / "openvino-cache"),
            },
            "Searcher": {"index_dir": str(index)},
            "Dashboard": {"index_dir": str(index), "ram_dir": ram_dir, "port": str(args.port)},
        },
    )


def _conclude(summary: Summary, path: Path) -> None:
    write_whole(path, (json.dumps(dataclasses.asdict(summary), indent=2) + "\n").encode())
    shown = (f"{name} {value}" for name, value in dataclasses.asdict(summary).items() if value is not None)
    print("summary: " + ", ".join(shown), flush=True)


if __name__ == "__main__":
    sys.exit(main())
