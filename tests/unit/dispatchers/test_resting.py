"""Whether a provider is left alone, as /readyz and the metrics say it."""

from prometheus_client import REGISTRY

from config.channels import Email, EmailProvider, Sms, SmsProvider
from dispatchers.base import Fault, HasProviders, Outcome, Retry, Sent
from dispatchers.breaker import State
from dispatchers.email import EmailDispatcher
from dispatchers.failover import Clock, Failover, Provider
from dispatchers.gate import Gate
from dispatchers.sms.dispatcher import SmsDispatcher
from dispatchers.webpush.origins import Origins

DOWN = Retry("bad password", fault=Fault.SETTINGS)


def only(outcome: Outcome) -> Failover[str]:
    async def ask(_: str) -> Outcome:
        return outcome

    return Failover("test", (Provider("one", ask, Gate()),), Clock(monotonic=lambda: 100.0), gauges=False)


async def test_an_open_breaker_and_a_long_pause_are_said_with_their_seconds() -> None:
    for outcome, said in (
        (Sent("1"), None),
        (DOWN, "is left alone after failures, for 5 s more"),
        (Retry("slow down", 90.0, code="429", fault=Fault.LIMIT), "wants a pause, of 90 s more"),
        (Retry("slow down", 20.0, code="429", fault=Fault.LIMIT), None),
    ):
        failover = only(outcome)
        await failover.send("hello")
        assert failover.resting() == {"one": said}


def test_every_channel_with_providers_can_say_it() -> None:
    sms = Sms(provider=(SmsProvider(account_sid="AC", auth_token="t", from_number="+15005550006"),))
    for dispatcher in (EmailDispatcher(Email(provider=(EmailProvider(),))), SmsDispatcher(sms)):
        assert isinstance(dispatcher, HasProviders)
        assert list(dispatcher.resting().values()) == [None]


async def test_push_services_are_out_when_each_of_them_is() -> None:
    answers: dict[str, Outcome] = {"a": DOWN, "b": Sent("1")}

    async def ask(origin: str) -> Outcome:
        return answers[origin]

    def state() -> float | None:
        labels = {"channel": "test", "provider": "push"}
        return REGISTRY.get_sample_value("orderbell_provider_breaker_state", labels)

    origins = Origins("test", "push", ask, Clock(monotonic=lambda: 100.0))
    assert (origins.resting(), state()) == (None, State.CLOSED)
    await origins.of("a").send("a")
    assert (origins.resting(), state()) == ("is left alone after failures, for 5 s more", State.OPEN)
    await origins.of("b").send("b")
    assert (origins.resting(), state()) == (None, State.CLOSED)
