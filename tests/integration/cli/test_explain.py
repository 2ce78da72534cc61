"""``orderbell explain`` as a process: why somebody was told, or not."""

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.kept import CONFIGURATION, DAY, DEVICE, Kept, at, life

Command = Callable[..., subprocess.CompletedProcess[str]]

DUE = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=1)


@pytest.fixture
def kept(database: str, tmp_path: Path) -> Iterator[Kept]:
    (tmp_path / "orderbell.toml").write_text(CONFIGURATION.replace("{url}", database), encoding="utf-8")
    made = Kept(database)
    yield made
    made.close()


def explained(orderbell: Command, *arguments: str) -> dict[str, Any]:
    ran = orderbell("explain", "order:4711", "--json", *arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def ways(orderbell: Command, *arguments: str) -> list[dict[str, Any]]:
    events = explained(orderbell, *arguments)["events"]
    return [way for event in events for told in event["told"] for way in told["ways"]]


def whys(orderbell: Command, channel: str) -> list[str]:
    return [f"{way['state']}: {way['why']}" for way in ways(orderbell, "--channel", channel, "--user", "u1")]


def ready(kept: Kept) -> None:
    kept.event(2, "order.ready")
    kept.told(2, 2, "order.ready")


# --- the whole ----------------------------------------------------------------------------------------------------


def test_the_life_of_an_order_is_a_timeline(kept: Kept, orderbell: Command) -> None:
    life(kept)
    ran = orderbell("explain", "order:4711")
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[:17] == [
        "order:4711: 3 events; times are in UTC",
        f"order.created of #4711, {DAY} 12:00:00, planned 12:00:00",
        "  u1 as customer: read 12:04:00 (order, normal)",
        "    email to a…@example.com: delivered 12:00:06, sent 12:00:03 by first (id <1.2@shop>)",
        f"order.ready of #4711, {DAY} 12:10:00, planned 12:10:00",
        "  u1 as customer: seen 12:11:00, not read (order, normal)",
        "    email to a…@example.com: not sent: superseded by order.delivered at 12:20:00",
        "    sms to +1…0123: failed 12:13:00 by first, after 2 attempts: Twilio error 21610: +1…0123 said STOP",
        "      attempt 1, 12:10:00, first: retry (429: too many requests)",
        "      attempt 2, 12:13:00, second: rejected (21610: +1…0123 said STOP)",
        "    webpush: not sent: no browser of theirs has asked for pushes",
        "  u2 as vendor: taken back by order.delivered 12:20:00 (order, high)",
        "    webpush to push.example.net: sent 12:10:00 by first",
        "    webpush to push.example.net: sent 12:20:00 by first, to take back what the device shows",
        "  could not be told",
        "    vendor: user u9 is not among the people",
        f"order.delivered of #4711, {DAY} 12:20:00, planned 12:20:00",
    ]
    assert lines[18].startswith("    email to a…@example.com: pending: held by quiet hours until ")
    assert lines[18].endswith(" in Europe/Berlin)")
    assert lines[19] == (
        f'order.lost: could not be planned at {DAY} 12:15:00: column "mail" does not exist; mended? orderbell retry c7'
    )
    assert lines[20].startswith("order.refunded: captured ")
    assert lines[21].startswith("order.rate: scheduled for ")


def test_nothing_is_written_by_it_and_no_colour_goes_into_a_pipe(kept: Kept, orderbell: Command) -> None:
    life(kept)
    assert "\x1b" not in orderbell("explain", "order:4711").stdout


def test_eighty_columns_are_enough_for_a_terminal(kept: Kept, orderbell: Command) -> None:
    life(kept)
    ran = orderbell("explain", "order:4711", COLUMNS="80", FORCE_COLOR="1", TERM="dumb", NO_COLOR="1")
    assert ran.returncode == 0
    assert "├── u1 as customer" in ran.stdout
    assert max(len(line) for line in ran.stdout.splitlines()) <= 80


def test_what_others_wrote_does_not_steer_the_terminal(kept: Kept, orderbell: Command) -> None:
    ready(kept)
    kept.finished(2, "email", "failed", error="\x1b[2J[bold]no[/bold]\r\nnothing here")
    said = orderbell("explain", "order:4711").stdout
    assert "\x1b" not in said
    assert "[2J[bold]no[/bold]  nothing here" in said


def test_json_is_whole_and_has_times_in_iso_8601(kept: Kept, orderbell: Command) -> None:
    life(kept)
    found = explained(orderbell, "--user", "u1", "--channel", "sms")
    assert set(found) == {"subject", "user", "channel", "events", "ahead", "more_events"}
    _, second, _ = found["events"]
    (told,) = second["told"]
    (way,) = told.pop("ways")
    assert told["created_at"] == f"{DAY}T12:10:00+00:00"
    assert (way["state"], way["reason"], way["provider"], way["finished_at"]) == (
        "failed", None, "first", f"{DAY}T12:13:00+00:00",
    )  # fmt: skip
    assert [(each["number"], each["provider"], each["outcome"], each["code"]) for each in way["attempts"]] == [
        (1, "first", "retry", "429"),
        (2, "second", "rejected", "21610"),
    ]
    assert [(each["kind"], each["event"], each["id"]) for each in found["ahead"]] == [
        ("set_aside", "order.lost", "c7"), ("change", "order.refunded", None), ("scheduled", "order.rate", None),
    ]  # fmt: skip


# --- each case ----------------------------------------------------------------------------------------------------


def test_a_preference_says_what_was_chosen_and_since_when(kept: Kept, orderbell: Command) -> None:
    ready(kept)
    kept.add("preference", user_id="u1", category="order", channel="sms", enabled=False, changed_at=at(-60))
    kept.skipped(2, "sms", "preference", error="as this person chose")
    assert whys(orderbell, "sms") == ["skipped: they switched off category order on sms, since 11:00:00"]


def test_do_not_disturb_is_said(kept: Kept, orderbell: Command) -> None:
    ready(kept)
    kept.add("person", user_id="u1", do_not_disturb=True, changed_at=at(-5))
    kept.skipped(2, "email", "preference", error="do not disturb")
    assert whys(orderbell, "email") == ["skipped: they do not want to be disturbed (their settings are of 11:55:00)"]


def test_a_suppressed_address_says_why_and_since_when_however_it_is_spelled(kept: Kept, orderbell: Command) -> None:
    ready(kept)
    kept.add("suppression", channel="email", address="ada@example.com", reason="bounce", since=at(-5),
             detail="550 <ada@example.com> unknown")  # fmt: skip
    kept.skipped(2, "email", "suppressed", address="Ada@Example.com")
    said = "skipped: the address is suppressed since 11:55:00 (bounce: 550 <a…@example.com> unknown)"
    assert whys(orderbell, "email") == [said]


def test_a_digest_says_with_what_and_when(kept: Kept, orderbell: Command) -> None:
    ready(kept)
    kept.event(9, "order.ready", 5, subject="order:8", key="8")
    kept.told(9, 9, "order.ready", 5, subject="order:8")
    carrier = kept.finished(9, "email", "sent", 30)
    kept.skipped(2, "email", "digested", 30, error=f"told with delivery {carrier}")
    said = f"skipped: told in a digest with delivery d{carrier} (order.ready of order:8), sent 12:30:00"
    assert whys(orderbell, "email") == [said]


def test_a_digest_that_is_still_to_be_sent_is_found_though_it_is_about_more(kept: Kept, orderbell: Command) -> None:
    ready(kept)
    kept.waiting(2, "email", DUE, kind="digest", subject="digest:101", message_id=-1)
    (said,) = whys(orderbell, "email")
    assert said.startswith("pending: due ")


@pytest.mark.parametrize(
    ("reason", "error", "said"),
    [
        ("throttled", "more than 2 in 1:30:00", "they had been sent enough on sms: at most 2 in 1 h 30 min"),
        ("condition", None, "its step's condition did not hold at 12:01:00"),
        ("expired", None, "not to be sent after 13:00:00: it was 12:01:00 by then"),
        ("read", None, "they had read it in the inbox at 12:00:30"),
        ("no_address", "this person has none", "no phone number is known for them"),
        ("withdrawn", "its notification was deleted", "its notification was deleted"),
        ("superseded", "by a newer status", "superseded by a newer status at 12:01:00"),
    ],
)
def test_every_other_reason_is_said(kept: Kept, orderbell: Command, reason: str, error: str | None, said: str) -> None:
    kept.event(2, "order.ready")
    kept.told(2, 2, "order.ready", read_at=at(0.5))
    kept.skipped(2, "sms", reason, 1, error=error)
    assert whys(orderbell, "sms") == [f"skipped: {said}"]


def test_what_is_being_sent_or_tried_again_says_so(kept: Kept, orderbell: Command) -> None:
    ready(kept)
    kept.waiting(2, "email", DUE, state="sending", leased_by="node-1", attempt=1)
    again = kept.waiting(2, "sms", DUE, attempt=1, error="429 too many", uncertain=True)
    kept.tried(again, 1, 1, "unknown")
    assert whys(orderbell, "email")[0].startswith("sending: attempt 1 by node-1, leased until ")
    (way,) = ways(orderbell, "--channel", "sms")
    assert way["why"].startswith("next attempt ")
    assert way["why"].endswith(", after 1 attempt: 429 too many; an earlier attempt may have been sent")
    assert [each["outcome"] for each in way["attempts"]] == ["unknown"]


def test_a_digest_that_is_open_says_when_it_closes(kept: Kept, orderbell: Command) -> None:
    ready(kept)
    kept.waiting(2, "email", DUE, hold="digest:customer")
    (way,) = ways(orderbell, "--channel", "email")
    assert way["why"].startswith("waits for its digest, which closes ")
    assert (way["hold"], way["due_at"]) == ("digest:customer", DUE.isoformat())
    assert datetime.fromisoformat(way["due_local"]) == DUE


def test_what_history_has_dropped_is_said(kept: Kept, orderbell: Command) -> None:
    long_ago = at(-100 * 24 * 60)
    kept.event(2, "order.ready", captured_at=long_ago, planned_at=long_ago)
    kept.told(2, 2, "order.ready", created_at=long_ago)
    (event,) = explained(orderbell)["events"]
    assert event["notes"] == [
        "older than delivery.history_days (90 days): what became of its messages is not kept any more"
    ]
    assert event["told"][0]["ways"] == []


def test_a_person_in_no_audience_is_told_which_there_are(kept: Kept, orderbell: Command) -> None:
    life(kept)
    said = orderbell("explain", "order:4711", "--user", "u7").stdout
    assert "u7 is in none of the audiences of order.ready (rules are for: customer, vendor)" in said
    assert "u1" not in said
    assert "u9" not in said


def test_a_person_whom_the_application_does_not_know_is_named(kept: Kept, orderbell: Command) -> None:
    life(kept)
    said = orderbell("explain", "order:4711", "--user", "u9").stdout
    assert "vendor: user u9 is not among the people" in said
    assert "none of the audiences of order.ready" not in said


def test_addresses_are_shown_to_who_asks_for_them(kept: Kept, orderbell: Command) -> None:
    life(kept)
    hidden = orderbell("explain", "order:4711").stdout + orderbell("explain", "order:4711", "--json").stdout
    shown = orderbell("explain", "order:4711", "--addresses").stdout
    for address in ("ada@example.com", "+12025550123", json.loads(DEVICE)["endpoint"]):
        assert address not in hidden
        assert address in shown
    assert "p256dh" not in shown


def test_rows_that_were_kept_whole_are_read_too(kept: Kept, orderbell: Command) -> None:
    kept.add("change", watch="orders", op="rows", error="a column is gone", new=json.dumps(
        [{"id": 1, "status": "new"}, {"id": 4711, "status": "lost"}]))  # fmt: skip
    kept.add("change", op="event", key="4711", old='{"event": "order.rate"}', new="{}")
    kept.add("change", op="event", key="4711", old='{"event": "payment.received"}', new="{}")
    assert [each["event"] for each in explained(orderbell)["ahead"]] == ["order.lost", "order.rate"]


# --- many ---------------------------------------------------------------------------------------------------------


def test_of_a_broadcast_some_are_listed_and_the_rest_is_counted(kept: Kept, orderbell: Command) -> None:
    kept.event(2, "order.ready")
    kept.sql(
        "INSERT INTO orderbell.notification (id, event_id, message_id, user_id, event, subject, audience, category,"
        " priority, created_at) SELECT n, 2, 1, 'u' || n, 'order.ready', 'order:4711', 'customer', 'order', 'normal',"
        " %s FROM generate_series(1, 1000) n",
        at(0),
    )
    kept.sql(
        "INSERT INTO orderbell.delivery_history (id, notification_id, channel, address, state, reason, attempt,"
        " finished_at) SELECT n, n, 'email', 'a@example.com', CASE WHEN n > 990 THEN 'skipped' ELSE 'sent' END,"
        " CASE WHEN n > 990 THEN 'no_address' END, 1, %s FROM generate_series(1, 1000) n",
        at(1),
    )
    kept.waiting(1000, "sms", DUE, user_id="u1000")
    said = orderbell("explain", "order:4711").stdout
    assert said.count(" as customer: ") == 20
    assert "  and 980 more: email 970 sent, 10 no_address; sms 1 pending\n" in said
    assert "  and 999 more: " in orderbell("explain", "order:4711", "--limit", "1").stdout
    narrow = orderbell("explain", "order:4711", "--user", "u1000").stdout
    assert narrow.count(" as customer: ") == 1
    assert "sms to +1…0123: pending: due " in narrow
    assert "more" not in narrow


# --- calls --------------------------------------------------------------------------------------------------------


def test_a_key_alone_is_taken_for_the_only_kind_of_row(kept: Kept, orderbell: Command) -> None:
    life(kept)
    ran = orderbell("explain", "4711")
    assert (ran.returncode, ran.stdout.splitlines()[0]) == (0, "order:4711: 3 events; times are in UTC")
    assert ran.stderr == "4711 is taken for order:4711: nothing else is watched\n"


def test_a_key_alone_is_not_enough_where_there_are_several(kept: Kept, orderbell: Command, tmp_path: Path) -> None:
    file = tmp_path / "orderbell.toml"
    more = '\n[[watch]]\nname = "payments"\ntable = "public.payments"\nevent_prefix = "payment"\n'
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    ran = orderbell("explain", "4711")
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", "say what 4711 is: order:4711 or payment:4711\n")


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_what_nothing_is_known_of_says_what_to_look_at(kept: Kept, orderbell: Command, more: list[str]) -> None:
    ran = orderbell("explain", "order:1", *more)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        "nothing is known of order:1: is '1' the id of a row in public.orders, and was it written since"
        " `orderbell install`? Events are kept for 365 days\n"
    )
    strange = orderbell("explain", "parcel:1", *more)
    assert strange.returncode == 1
    assert "no [[watch]] makes events of 'parcel' (watched: order:…), and none was sent" in strange.stderr


def test_an_unknown_channel_is_named(kept: Kept, orderbell: Command) -> None:
    ran = orderbell("explain", "order:4711", "--channel", "smss")
    assert ran.returncode == 2
    assert ran.stderr.startswith('there is no channel "smss"; there is inbox, email, ')


def test_before_the_install_it_says_what_to_run(empty_database: str, orderbell: Command, tmp_path: Path) -> None:
    (tmp_path / "orderbell.toml").write_text(CONFIGURATION.replace("{url}", empty_database), encoding="utf-8")
    ran = orderbell("explain", "order:4711")
    assert (ran.returncode, ran.stderr.splitlines()) == (
        1, ["Orderbell is not installed in this database: run `orderbell install`"],
    )  # fmt: skip
