"""``orderbell template`` as processes: drafted, looked at, published, retired."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from config import load
from schema.install import install

Command = Callable[..., subprocess.CompletedProcess[str]]

PROGRAM = Path(sys.executable).parent / "orderbell"

TABLES = """
CREATE TABLE people (id int PRIMARY KEY, name text, email text, locale text);
INSERT INTO people VALUES (1, 'Cora [c]', 'cora@example.com', 'de-AT');
CREATE TABLE orders (id bigint PRIMARY KEY, status text, customer_id int, total numeric, currency text);
"""

SHOP = """
[database]
url = "{url}"
[[watch]]
table = "orders"
columns = ["customer_id", "total", "currency"]
[people]
query = "SELECT id AS user_id, name, email, locale FROM people WHERE id = ANY(:ids)"
[audience.customer]
column = "customer_id"
url = "https://shop.example/orders/{{{{ key }}}}"
[[rule]]
event = "order.ready"
audience = "customer"
channels = ["email", "sms"]
"""

WORDS = """
title = "Ready: {{ label }}"
body = "{{ customer.name }}, {{ order.total | money(order.currency) }}, please."
text = "Your order {{ label }} is ready: {{ order.total | money(order.currency) }}"
action = "Look"
"""

HAPPENED = """
INSERT INTO orderbell.event (id, name, subject, watch, key, label, data, captured_at, planned_at)
VALUES (%s, 'order.ready', 'order:' || %s, 'orders', %s, '#' || %s, %s, now(), now())
"""


@pytest.fixture
def shop(database: str, tmp_path: Path) -> str:
    with psycopg.connect(database) as connection:
        connection.execute(TABLES)
    (tmp_path / "orderbell.toml").write_text(SHOP.format(url=database), encoding="utf-8")
    (tmp_path / "ready.toml").write_text(WORDS, encoding="utf-8")
    install(load(tmp_path / "orderbell.toml", {}))
    return database


def happened(url: str, key: str, total: str) -> None:
    row = json.dumps({"customer_id": 1, "total": total, "currency": "EUR"})
    with psycopg.connect(url) as connection:
        connection.execute(HAPPENED, (int(key), key, key, key, row))


def draft(orderbell: Command, *options: str, file: str = "ready.toml") -> int:
    made = orderbell("template", "draft", "order.ready", "customer", file, *options)
    assert made.returncode == 0, made.stderr
    return int(made.stdout.split()[1])


def kept(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT FROM orderbell.template").rowcount


def listed(orderbell: Command, *options: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(orderbell("template", "list", "--json", *options).stdout)
    return found


def test_a_template_goes_from_draft_to_published_to_retired(shop: str, orderbell: Command) -> None:
    made = orderbell("template", "draft", "order.ready", "customer", "ready.toml", "--locale", "de_at")
    assert made.stdout.splitlines() == [
        "template 1 (order.ready to customer in de-AT, version 1) is a draft",
        "Next: orderbell template preview 1, orderbell template publish 1",
    ]
    assert orderbell("template", "publish", "1").stdout == (
        "template 1 (order.ready to customer in de-AT, version 1) is published\n"
    )
    assert draft(orderbell, "--locale", "de-AT", "--author", "Vic") == 2
    assert "version 2) is published; version 1 is retired" in orderbell("template", "publish", "2").stdout
    assert "version 2) was published already" in orderbell("template", "publish", "2").stdout
    assert "version 1) is published again; version 2 is retired" in orderbell("template", "publish", "1").stdout
    assert "version 1) is retired" in orderbell("template", "retire", "1").stdout
    assert "version 1) was retired already" in orderbell("template", "retire", "1").stdout
    assert [(t["id"], t["version"], t["state"], t["author"] == "Vic") for t in listed(orderbell)] == [
        (2, 2, "retired", True),
        (1, 1, "retired", False),
    ]


def test_the_list_can_be_narrowed_down(shop: str, orderbell: Command) -> None:
    assert orderbell("template", "list").stdout == "There is no template.\n"
    draft(orderbell)
    sms = draft(orderbell, "--channel", "sms", "--locale", "de")
    orderbell("template", "publish", str(sms))
    assert [t["id"] for t in listed(orderbell, "--channel", "sms", "--locale", "DE")] == [sms]
    assert [t["id"] for t in listed(orderbell, "--state", "published")] == [sms]
    assert orderbell("template", "list", "--event", "order.lost").stdout == "There is no template like that.\n"
    shown = orderbell("template", "list", "--limit", "1").stdout
    assert "--limit shows more" in shown
    assert shown.splitlines()[0].split() == [
        "id",
        "event",
        "audience",
        "channel",
        "locale",
        "version",
        "state",
        "author",
    ]
    assert orderbell("template", "list", "--state", "lost").returncode == 2


def test_words_come_from_stdin_too(shop: str, orderbell: Command, tmp_path: Path) -> None:
    made = subprocess.run(
        ["sh", "-c", "printf \"title = 't'\\nbody = 'b'\" | \"$0\" template draft order.ready customer", PROGRAM],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, "")


def test_a_place_that_nobody_reads_is_refused(shop: str, orderbell: Command) -> None:
    refused = orderbell("template", "draft", "order.redy", "customer", "ready.toml", "--locale", "german")
    assert (refused.returncode, refused.stderr.splitlines()) == (
        2,
        [
            'orderbell template draft: locale: "german" is not a locale, such as de or de-AT',
            'orderbell template draft: event: no rule is for "order.redy" (did you mean "order.ready"?)',
        ],
    )
    assert kept(shop) == 0


def test_words_that_cannot_be_used_are_refused(shop: str, orderbell: Command, tmp_path: Path) -> None:
    (tmp_path / "words.toml").write_text("title = '{{ oops'\nsubject = 's'", encoding="utf-8")
    refused = orderbell("template", "draft", "order.ready", "customer", "words.toml")
    assert refused.returncode == 2
    assert "words.toml: subject: unknown key; there is title, body, text, action\n" in refused.stderr
    assert "words.toml: body: is missing\n" in refused.stderr
    assert "words.toml: title: unexpected" in refused.stderr
    assert kept(shop) == 0


def test_a_file_that_is_not_there_is_said(shop: str, orderbell: Command) -> None:
    refused = orderbell("template", "draft", "order.ready", "customer", "absent.toml")
    assert (refused.returncode, refused.stderr) == (2, "absent.toml: No such file or directory\n")


def test_what_reads_a_column_that_is_not_captured_is_published_only_against_a_warning(
    shop: str, orderbell: Command, tmp_path: Path
) -> None:
    (tmp_path / "note.toml").write_text("title = '{{ order.totl }}'\nbody = 'b'", encoding="utf-8")
    made = orderbell("template", "draft", "order.ready", "customer", "note.toml")
    wrong = (
        'template 1: "order.ready".customer.title: reads the column "totl", which is not captured'
        ' (did you mean "total"?): add it to watch[0].columns'
    )
    assert (made.returncode, made.stderr) == (0, f"{wrong}\n")
    refused = orderbell("template", "publish", "1")
    assert (refused.returncode, refused.stderr) == (
        1,
        f"{wrong}\ntemplate 1 is not published; with --anyway it would be\n",
    )
    assert orderbell("template", "publish", "1", "--anyway").returncode == 0
    checked = orderbell("check")
    assert checked.returncode == 1
    assert wrong in checked.stderr


def test_check_names_published_templates_that_are_broken_or_that_nobody_reads(shop: str, orderbell: Command) -> None:
    with psycopg.connect(shop) as connection:
        connection.execute(
            "INSERT INTO orderbell.template (event, audience, locale, version, state, title, body) VALUES"
            " ('order.ready', 'customer', 'en', 1, 'published', '{{ oops', 'b'),"
            " ('order.lost', 'customer', 'en', 1, 'published', 't', 'b'),"
            " ('order.ready', 'customer', 'de', 1, 'draft', '{{ oops', 'b')"
        )
    said = orderbell("check").stderr
    assert 'template 1: "order.ready".customer.title: unexpected' in said
    assert 'template 2: event: no rule is for "order.lost"' in said
    assert "template 3" not in said


# --- preview ----------------------------------------------------------------------------------------------------


def test_a_preview_takes_the_newest_real_row(shop: str, orderbell: Command) -> None:
    happened(shop, "7", "12.50")
    happened(shop, "8", "1234.5")
    id_ = draft(orderbell)
    shown = orderbell("template", "preview", str(id_))
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = [line.rstrip() for line in shown.stdout.splitlines()]
    assert lines == [
        "template 1 (order.ready to customer in en, version 1), with order:8 and Cora [c]",
        "title   Ready: #8",
        "body    Cora [c], €1,234.50, please.",
        "text    Your order #8 is ready: €1,234.50",
        "        (1 segment of SMS, GSM-7)",
        "action  Look → https://shop.example/orders/8",
    ]
    older = orderbell("template", "preview", str(id_), "--order", "7", "--channel", "sms", "--locale", "en-IE").stdout
    assert "€12.50" in older
    assert "title" not in older
    absent = orderbell("template", "preview", str(id_), "--order", "99")
    assert (absent.returncode, absent.stderr) == (1, "nothing is known of order:99\n")


def test_a_preview_of_a_file_where_nothing_has_happened_yet_takes_a_row_that_might_be(
    shop: str, orderbell: Command
) -> None:
    place = ("--event", "order.ready", "--audience", "customer")
    shown = orderbell("template", "preview", "ready.toml", *place)
    assert shown.returncode == 0, shown.stderr
    assert "there is no real order.ready yet" in shown.stdout
    assert "Anna Muster, €12.50, please." in shown.stdout
    assert kept(shop) == 0
    assert orderbell("template", "preview", "ready.toml").returncode == 2
    assert "did you mean" in orderbell("template", "preview", "ready.toml", *place[:3], "custmer").stderr


def test_a_preview_of_what_fails_says_so(shop: str, orderbell: Command, tmp_path: Path) -> None:
    happened(shop, "7", "none")
    id_ = draft(orderbell)
    shown = orderbell("template", "preview", str(id_))
    assert shown.returncode == 1
    assert "template 1 of order.ready.customer in en: ValueError: 'none' is not a number" in shown.stderr


def test_a_preview_for_somebody_who_would_not_read_it_is_refused(shop: str, orderbell: Command) -> None:
    id_ = draft(orderbell, "--locale", "de")
    refused = orderbell("template", "preview", str(id_), "--locale", "en")
    assert (refused.returncode, refused.stderr) == (1, "somebody of en does not read words in de\n")
    assert orderbell("template", "preview", str(id_), "--locale", "de-CH").returncode == 0


@pytest.mark.parametrize("command", ["preview", "publish", "retire"])
def test_a_template_that_is_not_there_is_said(shop: str, orderbell: Command, command: str) -> None:
    absent = orderbell("template", command, "7")
    assert (absent.returncode, absent.stderr) == (1, "there is no template 7; `orderbell template list` has them\n")
