"""Which provider is asked, which is asked next, and what is said when none takes it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from dispatchers import metrics
from dispatchers.base import Fault, Outcome, Rejected, Retry, Sent, Try, Unknown, Unusable
from dispatchers.breaker import Rules
from dispatchers.failover import PATIENCE_SECONDS, Failover, Provider, ping_all
from dispatchers.gate import Gate

RULES = Rules(failures=2, open_seconds=5.0)
DOWN = Retry("no connection")


class Fake:
    """A provider that answers what the test says."""

    def __init__(self, name: str, outcome: Outcome, **gate: Any) -> None:
        self.name = name
        self.outcome = outcome
        self.asked: list[str] = []
        self.provider = Provider(name, self.ask, Gate(rules=RULES, **gate))

    async def ask(self, item: str) -> Outcome:
        self.asked.append(item)
        return self.outcome


@pytest.fixture
def failover(hands: Any) -> Callable[..., Failover[str]]:
    return lambda *fakes: Failover("test", [fake.provider for fake in fakes], hands.clock)


def names(outcome: Outcome) -> list[str]:
    return [tried.provider for tried in outcome.tries]


async def test_the_first_that_works_is_the_only_one_asked(failover: Callable[..., Failover[str]]) -> None:
    first, second = Fake("first", Sent("1")), Fake("second", Sent("2"))
    outcome = await failover(first, second).send("hello")
    assert outcome == Sent("1", provider="first")
    assert names(outcome) == ["first"]
    assert second.asked == []


@pytest.mark.parametrize(
    "trouble",
    [
        Retry("no connection"),
        Retry("slow down", 30.0, fault=Fault.LIMIT),
        Retry("bad password", fault=Fault.SETTINGS),
        Retry("not from this sender", fault=Fault.ROUTE),
        Rejected("not to there", fault=Fault.ROUTE),
    ],
)
async def test_what_is_not_the_recipients_doing_goes_to_the_next(
    failover: Callable[..., Failover[str]], trouble: Outcome
) -> None:
    outcome = await failover(Fake("first", trouble), Fake("second", Sent("2"))).send("hello")
    assert outcome == Sent("2", provider="second")
    assert names(outcome) == ["first", "second"]


@pytest.mark.parametrize(
    "final",
    [
        Unknown("silence"),
        Rejected("no such mailbox", suppress_address=True),
        Rejected("spam"),
        Retry("mailbox busy", 60.0, fault=Fault.RECIPIENT),
    ],
)
async def test_silence_and_what_is_the_recipients_doing_go_to_nobody_else(
    failover: Callable[..., Failover[str]], final: Outcome
) -> None:
    second = Fake("second", Sent("2"))
    outcome = await failover(Fake("first", final), second).send("hello")
    assert type(outcome) is type(final)
    assert names(outcome) == ["first"]
    assert second.asked == []


async def test_each_try_says_who_when_and_what(failover: Callable[..., Failover[str]], hands: Any) -> None:
    async def slow(_: str) -> Outcome:
        await hands.sleep(2.0)
        return Retry("HTTP 503", code="503")

    began = hands.utc()
    outcome = await failover(
        Fake("first", DOWN), type("Slow", (), {"provider": Provider("slow", slow, Gate())}), Fake("last", Sent("7"))
    ).send("hello")
    two_later = began + timedelta(seconds=2)
    assert outcome.tries == (
        Try("first", began, began, "retry", "", "no connection"),
        Try("slow", began, two_later, "retry", "503", "HTTP 503"),
        Try("last", two_later, two_later, "sent", "", ""),
    )


async def test_a_provider_that_fails_again_and_again_is_not_asked_for_a_while(
    failover: Callable[..., Failover[str]], hands: Any
) -> None:
    first, second = Fake("first", DOWN), Fake("second", Sent("2"))
    sender = failover(first, second)
    for _ in range(5):
        assert isinstance(await sender.send("hello"), Sent)
    assert len(first.asked) == RULES.failures

    hands.seconds += RULES.open_seconds
    first.outcome = Sent("1")
    assert (await sender.send("hello")).provider == "first"
    assert (await sender.send("hello")).provider == "first"


async def test_where_nobody_may_be_asked_nobody_is_and_the_soonest_says_when(
    failover: Callable[..., Failover[str]], hands: Any
) -> None:
    first = Fake("first", Retry("bad password", fault=Fault.SETTINGS))
    second = Fake("second", Retry("later", 60.0, fault=Fault.LIMIT))
    sender = failover(first, second)
    assert await sender.send("hello") == Retry("later", None, "second")
    hands.seconds += 1.0
    outcome = await sender.send("hello")
    assert outcome == Retry("first is left alone after failures; second wants a pause", 4.0, "first")
    assert outcome.tries == ()
    assert (len(first.asked), len(second.asked)) == (1, 1)


async def test_all_that_were_asked_and_want_a_pause_are_asked_again_after_the_shortest(
    failover: Callable[..., Failover[str]],
) -> None:
    fakes = [Fake(str(after), Retry("later", after, fault=Fault.LIMIT)) for after in (60.0, 20.0, 40.0)]
    assert await failover(*fakes).send("hello") == Retry("later", 20.0, "40.0")


async def test_refused_by_all_for_good_is_refused(failover: Callable[..., Failover[str]]) -> None:
    no = Rejected("not to there", fault=Fault.ROUTE)
    outcome = await failover(Fake("first", no), Fake("second", no)).send("hello")
    assert outcome == Rejected("not to there", provider="second")
    assert names(outcome) == ["first", "second"]


async def test_refused_by_one_waits_for_the_other(failover: Callable[..., Failover[str]]) -> None:
    second = Fake("second", Retry("bad password", fault=Fault.SETTINGS))
    sender = failover(Fake("first", Rejected("not to there", fault=Fault.ROUTE)), second)
    assert await sender.send("hello") == Retry("bad password", None, "second")
    outcome = await sender.send("hello")
    assert outcome == Retry("not to there; second is left alone after failures", 5.0, "second")
    assert names(outcome) == ["first"]


async def test_more_than_the_first_may_take_goes_to_the_second(failover: Callable[..., Failover[str]]) -> None:
    first, second = Fake("first", Sent("1"), rate_per_second=1.0, burst=2), Fake("second", Sent("2"))
    sender = failover(first, second)
    assert [(await sender.send("hello")).provider for _ in range(4)] == ["first", "first", "second", "second"]


async def test_a_short_wait_for_the_rate_limit_is_waited_out(
    failover: Callable[..., Failover[str]], hands: Any
) -> None:
    sender = failover(Fake("only", Sent("1"), rate_per_second=4.0))
    began = hands.seconds
    outcomes = [await sender.send("hello") for _ in range(9)]
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert hands.seconds - began == pytest.approx(2.0)


async def test_a_long_wait_for_the_rate_limit_holds_nothing_up(
    failover: Callable[..., Failover[str]], hands: Any
) -> None:
    sender = failover(Fake("only", Sent("1"), rate_per_second=0.1))
    await sender.send("hello")
    assert await sender.send("hello") == Retry("only is at its rate limit", 10.0, "only")
    assert await sender.send("hello") == Retry("only is at its rate limit", 20.0, "only")
    assert hands.slept == []


async def test_nobody_waits_for_longer_than_the_patience_in_all(
    failover: Callable[..., Failover[str]], hands: Any
) -> None:
    only = Fake("only", Sent("1"), rate_per_second=1.0 / 0.7)
    sender = failover(only)
    await sender.send("hello")

    async def sleep(seconds: float) -> None:
        """Somebody else takes each token first."""
        await asyncio.sleep(0)
        hands.slept.append(seconds)
        hands.seconds += seconds
        only.provider.gate.enter(hands.seconds)

    object.__setattr__(hands.clock, "sleep", sleep)
    assert isinstance(await sender.send("hello"), Retry)
    assert sum(hands.slept) <= PATIENCE_SECONDS


async def test_a_cancelled_probe_leaves_its_place_to_another(
    failover: Callable[..., Failover[str]], hands: Any
) -> None:
    only = Fake("only", Retry("bad password", fault=Fault.SETTINGS))
    sender = failover(only)
    await sender.send("hello")
    hands.seconds += RULES.open_seconds
    asked = asyncio.Event()

    async def hang(_: str) -> Outcome:
        asked.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("unreachable")

    object.__setattr__(only.provider, "ask", hang)
    probe = asyncio.create_task(sender.send("hello"))
    await asked.wait()
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    only.outcome = Sent("1")
    object.__setattr__(only.provider, "ask", only.ask)
    assert isinstance(await sender.send("hello"), Sent)


async def test_only_one_of_many_tries_a_provider_that_was_down(
    failover: Callable[..., Failover[str]], hands: Any
) -> None:
    first, second = Fake("first", Retry("bad password", fault=Fault.SETTINGS)), Fake("second", Sent("2"))
    sender = failover(first, second)
    await sender.send("hello")
    hands.seconds += RULES.open_seconds
    first.asked.clear()
    release = asyncio.Event()

    async def slow(item: str) -> Outcome:
        first.asked.append(item)
        await release.wait()
        return Sent("1")

    object.__setattr__(first.provider, "ask", slow)
    sends = [asyncio.create_task(sender.send("hello")) for _ in range(10)]
    async with asyncio.timeout(30):
        while sum(send.done() for send in sends) < 9:
            await asyncio.sleep(0)
    release.set()
    outcomes = await asyncio.gather(*sends)
    assert len(first.asked) == 1
    assert sorted(outcome.provider for outcome in outcomes) == ["first"] + ["second"] * 9


async def test_prometheus_sees_requests_breakers_and_pauses(failover: Callable[..., Failover[str]], hands: Any) -> None:
    def sample(name: str, **labels: str) -> float | None:
        collectors = (metrics.REQUESTS, metrics.BREAKER_STATE, metrics.PAUSED_UNTIL)
        wanted = {"channel": "test", "provider": "seen", **labels}
        samples = (each for collector in collectors for family in collector.collect() for each in family.samples)
        return next((each.value for each in samples if each.name == name and each.labels == wanted), None)

    seen = Fake("seen", Retry("HTTP 429", 30.0, code="429", fault=Fault.LIMIT))
    sender = failover(seen)
    assert sample("orderbell_provider_breaker_state") == 0
    assert sample("orderbell_provider_paused_until_timestamp_seconds") == 0

    await sender.send("hello")
    assert sample("orderbell_provider_requests_total", code_class="4xx") == 1
    until = hands.utc().timestamp() + 30.0
    assert sample("orderbell_provider_paused_until_timestamp_seconds") == until

    hands.seconds += 30.0
    seen.outcome = Retry("bad password", fault=Fault.SETTINGS)
    await sender.send("hello")
    assert sample("orderbell_provider_requests_total", code_class="none") == 1
    assert sample("orderbell_provider_breaker_state") == 2
    assert sample("orderbell_provider_paused_until_timestamp_seconds") == 0
    hands.seconds += RULES.open_seconds
    assert sample("orderbell_provider_breaker_state") == 1


async def test_ping_says_of_each_provider_what_is_wrong() -> None:
    async def well() -> None:
        pass

    async def ill(said: str) -> None:
        raise Unusable(said)

    pings: list[Awaitable[None]] = [ill("first: no"), well(), ill("third: no")]
    with pytest.raises(Unusable, match=r"^first: no; third: no$"):
        await ping_all(pings)
    await ping_all([well(), well()])
