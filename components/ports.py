"""Whether a server could listen on a port of this machine."""

import socket


def port_fault(host: str, port: int) -> OSError | None:
    """Why nothing could listen on ``port`` of ``host`` now (EADDRINUSE: another program does); None where it could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None
