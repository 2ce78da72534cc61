"""Deliveries go out once, and what came of each is written down."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from daemon.delivery import lane
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown
from tests.integration.delivery.conftest import QUICK, Channel, Queue, working


async def test_what_is_due_is_sent_and_kept_in_the_history(queue: Queue) -> None:
    queue.put(5)
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"sent": 5})
    assert queue.rows("SELECT * FROM orderbell.delivery") == []
    row = queue.rows("SELECT * FROM orderbell.delivery_history ORDER BY id")[0]
    assert (row["attempt"], row["provider"], row["provider_id"]) == (1, "test", f"id-{row['id']}")
    assert (channel.sent[0].title, channel.sent[0].user_id, channel.sent[0].address) == (
        "title",
        "u",
        "somewhere",
    )


async def test_a_thousand_are_each_sent_once(queue: Queue) -> None:
    queue.put(1000)
    channel = Channel(concurrency=16)
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"sent": 1000})
    assert sorted(d.id for d in channel.sent) == sorted({d.id for d in channel.sent})
    assert channel.most_in_flight <= 16


async def test_two_nodes_share_the_work_and_send_nothing_twice(queue: Queue) -> None:
    queue.put(600)
    one, two = Channel(), Channel()
    small = QUICK.model_copy(update={"batch_size": 10})
    async with (
        working(queue.url, one, settings=small, node="one"),
        working(queue.url, two, settings=small, node="two"),
    ):
        await queue.until(lambda: queue.finished() == {"sent": 600})
    assert len(one.sent) + len(two.sent) == 600
    assert not {d.id for d in one.sent} & {d.id for d in two.sent}


async def test_batches_go_to_a_channel_that_takes_them(queue: Queue) -> None:
    queue.put(50)
    sizes: list[int] = []

    class Batched(Channel):
        async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
            sizes.append(len(batch))
            return await super().send(batch)

    async with working(queue.url, Batched(concurrency=1, batch_size=20)):
        await queue.until(lambda: queue.finished() == {"sent": 50})
    assert max(sizes) == 20
    assert sum(sizes) == 50


async def test_a_failure_that_may_pass_is_tried_again_later(queue: Queue) -> None:
    queue.put()
    channel = Channel()

    async def third_time(delivery: Delivery) -> Outcome:
        return Sent() if delivery.attempt == 3 else Retry("busy", code="451")

    channel.answer = third_time
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"sent": 1})
    assert [d.attempt for d in channel.sent] == [1, 2, 3]


async def test_while_it_waits_the_row_says_why(queue: Queue) -> None:
    queue.put()
    channel = Channel()

    async def busy(_: Delivery) -> Outcome:
        return Retry("the server is busy", after=600, code="451")

    channel.answer = busy
    async with working(queue.url, channel):
        await queue.until(lambda: bool(queue.rows("SELECT FROM orderbell.delivery WHERE error IS NOT NULL")))
    (row,) = queue.rows(
        "SELECT state, error, attempt, due_at > now() + interval '9 min' AS later FROM orderbell.delivery"
    )
    assert row == {"state": "pending", "error": "the server is busy", "attempt": 1, "later": True}


async def test_a_rejection_ends_it_with_its_reason(queue: Queue) -> None:
    queue.put()
    channel = Channel()

    async def rejected(_: Delivery) -> Outcome:
        return Rejected("no such mailbox", provider="smtp")

    channel.answer = rejected
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"failed": 1})
    (row,) = queue.rows("SELECT error, provider, attempt FROM orderbell.delivery_history")
    assert row == {"error": "no such mailbox", "provider": "smtp", "attempt": 1}


async def test_a_device_that_is_gone_loses_its_subscription(queue: Queue) -> None:
    queue.sql(
        "INSERT INTO orderbell.push_subscription (user_id, endpoint, p256dh, auth) VALUES ('u', 'https://a', '', '')"
    )
    queue.sql(
        "INSERT INTO orderbell.push_subscription (user_id, endpoint, p256dh, auth) VALUES ('u', 'https://b', '', '')"
    )
    queue.put(channel="webpush")
    queue.sql("""UPDATE orderbell.delivery SET address = '{"endpoint": "https://a", "keys": {}}'""")
    channel = Channel("webpush")

    async def gone(_: Delivery) -> Outcome:
        return Rejected("410", suppress_address=True)

    channel.answer = gone
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"failed": 1})
    assert queue.rows("SELECT endpoint FROM orderbell.push_subscription") == [{"endpoint": "https://b"}]


async def test_an_expired_delivery_is_not_sent(queue: Queue) -> None:
    queue.put(expires_in_seconds=-1)
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"skipped": 1})
    assert channel.sent == []
    assert queue.rows("SELECT reason FROM orderbell.delivery_history") == [{"reason": "expired"}]


async def test_a_delivery_whose_notification_is_gone_is_withdrawn(queue: Queue) -> None:
    queue.put(2)
    queue.sql("DELETE FROM orderbell.notification WHERE id = (SELECT min(id) FROM orderbell.notification)")
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"skipped": 1, "sent": 1})
    assert len(channel.sent) == 1


async def test_a_bug_in_a_dispatcher_costs_its_deliveries_an_attempt_and_nothing_else(queue: Queue) -> None:
    queue.put(channel="broken")
    queue.put(channel="test")
    broken, well = Channel("broken"), Channel()

    async def bug(delivery: Delivery) -> Outcome:
        if delivery.attempt < 3:
            raise ZeroDivisionError
        return Sent()

    broken.answer = bug
    async with working(queue.url, broken, well):
        await queue.until(lambda: queue.finished() == {"sent": 2})
    assert broken.sent[0].attempt == 3


async def test_what_may_have_been_sent_comes_back_uncertain(queue: Queue) -> None:
    queue.put()
    channel = Channel()

    async def unknown(_: Delivery) -> Outcome:
        return Unknown("no answer", provider="p", code="")

    channel.answer = unknown
    async with working(queue.url, channel):
        await queue.until(lambda: bool(queue.rows("SELECT FROM orderbell.delivery WHERE uncertain")))
        channel.answer = channel._sent
        queue.sql("UPDATE orderbell.delivery SET due_at = now()")
        await queue.until(lambda: queue.finished() == {"sent": 1})
    assert [d.uncertain for d in channel.sent] == [False, True]


async def test_every_attempt_is_kept(queue: Queue) -> None:
    queue.put()
    channel = Channel()

    async def second_time(delivery: Delivery) -> Outcome:
        return Sent("x", provider="p") if delivery.attempt == 2 else Retry("busy", provider="p", code="451 4.3.0")

    channel.answer = second_time
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"sent": 1})
    rows = queue.rows(
        "SELECT attempt, provider, outcome, code, detail, ended_at >= started_at AS timed"
        " FROM orderbell.attempt ORDER BY attempt"
    )
    assert rows == [
        {"attempt": 1, "provider": "p", "outcome": "retry", "code": "451 4.3.0", "detail": "busy", "timed": True},
        {"attempt": 2, "provider": "p", "outcome": "sent", "code": "", "detail": "", "timed": True},
    ]


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        ("UPDATE orderbell.notification SET read_at = now()", "read"),
        ("UPDATE orderbell.notification SET withdrawn_at = now()", "withdrawn"),
        ("UPDATE orderbell.delivery SET expires_at = now()", "expired"),
        (
            "INSERT INTO orderbell.suppression (channel, address, reason) VALUES ('test', 'somewhere', 'stop')",
            "suppressed",
        ),
    ],
)
async def test_what_changed_since_it_was_planned_is_seen_just_before_sending(
    queue: Queue, meanwhile: str, reason: str
) -> None:
    queue.put()
    queue.sql(meanwhile)
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"skipped": 1})
    assert channel.sent == []
    assert queue.rows("SELECT reason FROM orderbell.delivery_history") == [{"reason": reason}]


async def test_an_older_status_is_not_sent_once_a_newer_one_is_there(queue: Queue) -> None:
    queue.put(3)
    queue.sql("UPDATE orderbell.delivery SET subject = 'order:9'")
    queue.sql("UPDATE orderbell.notification SET subject = 'order:9'")
    channel = Channel(concurrency=1)
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"skipped": 2, "sent": 1})
    newest = queue.rows("SELECT max(id) AS id FROM orderbell.delivery_history")[0]["id"]
    assert [d.id for d in channel.sent] == [newest]


async def test_an_older_status_is_not_sent_after_a_newer_one_has_gone_out(queue: Queue) -> None:
    queue.put(2)
    queue.sql("UPDATE orderbell.delivery SET subject = 'order:9'")
    queue.sql("UPDATE orderbell.notification SET subject = 'order:9'")
    # The older one waits for a retry while the newer one is sent and finished.
    queue.sql(
        "UPDATE orderbell.delivery SET due_at = now() + interval '1 hour'"
        " WHERE id = (SELECT min(id) FROM orderbell.delivery)"
    )
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"sent": 1})
        queue.sql("UPDATE orderbell.delivery SET due_at = now()")
        await queue.until(lambda: queue.finished() == {"sent": 1, "skipped": 1})
    assert len(channel.sent) == 1


async def test_statuses_of_one_order_do_not_overtake_each_other_in_flight(queue: Queue) -> None:
    """The older one is on its way when the newer one comes: the newer one waits for it."""
    queue.put()
    channel = Channel()
    let_go = asyncio.Event()

    async def slow_first(delivery: Delivery) -> Outcome:
        if not channel.sent:
            await let_go.wait()
        return Sent()

    channel.answer = slow_first
    async with working(queue.url, channel):
        await channel.began.wait()
        with queue.at_once():
            queue.put()
            queue.sql("UPDATE orderbell.delivery SET subject = 'order:1'")
            queue.sql("UPDATE orderbell.notification SET subject = 'order:1'")
        await queue.until(
            lambda: queue.rows("SELECT count(*) FROM orderbell.delivery WHERE state = 'sending'")[0]["count"] == 2
        )
        assert channel.in_flight == 1
        let_go.set()
        await queue.until(lambda: queue.finished() == {"sent": 2})
    assert [d.id for d in channel.sent] == sorted(d.id for d in channel.sent)


async def test_an_address_that_is_no_good_is_suppressed(queue: Queue) -> None:
    queue.put(channel="email")
    queue.sql("UPDATE orderbell.delivery SET address = 'Gone@Example.com'")
    channel = Channel("email")

    async def gone(_: Delivery) -> Outcome:
        return Rejected("no such user\0", suppress_address=True)

    channel.answer = gone
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"failed": 1})
    rows = queue.rows("SELECT channel, address, reason FROM orderbell.suppression")
    assert rows == [{"channel": "email", "address": "gone@example.com", "reason": "invalid"}]


async def test_a_provider_that_hangs_holds_only_its_own_channel(queue: Queue) -> None:
    queue.put(50, channel="hanging")
    queue.put(50)
    hanging, well = Channel("hanging"), Channel()
    for_ever = asyncio.Event()

    async def hang(_: Delivery) -> Outcome:
        await for_ever.wait()
        return Sent()

    hanging.answer = hang
    async with working(queue.url, hanging, well, drain_seconds=0.1):
        await queue.until(lambda: queue.finished() == {"sent": 50})
        assert hanging.in_flight == hanging.concurrency


async def test_a_dead_nodes_lease_runs_out_and_another_takes_its_work(queue: Queue) -> None:
    queue.put(3)
    queue.sql(
        "UPDATE orderbell.delivery SET state = 'sending', leased_by = 'dead', attempt = 1,"
        " due_at = now() + interval '0.3 s'"
    )
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"sent": 3})
    assert {d.attempt for d in channel.sent} == {2}


async def test_a_slow_nodes_late_outcome_does_not_overwrite_a_newer_attempt(queue: Queue) -> None:
    queue.put()
    channel = Channel()
    let_go = asyncio.Event()

    async def slow(_: Delivery) -> Outcome:
        await let_go.wait()
        return Rejected("late and wrong")

    channel.answer = slow
    async with working(queue.url, channel):
        await channel.began.wait()
        # Meanwhile the lease is taken to have run out, and somebody else has the next attempt.
        queue.sql("UPDATE orderbell.delivery SET attempt = 2, leased_by = 'other', due_at = now() + interval '1 min'")
        let_go.set()
        await queue.until(lambda: len(channel.sent) == 1)
    assert queue.finished() == {}
    assert queue.rows("SELECT attempt, leased_by FROM orderbell.delivery") == [{"attempt": 2, "leased_by": "other"}]


async def test_what_waits_or_takes_longer_than_its_lease_keeps_it(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One slot, held up until the lease is nearly over: renewed, so that no other daemon takes it up."""
    monkeypatch.setattr(lane, "RENEW_SHARE", 0.1 / QUICK.lease_seconds)
    queue.put(3)
    channel, other = Channel(concurrency=1), Channel()
    let_go = asyncio.Event()

    async def first_is_slow(delivery: Delivery) -> Outcome:
        if not channel.sent:
            await let_go.wait()
        return Sent()

    channel.answer = first_is_slow
    leases = (
        "SELECT FROM orderbell.delivery WHERE leased_by = 'one' AND attempt = 1 AND due_at > now() + interval '30 s'"
    )
    async with working(queue.url, channel) as workers:
        await channel.began.wait()
        held = workers._lanes["test"]._held
        await queue.until(lambda: len(held) == 2)
        async with working(queue.url, other, node="two"):
            for one in held:
                one.begin_before = 0.0
            queue.sql("UPDATE orderbell.delivery SET due_at = now() + interval '10 s'")
            await queue.until(lambda: len(queue.rows(leases)) == 3)
            await queue.until(lambda: all(one.begin_before > 0.0 for one in held))
            let_go.set()
            await queue.until(lambda: queue.finished() == {"sent": 3})
    assert other.sent == []
    assert [d.attempt for d in channel.sent] == [1, 1, 1]


async def test_stopping_lets_sends_finish_and_gives_the_rest_back(queue: Queue) -> None:
    queue.put(20)
    channel = Channel(concurrency=2)
    let_go = asyncio.Event()

    async def wait(_: Delivery) -> Outcome:
        await let_go.wait()
        return Sent()

    channel.answer = wait
    async with working(queue.url, channel):
        await channel.began.wait()
        await queue.until(lambda: channel.in_flight == 2)
        given_back = "SELECT FROM orderbell.delivery WHERE state = 'pending'"
        ending = asyncio.create_task(queue.until(lambda: len(queue.rows(given_back)) == 18))
        ending.add_done_callback(lambda _: let_go.set())
    await ending
    assert queue.finished() == {"sent": 2}
    left = queue.rows("SELECT DISTINCT state, attempt, leased_by, due_at <= now() AS due FROM orderbell.delivery")
    assert left == [{"state": "pending", "attempt": 0, "leased_by": None, "due": True}]


async def test_a_send_that_outlasts_the_drain_keeps_its_lease(queue: Queue) -> None:
    queue.put()
    channel = Channel()

    async def for_ever(_: Delivery) -> Outcome:
        await asyncio.Event().wait()
        return Sent()

    channel.answer = for_ever
    async with working(queue.url, channel, drain_seconds=0.1):
        await channel.began.wait()
    assert queue.rows("SELECT state, attempt FROM orderbell.delivery") == [{"state": "sending", "attempt": 1}]


async def test_outcomes_survive_a_database_that_goes_away_for_a_while(queue: Queue) -> None:
    queue.put(50)
    channel = Channel()

    async def cut_then_sent(delivery: Delivery) -> Outcome:
        if not channel.sent:
            queue.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'orderbell delivery' AND datname = current_database()"
            )
        return Sent()

    channel.answer = cut_then_sent
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"sent": 50})
    assert len(channel.sent) == 50


async def test_what_waits_in_the_database_is_looked_for_also_while_there_is_always_other_work(queue: Queue) -> None:
    channel = Channel()
    settings = QUICK.model_copy(update={"poll_seconds": 0.3})
    async with working(queue.url, channel, settings=settings) as workers:

        async def stir() -> None:
            while True:  # as deliveries do that are born leased
                workers._lanes["test"]._wake.set()
                await asyncio.sleep(0.005)

        stirring = asyncio.create_task(stir())
        try:
            await asyncio.sleep(settings.poll_seconds * 2)  # the look of the start is over
            queue.put(1)
            await queue.until(lambda: queue.finished() == {"sent": 1})
        finally:
            stirring.cancel()


async def test_nothing_is_claimed_before_what_was_sent_while_the_database_was_away_is_written(queue: Queue) -> None:
    channel = Channel()
    async with working(queue.url, channel) as workers:
        workers._ledger.behind = True
        queue.put(1)
        await asyncio.sleep(QUICK.poll_seconds * 4)
        assert queue.rows("SELECT state, attempt FROM orderbell.delivery") == [{"state": "pending", "attempt": 0}]
        workers._ledger.behind = False
        await queue.until(lambda: queue.finished() == {"sent": 1})


async def test_a_stop_that_meets_a_failing_database_gives_back_nothing_that_may_be_in_flight(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = Channel()

    async def hang(_: Delivery) -> Outcome:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def away(*_: object) -> None:
        raise psycopg.OperationalError("the connection is lost")

    channel.answer = hang
    queue.put(1)
    async with working(queue.url, channel, drain_seconds=0.1) as workers:
        await channel.began.wait()
        monkeypatch.setattr(workers._leases, "give_back", away)
    assert queue.rows("SELECT state, attempt FROM orderbell.delivery") == [{"state": "sending", "attempt": 1}]
