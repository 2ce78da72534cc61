"""One gate per push service, and a table that nobody can fill up."""

from typing import Any

from dispatchers.base import Outcome, Retry, Sent
from dispatchers.failover import Clock
from dispatchers.webpush.origins import MOST, Origins


async def take(_: str) -> Outcome:
    return Sent()


def test_an_origin_keeps_its_gate() -> None:
    origins: Origins[str] = Origins("webpush", "webpush", take, Clock())
    assert origins.of("https://a.example") is origins.of("https://a.example")
    assert origins.of("https://a.example") is not origins.of("https://b.example")


def test_the_one_that_was_not_used_for_longest_is_forgotten() -> None:
    origins: Origins[str] = Origins("webpush", "webpush", take, Clock())
    used = origins.of("https://used.example")
    idle = origins.of("https://idle.example")
    for number in range(MOST * 2):
        origins.of(f"https://{number}.example")
        assert origins.of("https://used.example") is used
    assert len(origins) == MOST
    assert origins.of("https://idle.example") is not idle


async def test_one_that_is_down_stops_no_other(hands: Any) -> None:
    async def ask(origin: str) -> Outcome:
        return Retry("HTTP 503", code="503") if origin == "https://down.example" else Sent()

    origins: Origins[str] = Origins("webpush", "webpush", ask, hands.clock)
    for _ in range(20):
        await origins.of("https://down.example").send("https://down.example")
        assert isinstance(await origins.of("https://up.example").send("https://up.example"), Sent)
    down = await origins.of("https://down.example").send("https://down.example")
    assert isinstance(down, Retry)
    assert down.tries == ()
