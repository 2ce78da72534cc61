"""A person who asks too often is slowed down, on every route of theirs together."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Build


async def test_who_asks_too_often_is_told_to_wait_and_others_are_not(
    build: "Build", monkeypatch: pytest.MonkeyPatch
) -> None:
    api = await build(http={"port": 0, "requests_per_second": 0.5})
    # However long an answer takes, there is no other request to be had meanwhile.
    monkeypatch.setattr(api.app.state.parts.rates, "_clock", lambda: 1000.0)
    ann, bob = await api.of("ann"), await api.of("bob")
    paths = ["/api/notifications", "/api/settings", "/api/push-subscriptions", "/api/notifications/1"]
    answers = [await ann.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 2
    assert (await bob.get("/api/notifications")).status_code == 200
    assert (await (await api.of(None)).get("/api/notifications")).status_code == 401
