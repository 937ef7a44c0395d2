"""Checks this device: ``python -m components.doctor``; the exit code is 1 where there is a fault."""

import argparse
import json
import sys
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path

from components.doctor.bundle import LOG_FOLDERS, write_bundle
from components.doctor.checkup import examine, exit_code
from components.doctor.finding import FAULT, MARKS, Device
from components.files import write_whole


def main() -> int:
    """Parse the command line, check, print, write what was asked for."""
    arguments = _parser().parse_args()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    device = Device(
        index_dir=arguments.index_dir,
        outbox_dir=arguments.outbox_dir,
        ram_dir=arguments.ram_dir,
        port=arguments.port,
    )
    findings = []
    for finding in examine(device):
        findings.append(finding)
        print(finding.line(), flush=True)
    try:
        if arguments.json is not None:
            document = {"format": 1, "findings": [asdict(finding) for finding in findings]}
            write_whole(arguments.json, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
        if arguments.bundle is not None:
            logs = write_bundle(arguments.bundle, device, findings, arguments.logs or LOG_FOLDERS)
            print(f"The support bundle with {logs} logs is in {arguments.bundle}: no passwords, pictures or vectors.")
    except OSError as error:
        print(f"{error.filename or 'The file'} cannot be written ({error.strerror}).", file=sys.stderr)
        return 1
    faults = sum(finding.mark == FAULT for finding in findings)
    print(f"{MARKS[FAULT]} {faults} to mend." if faults else "Nothing to mend.")
    return exit_code(findings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m components.doctor", description=__doc__)
    add = parser.add_argument
    device = Device()
    add("--index-dir", type=Path, default=device.index_dir, metavar="DIR", help="default: %(default)s")
    add("--outbox-dir", type=Path, default=device.outbox_dir, metavar="DIR", help="default: %(default)s")
    add("--ram-dir", type=Path, default=device.ram_dir, metavar="DIR", help="default: %(default)s")
    add("--port", type=int, default=device.port, metavar="N", help="the dashboard's; default: %(default)s")
    add("--json", type=Path, metavar="FILE", help="write the findings as JSON, too")
    add("--bundle", type=Path, metavar="FILE.tar.gz", help="write a support bundle without secrets and pictures")
    add("--logs", type=Path, action="append", metavar="DIR", help="where the components' logs lie; repeatable")
    return parser


if __name__ == "__main__":
    sys.exit(main())
