"""The port of a session's page. Imports nothing heavy."""

import socket

from tunegrid.errors import ConfigError

HOST = "127.0.0.1"


def listening(port: int) -> socket.socket:
    """A socket that only this machine reaches; port 0 is any free one. Raises `ConfigError` where it is taken."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
    except OSError as error:
        found.close()
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"--serve {port}: {reason}; name another port, or 0 for any") from None
    return found
