"""docs/how-to/admin.md, word for word: every command is run, every action of the audit is there."""

import asyncio
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from config.mapping import Audience

if TYPE_CHECKING:
    from tests.integration.api.admin.conftest import Office

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/how-to/admin.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


async def test_every_command_on_the_page_works(office: "Office") -> None:
    await office.told(1, user="42", subject="order:4711")
    await office.ended(13, "failed", error="no such mailbox")
    await office.ended(14, "failed", error="Connection refused by mx.example")
    await office.sql("INSERT INTO orderbell.suppression VALUES ('email', 'ada@example.com', 'bounce')")
    run = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-e", "-c", "\n".join(blocks("sh"))],
        env={
            "PATH": os.environ["PATH"],
            "URL": office.api.url,
            "TOKEN": office.api.tokens.mint("ada", roles=frozenset({"admin"})),
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


def test_the_configuration_on_the_page_has_audiences() -> None:
    (block,) = blocks("toml")
    for audience in tomllib.loads(block)["audience"].values():
        Audience.model_validate(audience)
