"""What holds for every plan, whatever the rules, the hour, and what people chose."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from config.names import Category, Priority
from config.quiet import WEEK, QuietWindow
from config.rules import Rule
from config.telling import Throttle
from daemon.planning.known import Known
from daemon.planning.plan import plan
from daemon.planning.policy import Policy
from daemon.planning.quiet import quiet_until, zone_of
from daemon.planning.timing import name_of
from daemon.planning.values import Event, Person, Plan, PlannedDelivery, SkippedDelivery
from tests.unit.planning.shop import CHANNELS, event, person, policy, rule

WHAT = ("created", "ready", "picked_up")
AUDIENCES = ("customer", "drivers")
USERS = ("a", "b", "c")
ZONES = ("Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "nowhere", "")

hours = st.lists(st.integers(0, 23).map(lambda hour: f"{hour:02}:30"), min_size=2, max_size=2, unique=True)
windows = st.builds(
    lambda days, hours: QuietWindow(days=tuple(days), start=hours[0], end=hours[1]),
    st.sets(st.sampled_from(WEEK), min_size=1),
    hours,
)
quiet = st.lists(windows, max_size=3)
# Around the change of clocks in Europe, to the minute.
nows = st.integers(0, 4 * 24 * 60).map(lambda minutes: datetime(2026, 10, 23, tzinfo=UTC) + timedelta(minutes=minutes))
people = st.builds(
    lambda user, zone, own, snooze, **switches: person(
        user,
        time_zone=zone,
        quiet=own and tuple(own),
        snoozed_until=snooze and datetime(2026, 10, 25, tzinfo=UTC) + snooze,
        **switches,
    ),
    st.sampled_from(USERS),
    st.sampled_from(ZONES),
    st.none() | quiet,
    st.none() | st.timedeltas(timedelta(days=-2), timedelta(days=2)),
    do_not_disturb=st.booleans(),
    addresses=st.fixed_dictionaries(
        {}, optional={channel: st.lists(st.sampled_from("xyz"), unique=True).map(tuple) for channel in CHANNELS}
    ),
)
steps = st.lists(
    st.fixed_dictionaries(
        {"channels": st.lists(st.sampled_from(["inbox", *CHANNELS]), min_size=1, unique=True)},
        optional={"after": st.sampled_from(["2m", "8h"])},
    ),
    min_size=1,
    max_size=3,
)
rules = st.lists(
    st.builds(
        rule,
        st.sampled_from(WHAT),
        st.sampled_from(AUDIENCES),
        steps=steps,
        priority=st.sampled_from(Priority),
        category=st.sampled_from([Category.ORDER, Category.PROMOTION]),
        critical=st.booleans(),
        digest=st.none() | st.sampled_from([{"every": "10m"}, {"every": "1h", "by": "event"}]),
    ),
    unique_by=lambda made: (made.event, made.audience),
    max_size=5,
)
throttles = st.lists(
    st.builds(
        lambda channel, most, per: Throttle.model_validate({"channel": channel, "at_most": most, "per": per}),
        st.sampled_from(CHANNELS),
        st.integers(1, 3),
        st.sampled_from(["1h", "1d"]),
    ),
    unique_by=lambda made: made.name,
    max_size=3,
)
choices = st.dictionaries(
    st.tuples(st.sampled_from(USERS), st.sampled_from(["", "order", "promotion"]), st.sampled_from(["", *CHANNELS])),
    st.booleans(),
    max_size=4,
)
batches = st.lists(
    st.tuples(
        st.sampled_from(WHAT),
        st.sampled_from("12"),
        st.dictionaries(st.sampled_from(AUDIENCES), st.lists(st.sampled_from([*USERS, "unknown"]), max_size=3)),
    ),
    max_size=8,
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Event], Plan, Policy, Known, datetime]:
    withdrawn = {"withdraw_on": ["order.picked_up"]}
    own = draw(rules)
    if draw(st.booleans()):
        own = [
            Rule.model_validate({**made.model_dump(exclude_unset=True), **withdrawn})
            if made.event == "order.ready"
            else made
            for made in own
        ]
    now = draw(nows)
    taken = draw(throttles)
    by = policy(
        *own,
        quiet=draw(quiet),
        zone=ZoneInfo("America/New_York"),
        zones={"drivers": "Australia/Lord_Howe"},
        throttles=[(each.name, each) for each in taken],
    )
    known = draw(st.lists(people, unique_by=lambda one: one.user_id))
    batch = draw(batches)
    digests = [made for made in own if made.digest is not None]
    open_since = draw(st.timedeltas(timedelta(minutes=-10), timedelta(hours=1)))
    holds = {
        (one.user_id, channel, address, name_of(made.digest, made, "order:1")): now + open_since
        for made in digests
        if made.digest is not None
        for one in known
        for channel, addresses in one.addresses.items()
        for address in addresses[:1]
    }
    given_to_know = Known(
        people={one.user_id: one for one in known},
        suppressed=dict.fromkeys(
            draw(st.sets(st.tuples(st.sampled_from(CHANNELS), st.sampled_from("xyz")), max_size=2)), "stop"
        ),
        choices=draw(choices),
        windows=draw(st.sampled_from([holds, {}])),
        spent={(user, each.name): draw(st.integers(0, 2)) for user in USERS for each in taken},
    )
    events = [event(what, key) for what, key, _ in batch]
    return events, plan(events, [told for _, _, told in batch], given_to_know, by, now), by, given_to_know, now


MANY = settings(max_examples=100, deadline=None)
situation = situations()


def quiet_of(by: Policy, one: Person, audience: str, at: datetime) -> datetime | None:
    zone = zone_of(one.time_zone, by.zones.get(audience, ""), default=by.zone)
    return quiet_until(by.quiet if one.quiet is None else one.quiet, zone, at)


@MANY
@given(situation)
def test_nobody_is_disturbed_in_their_quiet_hours(made: tuple[list[Event], Plan, Policy, Known, datetime]) -> None:
    _, done, by, _, _ = made
    for delivery in done.deliveries:
        told = done.notifications[delivery.notification]
        if told.priority is not Priority.URGENT:
            assert quiet_of(by, told.person, told.audience, delivery.due_at) is None
            assert told.person.snoozed_until is None or told.person.snoozed_until <= delivery.due_at


@MANY
@given(situation)
def test_what_is_urgent_waits_for_its_step_and_its_digest_only(
    made: tuple[list[Event], Plan, Policy, Known, datetime],
) -> None:
    events, done, by, _, now = made
    for delivery in done.deliveries:
        told = done.notifications[delivery.notification]
        if told.priority is Priority.URGENT:
            (own,) = [each for each in by.rules[events[told.event].name] if each.audience == told.audience]
            after = own.all_steps[delivery.step].after
            longest = after or (own.digest.every if own.digest else timedelta())
            # A window that was open already closes when it closes.
            assert delivery.due_at <= now + max(longest, timedelta(hours=1) if own.digest else longest)


@MANY
@given(situation)
def test_nothing_is_lost_and_nothing_is_twice(made: tuple[list[Event], Plan, Policy, Known, datetime]) -> None:
    """Each notification, on each channel of each step, to each address: sent once, or skipped once."""
    events, done, by, _, _ = made
    found: Counter[tuple[int, str, str | None]] = Counter()
    found.update((d.notification, d.channel, d.address) for d in done.deliveries)
    found.update((s.notification, s.channel, s.address) for s in done.skipped)
    expected: Counter[tuple[int, str, str | None]] = Counter()
    for index, told in enumerate(done.notifications):
        (own,) = [each for each in by.rules[events[told.event].name] if each.audience == told.audience]
        for step in own.all_steps:
            for channel in set(step.channels) & by.channels:
                addresses = told.person.addresses.get(channel, ())
                closed = (index, channel, None) in found
                for address in [None] if closed or not addresses else addresses:
                    expected[index, channel, address] += 1
    assert found == expected


@MANY
@given(situation)
def test_of_one_order_only_the_newest_is_sent_to_one_person_on_a_channel(
    made: tuple[list[Event], Plan, Policy, Known, datetime],
) -> None:
    events, done, _, _, _ = made
    lines: dict[tuple[str, str, str, str], set[int]] = {}
    candidates: dict[tuple[str, str, str, str], int] = {}
    made_of: list[tuple[str, PlannedDelivery | SkippedDelivery]] = [("sent", d) for d in done.deliveries]
    made_of += [(s.reason, s) for s in done.skipped]
    for became, each in made_of:
        told = done.notifications[each.notification]
        line = (events[told.event].subject, told.audience, told.person.user_id, each.channel)
        if became == "sent":
            lines.setdefault(line, set()).add(each.notification)
        if became in {"sent", "superseded", "throttled"}:
            candidates[line] = max(candidates.get(line, 0), each.notification)
    for line, notifications in lines.items():
        assert notifications == {candidates[line]}


@MANY
@given(situation)
def test_nobody_is_sent_more_than_a_throttle_allows(made: tuple[list[Event], Plan, Policy, Known, datetime]) -> None:
    _, done, by, known, _ = made
    counted = Counter(done.spent) + Counter(known.spent)
    limits = dict(by.throttles)
    for (user, name), count in Counter(done.spent).items():
        assert counted[user, name] <= limits[name].at_most, count
    assume(not known.windows)
    for user in USERS:
        for name, each in limits.items():
            messages = {
                (user, d.hold) if d.hold else (d.notification, d.step)
                for d in done.deliveries
                if d.channel == each.channel and done.notifications[d.notification].person.user_id == user
                if not done.notifications[d.notification].critical
            }
            assert len(messages) <= max(0, each.at_most - known.spent.get((user, name), 0))


@MANY
@given(situation)
def test_what_is_withdrawn_is_not_sent(made: tuple[list[Event], Plan, Policy, Known, datetime]) -> None:
    events, done, by, _, _ = made
    assert not any(done.notifications[d.notification].withdrawn for d in done.deliveries)
    for told in done.notifications:
        own = next(each for each in by.rules[events[told.event].name] if each.audience == told.audience)
        later = events[told.event + 1 :]
        taken = any(e.subject == events[told.event].subject and e.name in own.withdraw_on for e in later)
        assert told.withdrawn == taken


@MANY
@given(situation)
def test_nothing_is_due_after_its_end(made: tuple[list[Event], Plan, Policy, Known, datetime]) -> None:
    _, done, _, _, now = made
    for delivery in done.deliveries:
        assert now <= delivery.due_at < done.notifications[delivery.notification].expires_at
