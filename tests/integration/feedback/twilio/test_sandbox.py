"""A text there and back: our dispatcher, the sandbox Twilio, our routes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest

from demo.sinks.twilio_callbacks import CallingTwilio
from dispatchers import sms
from dispatchers.base import Sent
from tests.deliveries import delivery

if TYPE_CHECKING:
    from tests.integration.feedback.conftest import Rows, SentDelivery, Serve, Served

NUMBER = "+12025550123"


@pytest.fixture
async def twilio() -> AsyncIterator[CallingTwilio]:
    sink = CallingTwilio()
    await sink.start()
    yield sink
    await sink.stop()


@pytest.fixture
async def served(serve: "Serve", twilio: CallingTwilio, closed_port: int) -> "Served":
    provider = {
        "account_sid": twilio.account_sid,
        "auth_token": twilio.auth_token,
        "base_url": twilio.url,
        "from_number": "+12125550199",
    }
    served = await serve(
        http={"port": closed_port, "public_url": f"http://127.0.0.1:{closed_port}"},
        sms={"help_text": "Hi.", "provider": [provider]},
    )
    twilio.inbound_url = f"{served.url}/feedback/twilio/twilio/inbound"
    return served


@pytest.fixture
async def send(served: "Served") -> AsyncIterator[Callable[[], Any]]:
    dispatcher = sms.create(served.settings)
    assert dispatcher is not None
    await dispatcher.start()

    async def send() -> str:
        (outcome,) = await dispatcher.send([delivery(channel="sms", address=NUMBER)])
        assert isinstance(outcome, Sent)
        assert outcome.provider_id is not None
        return outcome.provider_id

    yield send
    await dispatcher.stop()


async def test_a_text_says_where_to_report_to(served: "Served", twilio: CallingTwilio, send: Any) -> None:
    await send()
    expected = f"{served.url}/feedback/twilio/twilio/status#rc=3&rp=ct,rt,5xx"
    assert twilio.texts[0].status_callback == expected


async def test_a_text_is_reported_as_delivered(
    twilio: CallingTwilio, send: Any, sent: "SentDelivery", rows: "Rows"
) -> None:
    await sent("sms", NUMBER, await send())
    assert await twilio.callback(twilio.texts[0], "sent") == 204
    assert await twilio.callback(twilio.texts[0], "delivered") == 204
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "delivered"}]


async def test_a_text_comes_back(twilio: CallingTwilio, send: Any, sent: "SentDelivery", rows: "Rows") -> None:
    await sent("sms", NUMBER, await send())
    assert await twilio.callback(twilio.texts[0], "undelivered", 30005) == 204
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "failed"}]


async def test_the_sandbox_reports_by_itself(twilio: CallingTwilio, send: Any, rows: "Rows") -> None:
    twilio.reports_after_seconds = 0.0
    sid = await send()
    async with asyncio.timeout(60):
        while not (found := rows("SELECT provider_id, state FROM orderbell.feedback")):
            await asyncio.sleep(0.02)
    assert found == [{"provider_id": sid, "state": "delivered"}]


async def test_somebody_writes_to_us(served: "Served", twilio: CallingTwilio, rows: "Rows") -> None:
    status, said = await twilio.inbound(NUMBER, "HELP")
    assert status == 200
    assert "<Message>Hi.</Message>" in said
    assert await twilio.inbound(NUMBER, "Arrêt", OptOutType="STOP") != (403, "")
    assert rows("SELECT address FROM orderbell.suppression") == [{"address": NUMBER}]


async def test_another_token_is_not_believed(served: "Served", twilio: CallingTwilio) -> None:
    twilio.auth_token = "another"
    assert (await twilio.inbound(NUMBER, "STOP"))[0] == 403
