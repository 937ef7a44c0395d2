"""What of the component's environment its web process may see: nothing that opens a door."""

from collections.abc import Mapping

_PASSED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONPATH", "PYTHONHOME", "PYTHONUNBUFFERED", "HOME", "TMPDIR")


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without everything that is not on the short list: no token of the bus, no AWS credentials."""
    return {name: environment[name] for name in _PASSED if name in environment}
