"""The service manager's notification protocol (sd_notify(3)): one datagram per message, nothing when nobody listens."""

import os
import socket
import time


class ServiceManager:
    """Tells systemd how we are. Without ``NOTIFY_SOCKET`` in the environment, every call does nothing."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self._address = given.get("NOTIFY_SOCKET", "")
        watched = given.get("WATCHDOG_PID") in (None, str(os.getpid()))
        self.watchdog_seconds = int(given.get("WATCHDOG_USEC", "0")) / 1e6 if watched else 0.0
        """Within this, :meth:`alive` must be called; 0: nobody waits for it."""

    def ready(self) -> None:
        """Start-up is complete."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read again; :meth:`ready` says when that is done."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Shutdown has begun."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={text}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A leading @ means Linux's abstract namespace.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sender:
            try:
                sender.sendto(message.encode(), address)
            except OSError:
                # The manager is gone, does not listen, or has not read what it was sent; the daemon's work does not
                # depend on it.
                return
