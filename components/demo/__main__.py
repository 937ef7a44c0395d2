"""``make demo``: a catalog, its index, a camera, and the components on the stand-in nucleus; then look at the kiosk."""

import argparse
import dataclasses
import json
import logging
import os
import shutil
import sys
import threading
import time
from pathlib import Path

from components.core.errors import ConfigurationError, LookalikeError, UnavailableError
from components.demo.material import RENDERED_VIEWS, camera_of, demo_catalog, index_of
from components.demo.tally import Summary
from components.demo.watcher import Watcher
from components.files import write_whole
from components.greengrass import GreengrassBus
from components.lifecycle import stop_at_signal
from components.nucleus.__main__ import print_line
from components.nucleus.deployment import Deployment
from components.nucleus.limits import LIMITS
from components.nucleus.nucleus import Nucleus
from components.ports import port_fault

SOURCE_TREE = Path(__file__).parents[2]
FIRST_RESULT_S = 60.0


def main() -> int:
    """Make what is missing, run until --seconds are over or Ctrl-C, print the summary."""
    args = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    ended = stop_at_signal()
    try:
        _require_port(args.port)
        camera = camera_of(args.camera) if args.camera else ""
        catalog = args.catalog or demo_catalog(args.root / "catalog")
        index = index_of(catalog, args.root, *(() if args.catalog else ("--camera-views", str(RENDERED_VIEWS))))
        return _run(args, index, camera or camera_of(f"synthetic:{catalog}"), ended)
    except LookalikeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m components.demo", description=__doc__)
    add = parser.add_argument
    add("--root", type=Path, default=Path(".demo"), help="folder for all that is made (default: .demo)")
    add("--catalog", type=Path, help="folder, .csv or .jsonl (default: a rendered one)")
    add("--camera", help="0, usb:0, rtsp://..., a video file, a folder of pictures (default: synthetic)")
    add("--port", type=int, default=8080, help="of the kiosk (default: 8080)")
    add("--limits", choices=sorted(LIMITS), default="lite", help="which nucleus to be as strict as; default: lite")
    add("--seconds", type=float, help="end by itself after so many seconds of running")
    add("--verbose", action="store_true", help="show what the components print")
    return parser


def _require_port(port: int) -> None:
    if not 1 <= port <= 65_535:
        raise ConfigurationError(f"Port {port} is none: choose one from 1 to 65535, such as `make demo PORT=8090`.")
    error = port_fault("127.0.0.1", port)
    if error is not None:
        raise UnavailableError(f"Port {port} is in use: choose another one, such as `make demo PORT=8090`.") from error


def _say(line: str) -> None:
    print(line, flush=True)


def _run(args: argparse.Namespace, index: Path, camera: str, ended: threading.Event) -> int:
    ram_dir = _ram_dir(args)
    try:
        return _run_in(ram_dir, args, index, camera, ended)
    finally:
        shutil.rmtree(ram_dir, ignore_errors=True)  # also of components that were killed


def _run_in(ram_dir: Path, args: argparse.Namespace, index: Path, camera: str, ended: threading.Event) -> int:
    deployment = _deployment(args, index.absolute(), camera, str(ram_dir))
    with Nucleus(deployment, print_line if args.verbose else None) as nucleus:
        bus = GreengrassBus.from_environment(nucleus.client_environment())
        watcher = Watcher(bus, _say)
        logs = args.root / "nucleus" / "logs"
        _say(f"\n  Kiosk:  http://127.0.0.1:{args.port}/\n  Camera: {camera}\n  Logs:   {logs}")
        _say("  Ctrl-C ends it.\n")
        if not _first_result(watcher, ended):
            _say(f"  no result after {FIRST_RESULT_S:.0f} s; the files in {logs} say why")
        started = time.monotonic()
        if watcher.first_result.is_set() or args.seconds is None:
            ended.wait(args.seconds)
        summary = watcher.tally.summary(time.monotonic() - started)
        bus.close()
    _conclude(summary, args.root / "summary.json")
    return 0 if summary.results else 1


def _first_result(watcher: Watcher, ended: threading.Event) -> bool:
    deadline = time.monotonic() + FIRST_RESULT_S
    while not watcher.first_result.wait(0.2):
        if ended.is_set() or time.monotonic() > deadline:
            return ended.is_set()
    return True


def _ram_dir(args: argparse.Namespace) -> Path:
    ram = Path("/dev/shm")  # noqa: S108  # RAM on purpose: frames never touch the disk
    return (ram if ram.is_dir() else args.root.absolute()) / f"lookalike-demo-{os.getuid()}-{args.port}"


def _deployment(args: argparse.Namespace, index: Path, camera: str, ram_dir: str) -> Deployment:
    taught_dir, outbox_dir = (str(args.root.absolute() / name) for name in ("taught", "outbox"))
    return Deployment(
        root=args.root / "nucleus",
        recipes=SOURCE_TREE / "recipes",
        source=SOURCE_TREE,
        python_env=Path(sys.prefix),
        limits=LIMITS[args.limits],
        overrides={
            "Featurizer": {
                "source": camera,
                "index_dir": str(index),
                "ram_dir": ram_dir,
                "cache_dir": str(args.root.absolute() / "openvino-cache"),
            },
            "Searcher": {
                "index_dir": str(index),
                "taught_dir": taught_dir,
                "ram_dir": ram_dir,
                "outbox_dir": outbox_dir,
            },
            "CloudSync": {"index_dir": str(index), "outbox_dir": outbox_dir},
            "Dashboard": {
                "index_dir": str(index),
                "taught_dir": taught_dir,
                "ram_dir": ram_dir,
                "port": str(args.port),
                "operate": "true",
            },
        },
    )


def _conclude(summary: Summary, path: Path) -> None:
    write_whole(path, (json.dumps(dataclasses.asdict(summary), indent=2) + "\n").encode())
    shown = (f"{name} {value}" for name, value in dataclasses.asdict(summary).items() if value is not None)
    _say("summary: " + ", ".join(shown))


if __name__ == "__main__":
    sys.exit(main())
