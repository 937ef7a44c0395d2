"""The bill of materials of an artifact (CycloneDX 1.5) and the licenses of what is in it, out of its wheels."""

import hashlib
import json
import time
import uuid
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from components.core.errors import FormatError

_NAMES = ("license", "licence", "copying", "notice", "copyright", "third-party", "third_party")
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Wheel:
    """What a wheel says of itself."""

    file: Path
    name: str
    version: str
    license: str
    """Its expression, or the first thing that it says about it; "" where it says nothing."""
    texts: tuple[tuple[str, str], ...]
    """Name and content of its license files."""

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest()


def read_wheel(file: Path) -> Wheel:
    """Read the metadata of ``file``; raises FormatError where it is no wheel."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            about = min((name for name in names if name.endswith(".dist-info/METADATA")), key=len)
            metadata = BytesParser().parsebytes(archive.read(about))
            texts = tuple(
                (name, archive.read(name).decode("utf-8", "replace")) for name in sorted(names) if _is_license(name)
            )
    except (zipfile.BadZipFile, ValueError) as error:
        raise FormatError(f"{file.name} is no wheel: {error}.") from error
    return Wheel(file, metadata["Name"], metadata["Version"], _license(metadata), texts)


def _is_license(name: str) -> bool:
    folder, _, last = name.rpartition("/")
    return ".dist-info" in folder and last.lower().startswith(_NAMES)


def _license(metadata: Message) -> str:
    expression = metadata["License-Expression"]
    if expression:
        return str(expression)
    given = str(metadata["License"] or "").strip().splitlines()
    if given and 0 < len(given[0]) <= _LONGEST_NAME:
        return given[0].strip()
    kinds = [str(value) for value in metadata.get_all("Classifier", []) if str(value).startswith("License ::")]
    return kinds[0].rpartition(":: ")[2] if kinds else ""


def bill_of(artifact: str, version: str, wheels: Iterable[Wheel], epoch: int) -> bytes:
    """The CycloneDX 1.5 document of ``artifact``, the same for the same wheels."""
    parts = [_component(wheel) for wheel in sorted(wheels, key=lambda wheel: (wheel.file.name, wheel.file.parent.name))]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([artifact, version, parts]))}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch)),
            "component": {
                "type": "application",
                "bom-ref": artifact,
                "name": artifact,
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": parts,
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _component(wheel: Wheel) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": "library",
        # With the folder: one of the same name may be there for newer CPUs, too.
        "bom-ref": f"{wheel.file.parent.name}/{wheel.file.name}",
        "name": wheel.name,
        "version": wheel.version,
        "purl": f"pkg:pypi/{canonicalize_name(wheel.name)}@{wheel.version}?file_name={wheel.file.name}",
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
    }
    if wheel.license:
        described["licenses"] = [{"license": {"name": wheel.license}}]
    return described


def licenses_of(wheels: Iterable[Wheel]) -> bytes:
    """Every license text of ``wheels`` in one text; the wheels of one distribution for several Pythons count once."""
    once: dict[tuple[str, str], Wheel] = {}
    for wheel in sorted(wheels, key=lambda wheel: wheel.file.name):
        once.setdefault((wheel.name, wheel.version), wheel)
    pieces = []
    for (name, version), wheel in sorted(once.items()):
        said = wheel.license or "see its texts"
        pieces.append(f"{'=' * 80}\n{name} {version}: {said}\n{'=' * 80}\n")
        pieces += [f"--- {path.rpartition('/')[2]}\n{text.rstrip()}\n\n" for path, text in wheel.texts]
    return "".join(pieces).encode()
