"""What a reader of the tutorial does with a database of their own: its commands, SQL and settings, word for word."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from demo.sinks.smtp import SmtpSink
from tests.acceptance.conftest import App, running, until

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

Done = subprocess.CompletedProcess[str]
Shell = Callable[..., Awaitable[Done]]


def section(title: str) -> str:
    """What stands under a heading of the tutorial, up to the next."""
    (found,) = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ )", TUTORIAL, re.MULTILINE | re.DOTALL)
    return str(found)


def blocks(text: str, language: str) -> list[str]:
    return [
        "\n".join(line.removeprefix(indent) for line in code.splitlines())
        for indent, code in re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    ]


@pytest.fixture
def app(empty_database: str) -> Iterator[App]:
    """The bakery's database, from the tutorial's SQL."""
    made = App(empty_database)
    (tables,) = blocks(section("A database of your own"), "sql")
    made.sql(tables)
    yield made
    made.close()


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpSink]:
    sink = SmtpSink()
    await sink.start()
    yield sink
    await sink.stop()


@pytest.fixture
def shell(tmp_path: Path, app: App) -> Shell:
    """Runs what the page says in a shell, in a folder of its own; only the database's address is another one."""

    async def run(script: str, answers: str = "", **environment: str) -> Done:
        # In a thread: the mail server that it may ask lives in this one.
        return await asyncio.to_thread(
            subprocess.run,
            ["sh", "-ec", script.replace("postgresql://postgres@localhost/bakery", f"'{app.url}'")],
            cwd=tmp_path,
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200", **environment},
            input=answers,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
async def looked(shell: Shell) -> Done:
    """After step 2: ``orderbell.toml`` is written."""
    (init,) = blocks(section("2. Let it look"), "sh")
    done = await shell(init)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def mended(looked: Done, smtp: SmtpSink, tmp_path: Path) -> Path:
    """After step 3: the file with what the page adds, and with the sink's port."""
    file = tmp_path / "orderbell.toml"
    values = tomlkit.parse(file.read_text()).unwrap()
    values["watch"][0]["columns"].append("bakery_id")
    for block in blocks(section("3. Read and mend it"), "toml"):
        for name, part in tomllib.loads(block.replace("2525", str(smtp.port))).items():
            values[name] = {**values.get(name, {}), **part}
    # Ports that may be taken here.
    values |= {"http": {"port": 0}, "metrics": {"port": 0}}
    file.write_text(tomlkit.dumps(values))
    return file


async def test_looking_says_what_the_page_says(looked: Done, tmp_path: Path) -> None:
    notes, file = blocks(section("2. Let it look"), "text"), blocks(section("2. Let it look"), "toml")
    assert looked.stderr.splitlines() == notes[0].splitlines()
    (shown,), found = tomllib.loads(file[0])["watch"], tomllib.loads((tmp_path / "orderbell.toml").read_text())
    assert shown.items() <= found["watch"][0].items()


async def test_check_and_install_say_what_the_page_says(shell: Shell, mended: Path) -> None:
    page = section("4. Check and install")
    (commands,), (created,) = blocks(page, "sh"), blocks(page, "text")
    check, install = commands.splitlines()
    before = await shell(check)
    assert before.returncode == 1
    last = before.stdout.splitlines()[-1]
    assert f"`{last}`" in page.replace("\n", " ")
    assert (await shell(install)).stdout.splitlines() == created.splitlines()
    assert (await shell(commands)).stdout.splitlines()[-1] == "Everything is in place already."


async def test_the_readme_shows_the_same(shell: Shell, mended: Path) -> None:
    (console,) = [block for block in blocks(README, "console") if block.startswith("$ orderbell check")]
    for shown in console.split("$ ")[1:]:
        command, *said = shown.splitlines()
        assert (await shell(f"{command} 2>&1 || true")).stdout.splitlines() == said


async def test_an_order_is_told_and_everything_can_be_taken_away_again(
    app: App, shell: Shell, mended: Path, smtp: SmtpSink
) -> None:
    assert (await shell("orderbell install")).returncode == 0
    page = section("5. Run it, and write an order")
    start, curl, take_away = blocks(page, "sh")
    export, run = start.splitlines()
    assert run == "orderbell run"
    secret = (await shell(f'{export}; printf %s "$ORDERBELL_AUTH__SECRET"')).stdout
    async with running(mended, ORDERBELL_AUTH__SECRET=secret) as daemon:
        (order,) = blocks(page, "sql")
        app.sql(order)
        await until(lambda: len(smtp.mails) == 2)
        assert sorted(mail.to[0] for mail in smtp.mails) == ["ada@example.com", "ben@example.com"]

        here = curl.replace("http://127.0.0.1:8480", daemon.http)
        inbox = await shell(here.replace("curl ", "curl -sS "), ORDERBELL_AUTH__SECRET=secret)
        assert inbox.returncode == 0, inbox.stderr
        assert as_shown(json.loads(inbox.stdout)) == as_shown(json.loads(blocks(page, "json")[0]))

        app.sql("UPDATE purchases SET state = 'accepted'")
        await until(lambda: len(app.sql("SELECT FROM orderbell.notification WHERE event = 'order.confirmed'")) == 2)
    taken = await shell(take_away, answers="y\n")
    assert taken.returncode == 0, taken.stderr
    assert app.sql("SELECT FROM pg_namespace WHERE nspname = 'orderbell'") == []


def as_shown(inbox: dict[str, Any]) -> dict[str, Any]:
    """An inbox without its times."""
    return inbox | {"items": [item | {"created_at": None, "expires_at": None} for item in inbox["items"]]}
