"""Embeddings a second against OpenVINO's own benchmark_app: same model, hint, threads and precision, in turns."""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from components.featurizer.embedder import Embedder
from components.featurizer.model import Model

SECONDS = 5
ROUNDS = 3


def measure(model: Model, threads: int) -> dict[str, dict[str, float]]:
    """Medians of several rounds in turns, and their ratio."""
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        (Path(folder) / "model.xml").write_bytes(model.xml)
        (Path(folder) / "model.bin").write_bytes(model.bin)
        pairs = [(_ours(model, threads), _peer(Path(folder) / "model.xml", threads)) for _ in range(ROUNDS)]
    ours, peer = statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)
    ratio = statistics.median(ours / peer for ours, peer in pairs)
    return {
        "lookalike, embed_all": {"per second": round(ours, 1), "vs peer": round(ratio, 3)},
        "benchmark_app": {"per second": round(peer, 1), "vs peer": 1.0},
    }


def _ours(model: Model, threads: int) -> float:
    size = model.preprocessing.size
    picture = np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)
    embedder = Embedder(model, device="CPU", threads=threads)
    deadline: list[float] = []

    def pictures():  # type: ignore[no-untyped-def]
        while not deadline or time.perf_counter() < deadline[0]:
            yield picture

    count, began = 0, 0.0
    for number, _ in enumerate(embedder.embed_all(pictures(), threads)):
        if number == 20:  # warm
            began = time.perf_counter()
            deadline.append(began + SECONDS)
        count = number - 20
    return count / (time.perf_counter() - began)


def _peer(xml: Path, threads: int) -> float:
    settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    config = xml.with_name("config.json")  # by file: on its command line, threads and a hint exclude each other
    config.write_text(json.dumps({"CPU": {name: str(value) for name, value in settings.items()}}))
    program = Path(sys.executable).with_name("benchmark_app")
    arguments = ["-m", xml, "-d", "CPU", "-hint", "throughput", "-load_config", config, "-t", SECONDS]
    said = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Throughput:\s+([\d.]+) FPS", said)
    if found is None:
        raise SystemExit(f"benchmark_app printed no throughput:\n{said[-800:]}")
    return float(found.group(1))
