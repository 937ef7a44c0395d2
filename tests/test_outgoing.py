"""No frame and no picture leaves the device: all bytes that it sends are read."""

import base64
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.match_events import as_json, packed
from components.featurizer.model import Model
from index_builder.build import BuildOptions, build
from index_builder.demo_catalog import write_demo_catalog
from tests.generations import unit_vectors
from tests.outgoing import faults

ROOT = Path(__file__).parents[1]
PICTURE = np.random.default_rng(3).bytes(5_000)
EVENT = {"event": "entered", "visit": "0" * 32, "item_id": "mug", "alternatives": ["a", "b"], "score": 0.9}


@pytest.fixture(scope="module")
def shop(model: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of a generation, and a folder of pictures for the camera."""
    folder = tmp_path_factory.mktemp("shop")
    catalog = write_demo_catalog(folder / "catalog", items=6)
    order = BuildOptions(catalog=catalog, out=folder / "index", name="shop", camera_views=2)
    build(order, lambda: model, lambda what, total: lambda done: None)
    return folder / "index", catalog.parent / "pictures"


def watched(folder: Path, shop: tuple[Path, Path], **settings: Any) -> dict[str, Any]:
    """What a device sends that does everything once; ``settings`` by component."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--net", "true"], check=False).returncode != 0:
        pytest.skip("to read every packet takes root and a network namespace of its own")
    folder.mkdir(exist_ok=True)
    index, pictures = shop
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "AWS_EC2_METADATA_DISABLED": "true"}
    told = json.dumps({"source": f"folder:{pictures}?fps=5", **settings})
    command = ["unshare", "--net", sys.executable, str(ROOT / "tests" / "outgoing_device.py"), str(folder)]
    done = subprocess.run([*command, str(index), told], check=False, env=env, capture_output=True, text=True)
    logs = "".join(f"{file.name}:\n{file.read_text()[-1500:]}\n" for file in folder.glob("root/logs/*"))
    assert done.returncode == 0, f"{done.stderr[-3000:]}\n{logs}"
    said: dict[str, Any] = json.loads(done.stdout)
    for name in ("messages", "pictures"):
        said[name] = [base64.b64decode(one) for one in said[name]]
    return said


def test_no_picture_and_no_vector_leaves_the_device(tmp_path: Path, shop: tuple[Path, Path]) -> None:
    seen = watched(tmp_path / "d", shop)
    pictures = seen["pictures"] + [file.read_bytes() for file in shop[1].iterdir()]
    assert len(seen["pictures"]) > 4, "the previews of the camera, an upload, the picture of a taught item"
    found = [(fault, message[:200]) for message in seen["messages"] for fault in faults(message, pictures)]
    assert found == []
    assert len(seen["messages"]) > 8
    assert {topic.rpartition("/")[2] for topic in seen["topics"]} == {
        *("matches", "feedback", "taught", "status", "update"),
    }
    assert seen["watched"] is True
    assert seen["abroad"] == [], "nothing goes anywhere but to AWS IoT Core and S3"
    asked = base64.b64decode(seen["s3"])
    requests = [line for line in asked.split(b"\r\n") if line.endswith(b" HTTP/1.1")]
    assert requests, "its index comes from S3"
    assert all(line.startswith((b"GET /", b"HEAD /")) for line in requests)
    assert not any(b"\xff\xd8\xff" in asked or b"WEBP" in asked for _ in requests)
    assert b"content-length: " not in asked.lower().replace(b"content-length: 0\r\n", b"")


def wrapped(change: Callable[[bytes], bytes]) -> bytes:
    return as_json({**EVENT, "more": change(PICTURE[997:1200]).decode("latin-1")})


@pytest.mark.parametrize(
    "message",
    [
        PICTURE,
        wrapped(base64.b64encode),
        wrapped(base64.urlsafe_b64encode),
        wrapped(lambda data: data.hex().encode()),
        wrapped(lambda data: base64.b64encode(zlib.compress(data))),
        wrapped(base64.b85encode),
        as_json({**EVENT, "more": base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(60)).decode()}),
        as_json({**EVENT, "more": [float(number) for number in unit_vectors(1)[0]]}),
        as_json({**EVENT, "more": {"embedding": packed(unit_vectors(1, 64)[0])}}),
        as_json({**EVENT, "more": ",".join(f"{number:.4f}" for number in unit_vectors(1, 64)[0])}),
        as_json({**EVENT, "more": list(PICTURE[:40])}),
    ],
)
def test_a_picture_or_a_vector_is_found_in_whatever_it_is_wrapped(message: bytes) -> None:
    assert faults(message, [PICTURE])


def test_an_event_without_a_picture_is_none() -> None:
    assert faults(as_json(EVENT), [PICTURE]) == []
