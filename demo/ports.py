"""Ports of loopback that stay ours while nobody listens on them."""

import socket


def reserved(port: int = 0) -> socket.socket:
    """Hold a port (with 0, any free one) until the socket is closed.

    Nobody is given it by chance, connections are refused, and a server that is told its number can listen on it, again
    and again. Raises OSError where somebody has ``port``.
    """
    held = socket.socket()
    # All servers here set it too; of those that do, one may listen.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", port))
    return held


def port_of(held: socket.socket) -> int:
    """Its number."""
    port: int = held.getsockname()[1]
    return port
