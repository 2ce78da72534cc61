"""What a reader of the tutorial does with a database of their own: its commands, SQL and settings, word for word."""

import asyncio
import json
import os
import shlex
import smtplib
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from demo.ports import port_of, reserved
from demo.sinks.smtp import SmtpSink
from tests.acceptance.conftest import App, running, until
from tests.pages import Page

TUTORIAL = Page("docs/tutorial.md")
README = Page("README.md")

Done = subprocess.CompletedProcess[str]
Shell = Callable[..., Awaitable[Done]]


@pytest.fixture
def app(empty_database: str) -> Iterator[App]:
    """The bakery's database, from the tutorial's SQL."""
    made = App(empty_database)
    made.sql(TUTORIAL.section("A database of your own").block("sql"))
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
    done = await shell(TUTORIAL.section("2. Let it look").block("sh"))
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def mended(looked: Done, smtp: SmtpSink, tmp_path: Path) -> Path:
    """After step 3: the file with what the page adds, and with the sink's port."""
    file = tmp_path / "orderbell.toml"
    values = tomlkit.parse(file.read_text()).unwrap()
    values["watch"][0]["columns"].append("bakery_id")
    for block in TUTORIAL.section("3. Read and mend it").blocks("toml"):
        for name, part in tomllib.loads(block.replace("2525", str(smtp.port))).items():
            values[name] = {**values.get(name, {}), **part}
    # Ports that may be taken here.
    values |= {"http": {"port": 0}, "metrics": {"port": 0}}
    file.write_text(tomlkit.dumps(values))
    return file


async def test_looking_says_what_the_page_says(looked: Done, tmp_path: Path) -> None:
    page = TUTORIAL.section("2. Let it look")
    assert looked.stderr == page.block("text")
    (shown,) = tomllib.loads(page.block("toml"))["watch"]
    (found,) = tomllib.loads((tmp_path / "orderbell.toml").read_text())["watch"]
    assert shown.items() <= found.items()


def wait_until(condition: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_mail_server_of_the_page_prints_what_it_is_sent(tmp_path: Path) -> None:
    command = TUTORIAL.section("3. Read and mend it").block("sh").replace("~/orderbell/bin/python", sys.executable)
    held = reserved()
    port = port_of(held)
    with (tmp_path / "printed").open("wb") as output:
        server = subprocess.Popen(shlex.split(command.replace("2525", str(port))), stdout=output, stderr=output)
    try:
        wait_until(lambda: answers(port))
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("shop@example.com", ["ada@example.com"], "Subject: Bread\n\nIt is baked.")
        wait_until(lambda: "It is baked." in (tmp_path / "printed").read_text())
    finally:
        server.terminate()
        server.wait(40)
        held.close()


async def test_check_and_install_say_what_the_page_says(shell: Shell, mended: Path) -> None:
    page = TUTORIAL.section("4. Check and install")
    commands, created = page.block("sh"), page.block("text")
    check, install = commands.splitlines()
    before = await shell(check)
    assert before.returncode == 1
    last = before.stdout.splitlines()[-1]
    assert f"`{last}`" in page.text.replace("\n", " ")
    assert (await shell(install)).stdout.splitlines() == created.splitlines()
    assert (await shell(commands)).stdout.splitlines()[-1] == "Everything is in place already."


async def test_the_readme_shows_the_same(shell: Shell, mended: Path) -> None:
    (console,) = [block for block in README.blocks("console") if block.startswith("$ orderbell check")]
    for shown in console.split("$ ")[1:]:
        command, *said = shown.splitlines()
        assert (await shell(f"{command} 2>&1 || true")).stdout.splitlines() == said


async def test_an_order_is_told_and_everything_can_be_taken_away_again(
    app: App, shell: Shell, mended: Path, smtp: SmtpSink
) -> None:
    assert (await shell("orderbell install")).returncode == 0
    page = TUTORIAL.section("5. Run it, and write an order")
    start, curl, explain, take_away = page.blocks("sh")
    order, move_on = page.blocks("sql")
    export, run = start.splitlines()
    assert run == "orderbell run"
    secret = (await shell(f'{export}; printf %s "$ORDERBELL_AUTH__SECRET"')).stdout
    async with running(mended, ORDERBELL_AUTH__SECRET=secret) as daemon:
        app.sql(order)
        await until(lambda: len(smtp.mails) == 2)
        assert sorted(mail.to[0] for mail in smtp.mails) == ["ada@example.com", "ben@example.com"]

        here = curl.replace("http://127.0.0.1:8480", daemon.http)
        inbox = await shell(here.replace("curl ", "curl -sS "), ORDERBELL_AUTH__SECRET=secret)
        assert inbox.returncode == 0, inbox.stderr
        assert as_shown(json.loads(inbox.stdout)) == as_shown(json.loads(page.block("json")))

        app.sql(move_on)
        await until(lambda: len(app.sql("SELECT FROM orderbell.notification WHERE event = 'order.confirmed'")) == 2)
        explained = await shell(explain)
        assert (explained.returncode, "order.confirmed" in explained.stdout) == (0, True), explained
    taken = await shell(take_away, answers="y\n")
    assert taken.returncode == 0, taken.stderr
    assert app.sql("SELECT FROM pg_namespace WHERE nspname = 'orderbell'") == []


def as_shown(inbox: dict[str, Any]) -> dict[str, Any]:
    """An inbox without its times."""
    return inbox | {"items": [item | {"created_at": None, "expires_at": None} for item in inbox["items"]]}
