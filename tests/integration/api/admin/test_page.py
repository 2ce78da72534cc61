"""docs/how-to/admin.md, word for word: every command is run, every action of the audit is there."""

import asyncio
import os
import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from config import Settings
from config.mapping import Audience
from tests.integration.api.admin.conftest import CONFIGURATION
from tests.integration.api.conftest import SECRET
from tests.integration.store.conftest import Bench, NoRoom

if TYPE_CHECKING:
    from tests.integration.api.admin.conftest import Office

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/how-to/admin.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


async def test_every_command_on_the_page_works(office: "Office", database: str, tmp_path: Path) -> None:
    await office.told(1, user="42", subject="order:4711")
    await office.ended(13, "failed", error="no such mailbox")
    await office.ended(14, "failed", error="Connection refused by mx.example")
    await office.sql("INSERT INTO people (id, name, email) VALUES ('42', 'Cleo', 'cleo@example.com')")
    await office.sql("INSERT INTO orderbell.suppression VALUES ('email', 'ada@example.com', 'bounce')")
    run = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-e", "-c", "\n".join(blocks("sh"))],
        env={
            "PATH": os.environ["PATH"],
            "URL": office.api.url,
            "TOKEN": await asyncio.to_thread(token_as_the_page_says, tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert '"title":"Ready: #4711"' in run.stdout
    audited = {action for action, *_ in await office.audited()}
    (table,) = re.findall(r"^\| action \|.*?(?=^$|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert audited == set(re.findall(r"`([a-z]+\.[a-z]+)`", table))
    assert await office.rows("SELECT id FROM orderbell.delivery ORDER BY id") == [(13,), (14,)]
    assert await told_of(database) == {
        ("message.sent", "42"),
        ("message.sent", "ann"),
        ("order.delayed", "42"),
        ("order.ready", "42"),
    }


def token_as_the_page_says(folder: Path) -> str:
    (command,) = re.findall(r"\$\((orderbell token .*?)\)", PAGE)
    (folder / "orderbell.toml").write_text(f'[auth]\nsecret = "{SECRET}"\n', encoding="utf-8")
    run = subprocess.run(
        [f"{sysconfig.get_path('scripts')}/orderbell", *command.split()[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return run.stdout.strip()


async def told_of(database: str) -> set[tuple[str, str]]:
    """(event, user id) of everything that is in an inbox once the planner has been there."""
    bench = Bench(database, Settings.model_validate({"database": {"url": database}} | CONFIGURATION), NoRoom())
    try:
        await bench.plan()
        return {
            (row["event"], row["user_id"]) for row in bench.rows("SELECT event, user_id FROM orderbell.notification")
        }
    finally:
        bench.close()


def test_the_configuration_on_the_page_has_audiences() -> None:
    (block,) = blocks("toml")
    for audience in tomllib.loads(block)["audience"].values():
        Audience.model_validate(audience)
