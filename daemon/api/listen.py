"""Listening sockets, made before anything is served: a port that is taken is one clear error, and early."""

import socket

BACKLOG = 2048


class ListenError(OSError):
    """The address cannot be listened on; the text names the setting."""


def listen(host: str, port: int, *, setting: str) -> socket.socket:
    """A socket that listens on ``host``, at any free port where ``port`` is 0. Raises ListenError."""
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        # Else a restart waits until the last connections of the old process are forgotten.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        if listener is not None:
            listener.close()
        reason = error.strerror or str(error)
        raise ListenError(error.errno, f"{setting}: cannot listen on {host} port {port}: {reason}") from None
    return listener
