"""Every reason for which somebody was not told, in words."""

import re
from pathlib import Path
from typing import Any

import pytest

from daemon.explain.records import CarrierRow, ChoiceRow, ClosedRow, NewerRow, PersonRow
from daemon.explain.values import Reason
from daemon.explain.words import Skip, why_skipped
from tests.unit.explain.cases import MOMENT, at, configured, finished, told

CONFIGURED = configured()


def why(reason: str, detail: str | None = None, channel: str = "email", **around: Any) -> str:
    notification = told(**around.pop("told", {}))
    row = finished(state="skipped", reason=reason, error=detail, channel=channel)
    return why_skipped(Skip(row, notification, around.pop("configured", CONFIGURED), **around), MOMENT)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_even_where_nothing_else_is_known(reason: Reason) -> None:
    said = why(reason)
    assert len(said.split()) > 3
    assert "None" not in said


def test_the_reasons_are_those_of_the_tables() -> None:
    migrations = sorted((Path(__file__).parents[3] / "schema/sql").glob("0*.sql"))
    lists = re.findall(r"reason IN\s*\(([^)]*'superseded'[^)]*)\)", "".join(file.read_text() for file in migrations))
    assert set(re.findall(r"'(\w+)'", lists[-1])) == set(Reason)


def test_superseded_says_by_what() -> None:
    newer = NewerRow(1, "order.delivered", at(20))
    assert why("superseded", newer=newer) == "superseded by order.delivered at 12:20:00"
    assert why("superseded") == "superseded by a newer status at 12:01:00"


def test_a_device_that_shows_something_newer_is_not_told_that_the_old_is_over() -> None:
    said = why("superseded", channel="webpush", takes_back=True)
    assert said == "it was to take back what the device shows, which was a newer message by 12:01:00"


def choice(category: str, channel: str, *, enabled: bool = False, minutes: float = -60) -> ChoiceRow:
    return ChoiceRow("u1", category, channel, enabled, at(minutes))


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ([choice("order", "email")], "they switched off category order on email, since 11:00:00"),
        ([choice("", "email")], "they switched off everything on email, since 11:00:00"),
        ([choice("order", "")], "they switched off category order on every channel, since 11:00:00"),
        ([choice("order", "email"), choice("", "")], "they switched off category order on email, since 11:00:00"),
        ([choice("order", "email", enabled=True, minutes=9)], "they had switched it off; since 12:09:00 they want it"),
        ([choice("order", "sms")], "they had switched it off, and have taken that back since"),
        ([choice("order", "email", minutes=9)], "they switched off category order on email, last changed 12:09:00"),
    ],
)
def test_a_preference_says_what_was_chosen_and_since_when(choices: list[ChoiceRow], said: str) -> None:
    assert why("preference", "as this person chose", choices=choices).startswith(said)


def test_a_preference_may_be_the_configurations() -> None:
    said = why("preference", "switched off by default", told={"category": "promotion"})
    assert said == "category promotion is not sent on email unless a person asks for it, and they had not"
    sms_only = configured(preferences={"order": ["sms"]})
    assert why("preference", configured=sms_only).startswith("category order is not sent on email unless")


def test_do_not_disturb_is_a_preference() -> None:
    person = PersonRow("u1", None, None, True, at(-5))
    undisturbed = "they do not want to be disturbed (their settings are of 11:55:00)"
    assert why("preference", "do not disturb", person=person) == undisturbed
    assert why("preference", person=person) == undisturbed
    assert why("preference", "do not disturb") == "they had chosen not to be disturbed, and have taken that back since"


def test_suppressed_says_why_and_since_when() -> None:
    closed = ClosedRow("email", "ada@example.com", "bounce", "550 unknown", at(-5))
    assert why("suppressed", closed=closed) == "the address is suppressed since 11:55:00 (bounce: 550 unknown)"
    assert why("suppressed") == "the address was suppressed, and has been opened again since"
    again = ClosedRow("email", "ada@example.com", "manual", "", at(9))
    assert why("suppressed", closed=again) == "the address was suppressed, and is again since 12:09:00 (manual)"


def test_withdrawn_says_by_what() -> None:
    taken = {"withdrawn_at": at(5)}
    assert why("withdrawn", told=taken, withdrawn_by="order.picked_up") == "taken back by order.picked_up at 12:05:00"
    assert why("withdrawn", told=taken) == "taken back at 12:05:00"
    assert why("withdrawn", "its notification was deleted") == "its notification was deleted"


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ("quiet hours never end", "their quiet hours never end"),
        ("quiet until after its end", "not to be sent after 13:00:00, and quiet hours end later"),
        ("its end comes first", "not to be sent after 13:00:00, and it would have been due later"),
        ("while it waited", "not to be sent after 13:00:00, and it was still waiting then"),
        (None, "not to be sent after 13:00:00: it was 12:01:00 by then"),
    ],
)
def test_expired_says_when_it_had_to_be_sent(detail: str | None, said: str) -> None:
    assert why("expired", detail) == said


def test_read_says_when() -> None:
    assert why("read", told={"read_at": at(4)}) == "they had read it in the inbox at 12:04:00"


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ("email", "no e-mail address is known for them"),
        ("sms", "no phone number is known for them"),
        ("webpush", "no browser of theirs has asked for pushes"),
        ("fax", "no address on fax is known for them"),
    ],
)
def test_no_address_says_which(channel: str, said: str) -> None:
    assert why("no_address", channel=channel) == said


@pytest.mark.parametrize(
    ("state", "became"),
    [
        ("sent", "sent 12:10:00"),
        ("delivered", "sent 12:10:00"),
        ("failed", "which failed 12:10:00"),
        ("skipped", "which was skipped 12:10:00: read"),
        ("pending", "which is still to be sent"),
    ],
)
def test_digested_says_with_what_and_what_became_of_it(state: str, became: str) -> None:
    carrier = CarrierRow(9, state, "read" if state == "skipped" else None, at(10), "order.ready", "order:8")
    said = why("digested", "told with delivery 9", carrier=carrier)
    assert said == f"told in a digest with delivery d9 (order.ready of order:8), {became}"


def test_a_digest_that_is_not_kept_any_more_is_said() -> None:
    assert why("digested", "told with delivery 9").endswith("delivery d9, of which nothing is kept any more")


def rule_of(*steps: dict[str, Any]) -> Any:
    return configured(rule=[{"event": "order.ready", "audience": "customer", "steps": steps}])


def test_a_condition_is_said_as_the_rule_has_it() -> None:
    rule = rule_of({"channels": ["email"], "where": "total > 100"})
    said = "its step's condition did not hold at 12:01:00: where total > 100"
    assert why("condition", configured=rule) == said
    assert why("condition", channel="sms", configured=rule) == said.partition(": where")[0]


def test_a_condition_on_who_has_seen_it_says_when_they_had() -> None:
    rule = rule_of({"channels": ["email"], "after": "2m", "unless": "seen"})
    said = why("condition", configured=rule, told={"seen_at": at(0.5)})
    assert said == "its step is only for who has not seen it, and they had, at 12:00:30"
    assert why("condition", configured=rule, told={"seen_at": at(9)}).endswith(": unless seen")


def test_a_throttle_says_how_much_is_enough() -> None:
    limits = configured(throttle=[{"channel": "email", "at_most": 2, "per": "1h30m"}])
    said = "they had been sent enough on email: at most 2 in 1 h 30 min"
    assert why("throttled", "more than 2 in 1:30:00", configured=limits) == said
    assert why("throttled", "more than 2 in 1:30:00").endswith(": at most 2 in 1:30:00")
