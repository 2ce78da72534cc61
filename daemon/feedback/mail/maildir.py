"""A Maildir (https://cr.yp.to/proto/maildir.html): mails arrive in ``new/`` and go to ``cur/`` once dealt with."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

SETTING: Final = "email.bounces.maildir"

LARGEST_BYTES: Final = 10 * 2**20
"""A report returns a mail of ours at most, and ours are small."""
SEEN: Final = "S"
FLAGGED: Final = "F"


class MaildirError(OSError):
    """It cannot be used; the text names the setting and says what to do."""


class Maildir:
    """Blocking: called from a thread. Several readers do not disturb each other."""

    def __init__(self, path: str) -> None:
        self._new = Path(path) / "new"
        self._cur = Path(path) / "cur"

    def check(self) -> None:
        """Raises MaildirError unless mails can be read and moved."""
        for folder in (self._new, self._cur):
            if not folder.is_dir():
                raise MaildirError(
                    f"{SETTING}: {folder} is not there or cannot be seen: have the mail server deliver there,"
                    f" or make it (mkdir -p {folder})"
                )
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise MaildirError(
                    f"{SETTING}: this user may not read and write {folder}: give it the mailbox's group, and under"
                    " systemd ReadWritePaths="
                )

    def waiting(self, passed_over: Collection[str], limit: int) -> list[str]:
        """Names of mails that wait, oldest first. Raises OSError."""
        found = []
        with os.scandir(self._new) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name in passed_over:
                    continue
                try:
                    if entry.is_file(follow_symlinks=False):
                        found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
                except FileNotFoundError:
                    continue  # another reader took it
        return [name for _, name in sorted(found)[:limit]]

    def read(self, name: str) -> bytes | None:
        """A mail, or None where it is too large to be a report. Raises OSError."""
        path = self._new / name
        return None if path.stat().st_size > LARGEST_BYTES else path.read_bytes()

    def set_aside(self, name: str, flag: str) -> None:
        """Move a mail to ``cur/``. Raises OSError."""
        (self._new / name).rename(self._cur / f"{name.partition(':')[0]}:2,{flag}")
