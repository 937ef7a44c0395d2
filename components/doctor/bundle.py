"""The support bundle: what helps somebody far away, and nothing that must stay here."""

import importlib.metadata
import io
import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.core.redaction import IS_SECRET, redacted_text, redacted_value
from components.doctor.finding import Device, Finding
from components.doctor.running import ask_dashboard
from components.files import write_whole

LOG_FOLDERS = (Path("/greengrass/v2/logs"), Path("/var/log/greengrass"))
MAX_LOG_BYTES, MAX_LOGS_BYTES = 256 * 1024, 8 * 2**20
_TOLD_VARIABLES = ("AWS_REGION", "AWS_IOT_THING_NAME", "LANG", "TZ", "PATH", "PYTHONPATH")
_MIN_SECRET = 6
_LOG_LINE = re.compile(
    r"\d{4}-\d\d-\d\d[T ]|\d\d:\d\d:\d\d|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) \w|[A-Z][a-z]{2} \d\d "
)
_BEGINS = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF.{4}WEBP", re.DOTALL)
_ENDS = (b"\xff\xd9", b"IEND\xaeB`\x82")


def write_bundle(
    file: Path,
    device: Device,
    findings: list[Finding],
    log_folders: Iterable[Path] = LOG_FOLDERS,
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Write the bundle to ``file`` (tar.gz, for this user alone); gives how many logs are in it. Raises OSError.

    No pictures, no vectors, no configuration; of the environment only what is harmless; logs from their ends, without
    what looks like a credential, and without the values of variables that are named like one.
    """
    secrets = secret_values(environment)
    logs = dict(_logs(log_folders, secrets))
    texts = {
        "findings.txt": redacted_text("".join(f"{finding.line()}\n" for finding in findings), secrets),
        "findings.json": _json([asdict(finding) for finding in findings], secrets),
        "versions.json": _json(_versions(device, environment), secrets),
        "status.json": _json(ask_dashboard(device, "api/v1/status"), secrets),
        "journal.txt": _journal(secrets),
        **{f"logs/{name}": text for name, text in logs.items()},
    }
    write_whole(file, _packed({name: text for name, text in texts.items() if text}))
    file.chmod(0o600)
    return len(logs)


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """The values of variables that are named like secrets."""
    return [value for name, value in environment.items() if IS_SECRET.search(name) and len(value) >= _MIN_SECRET]


def readable_log(data: bytes, secrets: Iterable[str] = ()) -> str:
    """A log as text, without credentials; of one that holds a picture or other binary data, only its log lines."""
    data = _without_pictures(data)
    text = data.decode("utf-8", errors="replace")
    if "\0" in text or "\ufffd" in text:
        text = "\n".join(line for line in text.splitlines() if _LOG_LINE.search(line[:40]))
    return redacted_text(text, secrets)


def _without_pictures(data: bytes) -> bytes:
    """``data`` without what lies between the first beginning and the last end of a picture."""
    ends = [data.rfind(mark) + len(mark) for mark in _ENDS if mark in data]
    first = _BEGINS.search(data)
    if first is None and not ends:
        return data
    end = max(ends, default=len(data))
    start = first.start() if first is not None and first.start() < end else 0
    if _BEGINS.search(data, end):
        end = len(data)  # one that has no end
    return data[:start] + b"\n<a picture was here>\n" + data[end:]


def _logs(folders: Iterable[Path], secrets: list[str]) -> Iterator[tuple[str, str]]:
    left = MAX_LOGS_BYTES
    for number, folder in enumerate(folders):
        found = [file for file in folder.glob("*.log") if _is_ours(file)] if folder.is_dir() else []
        for file in sorted(found, key=lambda file: file.stat().st_mtime, reverse=True):
            data = _tail(file, min(MAX_LOG_BYTES, left))
            left -= len(data)
            if data:
                yield f"{number}-{file.name}", readable_log(data, secrets)


def _is_ours(file: Path) -> bool:
    wanted = "lookalike" in file.name.lower() or file.name == "greengrass.log"
    return wanted and file.is_file() and not file.is_symlink()


def _tail(file: Path, size: int) -> bytes:
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - size))
            return opened.read(size)
    except OSError:
        return b""


def _journal(secrets: list[str]) -> str:
    """What Nucleus Lite's components logged: they have no files."""
    if shutil.which("journalctl") is None:
        return ""
    command = ["journalctl", "--no-pager", "--lines", "2000", "--unit", "ggl.com.lookalike.*", "--output", "short-iso"]
    try:
        said = subprocess.run(command, capture_output=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return readable_log(said[-MAX_LOG_BYTES:], secrets)


def _versions(device: Device, environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        "made_at": round(time.time()),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "os": device.text("etc/os-release").splitlines()[:12],
        "uptime_s": device.text("proc/uptime").split(" ")[0],
        "packages": sorted(f"{d.metadata['Name']} {d.version}" for d in importlib.metadata.distributions()),
        "environment": {name: environment[name] for name in _TOLD_VARIABLES if name in environment},
    }


def _json(value: Any, secrets: list[str]) -> str:
    if value is None:
        return ""
    return json.dumps(redacted_value(value, secrets), indent=1, ensure_ascii=False) + "\n"


def _packed(texts: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in texts.items():
            data = text.encode(errors="replace")
            entry = tarfile.TarInfo(f"lookalike-support/{name}")
            entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()
