"""One way of telling after another: all are planned at once, each with its time."""

from datetime import timedelta

from tests.unit.planning.shop import NOON, event, planned, policy, rule, skipped

ESCALATION = rule(steps=[{"channels": ["inbox", "webpush"]}, {"after": "2m", "unless": "read", "channels": ["sms"]}])


def test_all_steps_are_planned_at_once_each_with_its_time() -> None:
    made = planned([event()], policy(ESCALATION))
    assert [(d.step, d.channel, d.due_at) for d in made.deliveries] == [
        (0, "webpush", NOON),
        (1, "sms", NOON + timedelta(minutes=2)),
    ]


def test_a_rule_with_steps_makes_one_notification() -> None:
    assert len(planned([event()], policy(ESCALATION)).notifications) == 1


def test_a_newer_status_of_the_same_batch_supersedes_every_step_of_the_older_one() -> None:
    made = planned([event(), event()], policy(ESCALATION))
    assert {d.notification for d in made.deliveries} == {1}
    assert skipped(made) == [("webpush", "superseded"), ("sms", "superseded")]


def test_the_same_channel_may_be_used_twice() -> None:
    again = rule(steps=[{"channels": ["sms"]}, {"after": "10m", "unless": "seen", "channels": ["sms"]}])
    assert [d.step for d in planned([event()], policy(again)).deliveries] == [0, 1]


def test_a_step_whose_condition_does_not_hold_is_skipped_alone() -> None:
    dear = rule(steps=[{"channels": ["email"], "where": "total > 100"}, {"after": "1m", "channels": ["sms"]}])
    made = planned([event()], policy(dear), failing={(0, "customer", 0)})
    assert skipped(made) == [("email", "condition")]
    assert [d.channel for d in made.deliveries] == ["sms"]


def test_a_condition_that_does_not_hold_for_one_order_says_nothing_of_another() -> None:
    dear = rule(steps=[{"channels": ["email"], "where": "total > 100"}])
    made = planned([event(key="1"), event(key="2")], policy(dear), failing={(1, "customer", 0)})
    assert [d.notification for d in made.deliveries] == [0]


def test_a_step_that_would_come_after_its_end_is_expired() -> None:
    late = rule(steps=[{"channels": ["email"]}, {"after": "2h", "channels": ["sms"]}], expires_after_seconds=3600)
    assert skipped(planned([event()], policy(late))) == [("sms", "expired")]


def test_an_event_that_expired_before_it_was_planned_is_told_to_nobody() -> None:
    made = planned([event(expires_at=NOON)], policy(ESCALATION))
    assert made.notifications == ()
    assert made.events[0].remarks == ("it expired before it was planned",)


def test_an_event_with_an_end_of_its_own_is_not_sent_after_it() -> None:
    made = planned([event(expires_at=NOON + timedelta(minutes=1))], policy(ESCALATION))
    assert skipped(made) == [("sms", "expired")]
    assert made.notifications[0].expires_at == NOON + timedelta(minutes=1)


def test_a_rules_shorter_time_counts_more_than_the_events_own_end() -> None:
    brief = rule(expires_after_seconds=60)
    made = planned([event(expires_at=NOON + timedelta(hours=1))], policy(brief))
    assert made.notifications[0].expires_at == NOON + timedelta(seconds=60)
