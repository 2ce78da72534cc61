"""A Maildir that mails are delivered to, by a hand that is not ours."""

import asyncio
import os
from pathlib import Path

import psycopg
import pytest

from daemon.feedback.mail.maildir import LARGEST_BYTES, Maildir, MaildirError
from daemon.feedback.mail.polling import MOST_AT_ONCE, Polling
from daemon.feedback.mail.taking import Taken, Taking
from tests.integration.feedback.conftest import Rows, SentDelivery
from tests.integration.feedback.mail.conftest import PathOf
from tests.unit.feedback.mail import mails
from tests.unit.feedback.mail.mails import crlf, postfix


class Box:
    """The folder, as a mail server and its owner see it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("new", "cur", "tmp"):
            (path / name).mkdir()

    def drop(self, name: str, content: bytes, age_seconds: int = 0) -> None:
        """Whole, or not at all."""
        file = self.path / "tmp" / name
        file.write_bytes(content)
        os.utime(file, (1_772_000_000 - age_seconds, 1_772_000_000 - age_seconds))
        file.rename(self.path / "new" / name)

    @property
    def new(self) -> list[str]:
        return sorted(file.name for file in (self.path / "new").iterdir())

    @property
    def cur(self) -> list[str]:
        return sorted(file.name for file in (self.path / "cur").iterdir())


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def polling(box: Box, taking: Taking) -> Polling:
    return Polling(Maildir(str(box.path)), taking, 0.05)


class Script:
    """Says what becomes of each mail."""

    def __init__(self, *answers: Taken | Exception) -> None:
        self.answers = list(answers)
        self.seen: list[bytes] = []

    async def take(self, content: bytes, _recipients: tuple[str, ...] = ()) -> Taken:
        self.seen.append(content)
        answer = self.answers.pop(0) if self.answers else Taken.UNDERSTOOD
        if isinstance(answer, Exception):
            raise answer
        return answer


def scripted(box: Box, script: Script) -> Polling:
    return Polling(Maildir(str(box.path)), script, 0.05)  # type: ignore[arg-type]  # a script takes mails, too


async def test_a_report_is_written_and_moved(
    box: Box, polling: Polling, sent: SentDelivery, path_of: PathOf, rows: Rows
) -> None:
    id_ = await sent("email", "zoe@example.com")
    box.drop("1772.M1P2.mx", postfix(path_of(id_)))
    await polling.look()
    assert box.new == []
    assert box.cur == ["1772.M1P2.mx:2,S"]
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "failed"}]


async def test_what_is_not_understood_is_flagged_for_a_person(box: Box, polling: Polling) -> None:
    box.drop("1.mx", crlf(mails.VACATION.format(to="bounces@shop.example")))
    await polling.look()
    assert box.cur == ["1.mx:2,F"]


async def test_the_oldest_come_first_and_not_all_at_once(box: Box) -> None:
    for number in range(MOST_AT_ONCE + 5):
        box.drop(f"{number}.mx", b"%d" % number, age_seconds=number)
    script = Script()
    polling = scripted(box, script)
    assert await polling.look()
    assert len(script.seen) == MOST_AT_ONCE
    assert script.seen[:2] == [b"%d" % (MOST_AT_ONCE + 4), b"%d" % (MOST_AT_ONCE + 3)]
    assert not await polling.look()
    assert box.new == []


async def test_while_the_database_is_away_mails_stay_where_they_are(box: Box) -> None:
    box.drop("1.mx", b"one")
    script = Script(psycopg.OperationalError("away"))
    polling = scripted(box, script)
    with pytest.raises(psycopg.OperationalError):
        await polling.look()
    assert box.new == ["1.mx"]
    await polling.look()
    assert box.cur == ["1.mx:2,S"]


async def test_a_mail_that_must_wait_does_not_hold_up_the_others(box: Box) -> None:
    box.drop("1.mx", b"one", age_seconds=10)
    box.drop("2.mx", b"two")
    script = Script(Taken.LATER)
    polling = scripted(box, script)
    await polling.look()
    await polling.look()
    assert script.seen == [b"one", b"two"]
    assert box.new == ["1.mx"]


async def test_a_mail_that_is_too_large_is_flagged_unread(box: Box) -> None:
    box.drop("1.mx", b"")
    os.truncate(box.path / "new" / "1.mx", LARGEST_BYTES + 1)
    script = Script()
    await scripted(box, script).look()
    assert script.seen == []
    assert box.cur == ["1.mx:2,F"]


async def test_only_mails_are_looked_at(box: Box, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (box.path / "new" / "link.mx").symlink_to(tmp_path / "secret")
    (box.path / "new" / "folder").mkdir()
    box.drop(".hidden", b"hidden")
    script = Script()
    await scripted(box, script).look()
    assert script.seen == []


async def test_a_mail_that_another_reader_took_is_no_news(box: Box) -> None:
    box.drop("1.mx", b"one")

    class Quick(Script):
        async def take(self, content: bytes, _recipients: tuple[str, ...] = ()) -> Taken:
            (box.path / "new" / "1.mx").unlink()
            return Taken.UNDERSTOOD

    await scripted(box, Quick()).look()
    assert box.cur == []


async def test_a_folder_that_goes_away_is_waited_for(box: Box) -> None:
    script = Script()
    polling = scripted(box, script)
    (box.path / "new").rmdir()
    running = asyncio.create_task(polling.run())
    async with asyncio.timeout(60):
        while not polling._complained:
            await asyncio.sleep(0.02)
        assert not running.done()
        (box.path / "new").mkdir()
        box.drop("1.mx", b"one")
        while not box.cur:
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_a_maildir_that_is_not_there_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(MaildirError, match=r"^email\.bounces\.maildir: .*/new is not there"):
        Maildir(str(tmp_path / "nowhere")).check()


def test_a_maildir_that_may_not_be_read_is_named_by_its_setting(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root, whom tests may run as, may do anything
    with pytest.raises(MaildirError, match=r"may not read"):
        Maildir(str(box.path)).check()
