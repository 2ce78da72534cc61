"""Rules in steps, digests, throttles, quiet hours and preferences, as the configuration writes them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from config import ConfigError, Settings, load
from config.names import Category
from config.telling import Throttle

Load = Callable[..., Settings]
Lines = Callable[..., list[str]]

STEPS = """
steps = [{channels = ["inbox", "webpush"]}, {after = "2m", unless = "read", channels = ["sms"]}]
"""


def ruled(sound: str, lines: str) -> str:
    """The sound configuration with these lines in its rule, in place of its channels."""
    return sound.replace('channels = ["inbox", "email"]', lines)


def test_a_rule_in_steps_is_read(read: Load, sound: str) -> None:
    (rule,) = read(ruled(sound, STEPS)).rule
    assert [(step.after, step.unless, step.channels) for step in rule.all_steps] == [
        (None, None, ("inbox", "webpush")),
        (timedelta(minutes=2), "read", ("sms",)),
    ]


def test_channels_alone_are_one_step_at_once(read: Load, sound: str) -> None:
    (rule,) = read(sound).rule
    assert [(step.after, step.channels) for step in rule.all_steps] == [(None, ("inbox", "email"))]


def test_each_channel_of_a_rule_is_named_once(read: Load, sound: str) -> None:
    twice = 'steps = [{channels = ["sms"]}, {after = "2m", channels = ["sms", "email"]}]'
    (rule,) = read(ruled(sound, twice)).rule
    assert rule.all_channels == ("sms", "email")


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ('channels = ["email"]\nsteps = [{channels = ["sms"]}]', "put the channels into the first step"),
        ('steps = [{channels = ["sms"], unless = "read"}]', 'unless = "read" needs an after'),
        ('steps = [{channels = ["sms"], unless = "seen"}]', 'unless = "seen" needs an after'),
        ('steps = [{channels = ["sms"], unless = "asleep"}]', "must be one of read, seen, online"),
        ("steps = [{channels = []}]", "rule[0].steps[0].channels"),
        ('steps = [{channels = ["smss"]}]', 'rule[0].steps[0].channels[0]: unknown channel "smss"'),
        ('steps = [{channels = ["sms", "sms"]}]', "a channel is named twice"),
        ('steps = [{channels = ["sms"], after = "soon"}]', "must be a duration"),
        ('steps = [{channels = ["sms"], where = ""}]', "rule[0].steps[0].where"),
        ('withdraw_on = ["order.ready"]', "order.ready would withdraw itself"),
        ('withdraw_on = ["payment.received"]', "is about another row than order.ready"),
        ('withdraw_on = ["taken"]', "rule[0].withdraw_on[0]"),
        ('digest = {every = "10m", by = "person"}', "must be one of audience, event, subject"),
        ("digest = {}", "rule[0].digest.every"),
    ],
)
def test_a_mistake_in_a_rule_is_named_with_its_place(lines: Lines, sound: str, wrong: str, line: str) -> None:
    said = lines(ruled(sound, wrong))
    assert [one for one in said if line in one], said


def test_who_is_online_may_be_left_out_at_once(read: Load, sound: str) -> None:
    assert read(ruled(sound, 'steps = [{channels = ["sms"], unless = "online"}]')).rule[0].steps[0].after is None


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ('[[throttle]]\nchannel = "inbox"\nat_most = 1\nper = "1h"', "the inbox takes everything"),
        ('[[throttle]]\nchannel = "emial"\nat_most = 1\nper = "1h"', 'did you mean "email"?'),
        ('[[throttle]]\nchannel = "email"\nat_most = 0\nper = "1h"', "throttle[0].at_most: must be at least 1"),
        ('[[throttle]]\nchannel = "email"\nat_most = 1', "throttle[0].per: is missing"),
        ('[quiet_hours]\nchannels = ["inbox"]', "the inbox never waits"),
        ('[quiet_hours]\nchannels = ["telegram"]', 'unknown channel "telegram"'),
        ('[quiet_hours]\ntime_zone = "Berlin"', "is not a time zone that this machine knows"),
        ('[[quiet_hours.window]]\nstart = "25:00"', "quiet_hours.window[0].start"),
        ('[preferences]\npromotions = ["email"]', "preferences.promotions: must be one of order"),
        ('[preferences]\norder = ["emial"]', 'unknown channel "emial"'),
    ],
)
def test_a_mistake_beside_the_rules_is_named_with_its_place(lines: Lines, sound: str, wrong: str, line: str) -> None:
    said = lines(sound + wrong)
    assert [one for one in said if line in one], said


def test_a_category_may_be_sent_on_nothing_until_somebody_asks_for_it(read: Load, sound: str) -> None:
    assert read(sound + "[preferences]\npayment = []").preferences == {Category.PAYMENT: ()}


def test_a_throttle_goes_on_counting_when_its_limit_changes() -> None:
    one, other = (Throttle.model_validate({"channel": "sms", "at_most": most, "per": "1h"}) for most in (1, 9))
    assert one.name == other.name


def test_throttles_of_another_channel_category_or_time_count_for_themselves() -> None:
    names = {
        Throttle.model_validate({"channel": channel, "category": category, "at_most": 1, "per": per}).name
        for channel in ("sms", "email")
        for category in (None, "order")
        for per in ("1h", "1d")
    }
    assert len(names) == 8


def test_the_time_of_a_throttle_stands_at_the_end_of_its_name() -> None:
    """The SQL that forgets what no longer counts reads it there (schema/sql/history.sql)."""
    assert Throttle.model_validate({"channel": "sms", "at_most": 1, "per": "1h"}).name.split(":")[2] == "3600"


def test_what_would_never_be_sent_is_refused_with_the_path(tmp_path: Path) -> None:
    file = tmp_path / "orderbell.toml"
    file.write_text(
        """
[[watch]]
table = "orders"
[people]
query = "SELECT id AS user_id FROM users WHERE id = ANY(:ids)"
[audience.customer]
query = "SELECT 1"
[[rule]]
event = "order.ready"
audience = "customer"
steps = [{channels = ["inbox"]}, {after = "7d", channels = ["sms"]}]
[[rule]]
event = "order.created"
audience = "customer"
channels = ["email"]
expires_after_seconds = 600
digest = {every = "10m"}
[[rule]]
event = "order.delivered"
audience = "customer"
expires_after_seconds = 1000000
steps = [{after = "7d", channels = ["sms"]}]
"""
    )
    with pytest.raises(ConfigError) as refused:
        load(file, {})
    assert [mistake.path for mistake in refused.value.mistakes] == ["rule[0].steps[1].after", "rule[1].digest.every"]
