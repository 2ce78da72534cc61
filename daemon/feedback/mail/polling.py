"""Looks into the Maildir every few seconds."""

import asyncio
from typing import Final

import psycopg
import structlog

from daemon import metrics
from daemon.feedback.mail.maildir import FLAGGED, SEEN, Maildir
from daemon.feedback.mail.taking import NOT_UNDERSTOOD, Taken, Taking
from daemon.kept import one_line

log = structlog.get_logger(__name__)

MOST_AT_ONCE: Final = 200
AGAIN_AFTER_SECONDS: Final = 60.0
"""For a mail that must wait, or cannot be read."""
FOLDER: Final = "maildir.cannot_be_read"
MAIL: Final = "maildir.mail_cannot_be_dealt_with"


class Polling:
    """Deals with the mails in a Maildir, oldest first."""

    def __init__(self, maildir: Maildir, taking: Taking, poll_seconds: float) -> None:
        self._maildir = maildir
        self._taking = taking
        self._poll_seconds = poll_seconds
        self._waits: dict[str, float] = {}
        """Name -> when it is looked at again, on the loop's clock."""
        self._complained: set[str] = set()
        """What the log has said, and does not say again until it was well in between."""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                full = await self.look()
            except OSError as error:
                full = False
                self._complain(FOLDER, error)
            except psycopg.Error as error:
                full = False
                log.warning("maildir.waits", error=one_line(error), hint="the mails stay in new/")
            else:
                self._complained.discard(FOLDER)
            if not full:
                await asyncio.sleep(self._poll_seconds)

    async def look(self) -> bool:
        """Deal with what is there, once; whether there may be more. Raises OSError and psycopg's errors."""
        now = asyncio.get_running_loop().time()
        self._waits = {name: until for name, until in self._waits.items() if until > now}
        names = await asyncio.to_thread(self._maildir.waiting, self._waits.keys(), MOST_AT_ONCE)
        for name in names:
            await self._one(name)
        return len(names) == MOST_AT_ONCE

    async def _one(self, name: str) -> None:
        # Left for later in any case: should it be dealt with and not be movable, it is not dealt with at every look.
        self._waits[name] = asyncio.get_running_loop().time() + AGAIN_AFTER_SECONDS
        try:
            content = await asyncio.to_thread(self._maildir.read, name)
            taken = await self._take(content)
            if taken is not Taken.LATER:
                flag = SEEN if taken is Taken.UNDERSTOOD else FLAGGED
                if flag == FLAGGED:
                    log.warning("returned_mail.not_understood", file=name, hint="it is in cur/, flagged")
                await asyncio.to_thread(self._maildir.set_aside, name, flag)
                self._waits.pop(name, None)
                self._complained.discard(MAIL)
        except FileNotFoundError:
            self._waits.pop(name, None)  # another reader took it
        except OSError as error:
            self._complain(MAIL, error)
        except psycopg.Error:
            self._waits.pop(name, None)
            raise

    async def _take(self, content: bytes | None) -> Taken:
        if content is None:
            metrics.RETURNED_MAILS.labels(NOT_UNDERSTOOD).inc()
            return Taken.NOT_UNDERSTOOD
        return await self._taking.take(content)

    def _complain(self, event: str, error: OSError) -> None:
        if event not in self._complained:
            self._complained.add(event)
            log.error(event, error=str(error), hint="this user must be able to read and to move the mails in new/")
