"""Rows become a timeline: what belongs together stands together, and what is missing is said."""

from typing import Any

import pytest

from daemon.explain.configured import Configured
from daemon.explain.records import AheadRow, Ask, AttemptRow, CountRow, PersonRow, Rows
from daemon.explain.timeline import timeline
from daemon.explain.values import Coming, Count, Reason, Rest, State, Timeline, Way
from tests.unit.explain.cases import MOMENT, NOON, at, configured, event, finished, told, waiting

CONFIGURED = configured()


def made(ask: Ask | None = None, with_: Configured = CONFIGURED, **rows: Any) -> Timeline:
    given: dict[str, Any] = {"now": at(5), "events": [event()]}
    return timeline(Rows(**given | rows), ask or Ask("order:7"), with_, MOMENT)


def ways(ask: Ask | None = None, with_: Configured = CONFIGURED, **rows: Any) -> tuple[Way, ...]:
    (happened,) = made(ask, with_, **{"notifications": [told()]} | rows).events
    (person,) = happened.told
    return person.ways


def notes(ask: Ask | None = None, **rows: Any) -> tuple[str, ...]:
    (happened,) = made(ask, **rows).events
    return happened.notes


def test_a_delivery_stands_under_its_notification_with_its_attempts_and_a_masked_address() -> None:
    tried = AttemptRow(1, 1, "first", NOON, at(1), "sent", "250", "for ada@example.com")
    (way,) = ways(finished=[finished(error="ada@example.com")], attempts=[tried])
    assert (way.delivery, way.channel, way.state, way.address) == (1, "email", State.SENT, "a…@example.com")
    assert (way.error, way.attempts[0].detail) == ("a…@example.com", "for a…@example.com")


def test_addresses_are_shown_to_who_asks_for_them() -> None:
    rows = Rows(now=NOON, events=[event()], notifications=[told()], finished=[finished(error="to ada@example.com")])
    found = timeline(rows, Ask("order:7"), CONFIGURED, addresses=True)
    (way,) = found.events[0].told[0].ways
    assert (way.address, way.error) == ("ada@example.com", "to ada@example.com")


def test_a_skipped_delivery_has_its_reason_and_its_words() -> None:
    (way,) = ways(finished=[finished(state="skipped", reason="no_address", address=None)])
    assert (way.state, way.reason, way.why) == (State.SKIPPED, Reason.NO_ADDRESS, "no e-mail address is known for them")


def test_a_pending_delivery_is_due_in_the_persons_time_too() -> None:
    (way,) = ways(waiting=[waiting(time_zone="Asia/Tbilisi", hold="quiet")])
    assert (way.state, way.hold, way.due_at) == (State.PENDING, "quiet", at(60))
    assert way.due_local is not None
    assert way.due_local.isoformat() == "2026-11-20T17:00:00+04:00"


@pytest.mark.parametrize(
    ("audience", "own", "zone"),
    [
        ("customer", None, "Europe/Berlin"),
        ("vendor", None, "Asia/Tbilisi"),
        ("vendor", "America/New_York", "America/New_York"),
        ("vendor", "Nowhere/Land", "Asia/Tbilisi"),
    ],
)
def test_the_zone_is_the_persons_own_else_the_audiences_else_the_default(
    audience: str, own: str | None, zone: str
) -> None:
    person = PersonRow("u1", own, None, False, NOON)
    (happened,) = made(notifications=[told(audience=audience)], persons=[person]).events
    assert happened.told[0].time_zone == zone


def test_a_channel_that_the_rule_names_and_nothing_is_known_of_is_said() -> None:
    (way,) = ways()
    assert (way.channel, way.state) == ("email", State.ABSENT)
    assert way.why == "nothing was planned: the channel had no provider, or the rule did not name it then"


def test_a_channel_that_is_asked_for_and_that_the_rule_does_not_name_is_said() -> None:
    (way,) = ways(Ask("order:7", channel="sms"))
    assert (way.channel, way.why) == (
        "sms",
        "nothing was planned: the rule for order.ready to customer does not name it",
    )


def test_a_channel_that_the_rule_does_not_name_needs_no_line() -> None:
    assert [way.channel for way in ways(finished=[finished()])] == ["email"]
    assert ways(Ask("order:7", channel="inbox")) == ()


def test_what_history_has_dropped_is_said_and_not_guessed() -> None:
    old: dict[str, Any] = {"events": [event(planned_at=at(-91 * 24 * 60))]}
    (note,) = notes(notifications=[told()], **old)
    assert note.startswith("older than delivery.history_days (90 days)")
    assert ways(**old) == ()
    assert notes(notifications=[told()], finished=[finished()], **old) == ()


def test_history_goes_by_days() -> None:
    assert notes(events=[event(planned_at=at(-90 * 24 * 60 - 11 * 60))], notifications=[told()]) == ()


def test_who_was_in_no_audience_is_told_which_there_are() -> None:
    said = ("u7 is in none of the audiences of order.ready (rules are for: customer)",)
    assert notes(Ask("order:7", user="u7")) == said
    vendor = event(remarks=["vendor: user u9 is not among the people"], remarks_total=1)
    assert notes(Ask("order:7", user="u7"), events=[vendor]) == said
    assert notes(Ask("order:7", user="u9"), events=[vendor]) == ()


def test_an_event_without_a_rule_says_so_once() -> None:
    assert notes(events=[event(name="order.lost")]) == ("no rule is for order.lost",)
    remark = event(name="order.lost", remarks=["no rule is for order.lost"])
    assert notes(Ask("order:7", user="u7"), events=[remark]) == ()


def test_an_event_of_which_no_notification_is_kept_says_so() -> None:
    assert "inbox_days (365 days)" in notes(Ask("order:7", user="u1"), events=[event(planned_at=at(-366 * 24 * 60))])[1]


def test_those_who_are_not_listed_are_counted() -> None:
    counts = {1: [CountRow("sms", "no_address", 10), CountRow("email", "failed", 1), CountRow("email", "sent", 970)]}
    (happened,) = made(notifications=[told(total=981)], rest=counts).events
    expected = (Count("email", "sent", 970), Count("email", "failed", 1), Count("sms", "no_address", 10))
    assert happened.rest == Rest(980, expected)


WITHDRAWING = configured(
    rule=[
        {"event": "order.ready", "audience": "customer", "channels": ["webpush"], "withdraw_on": ["order.picked_up"]},
    ]
)


def test_what_was_taken_back_names_the_event_that_did_it() -> None:
    events = [event(), event(id=2, name="order.picked_up", planned_at=at(3))]
    found = made(None, WITHDRAWING, events=events, notifications=[told(withdrawn_at=at(3))])
    assert found.events[0].told[0].withdrawn_by == "order.picked_up"
    cancelled = made(None, WITHDRAWING, events=events, notifications=[told(withdrawn_at=at(4))])
    assert cancelled.events[0].told[0].withdrawn_by is None


def test_a_push_after_the_end_is_the_one_that_takes_back() -> None:
    pushes = [finished(id=n, channel="webpush", address="{}", finished_at=at(minute)) for n, minute in ((1, 1), (2, 4))]
    first, second = ways(None, WITHDRAWING, notifications=[told(withdrawn_at=at(3))], finished=pushes)
    assert "take back" not in first.why
    assert "take back" in second.why


def test_what_is_no_event_yet_follows() -> None:
    ahead = [
        AheadRow("set_aside", None, NOON, 7, "no ada@example.com"),
        AheadRow("change", "order.ready", at(4.9)),
        AheadRow("change", "order.ready", NOON),
        AheadRow("scheduled", "order.rate", at(60), expires_at=at(90)),
    ]
    found = made(ahead=ahead)
    assert [(one.kind, one.event, one.id, one.why) for one in found.ahead] == [
        (
            Coming.SET_ASIDE,
            None,
            "c7",
            "could not be planned at 12:00:00: no a…@example.com; mended? orderbell retry c7",
        ),
        (Coming.CHANGE, "order.ready", None, "captured 12:04:54, not planned yet"),
        (Coming.CHANGE, "order.ready", None, "captured 12:00:00, not planned yet: is a daemon running?"),
        (Coming.SCHEDULED, "order.rate", None, "scheduled for 13:00:00, not after 13:30:00"),
    ]


def test_nothing_is_empty() -> None:
    assert made(events=[]).empty
    assert not made().empty
    assert not made(events=[], ahead=[AheadRow("change", None, NOON)]).empty
