"""The part of the daemon that mails come back to."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from config.channels import Email
from daemon.connections import Pool
from daemon.feedback.mail.maildir import Maildir
from daemon.feedback.mail.polling import Polling
from daemon.feedback.mail.references import Ours
from daemon.feedback.mail.taking import Taking
from daemon.feedback.record import Feedback
from dispatchers.email.message import message_id_domain
from dispatchers.email.returning import ReturnPaths

if TYPE_CHECKING:
    from daemon.feedback.mail.listener import Listener


class ReturnedMail:
    """The Maildir and the listener, as far as ``[email.bounces]`` has them."""

    def __init__(self, settings: Email, secret: str | None, pool: Pool, feedback: Feedback) -> None:
        """``secret`` signs return paths. Raises ValueError, which names the key, for addresses that are none."""
        bounces = settings.bounces
        return_paths = ReturnPaths(bounces.address, secret) if bounces.address is not None else None
        taking = Taking(pool, feedback, Ours(return_paths, message_id_domain(settings)))
        self._maildir = Maildir(bounces.maildir) if bounces.maildir is not None else None
        self.listener: Listener | None = None
        if bounces.port is not None and return_paths is not None:
            self.listener = _listener(bounces.host, bounces.port, return_paths, taking)
        self._ways: list[Callable[[], Coroutine[Any, Any, None]]] = []
        if self._maildir is not None:
            self._ways.append(Polling(self._maildir, taking, bounces.poll_seconds).run)
        if self.listener is not None:
            self._ways.append(self.listener.run)

    async def start(self) -> None:
        """Look for the Maildir, and listen. Raises OSError: MaildirError, ListenError."""
        if self._maildir is not None:
            await asyncio.to_thread(self._maildir.check)
        if self.listener is not None:
            self.listener.start()

    async def run(self) -> None:
        """Take mails for ever; where there is no way for them to come, this returns at once."""
        async with asyncio.TaskGroup() as tasks:
            for way in self._ways:
                tasks.create_task(way())


def _listener(host: str, port: int, return_paths: ReturnPaths, taking: Taking) -> "Listener":
    from daemon.feedback.mail.listener import Listener  # noqa: PLC0415 - aiosmtpd is only needed here

    return Listener(host, port, return_paths, taking)
