"""A sandbox Twilio that calls back: what became of a text, and texts that people write, signed as Twilio signs them."""

import asyncio
import secrets

import aiohttp
from twilio.request_validator import RequestValidator
from yarl import URL

from demo.sinks.twilio import SANDBOX_ACCOUNT, SANDBOX_TOKEN, Text, TwilioSink

TIMEOUT = aiohttp.ClientTimeout(total=15)
"""Twilio waits for no longer."""


class CallingTwilio(TwilioSink):
    """A :class:`TwilioSink` that posts to the ``StatusCallback`` of its texts, and to ``inbound_url``.

    It asks once, whatever the connection overrides in the URL say.
    """

    def __init__(self, port: int = 0, *, account_sid: str = SANDBOX_ACCOUNT, auth_token: str = SANDBOX_TOKEN) -> None:
        super().__init__(port, account_sid=account_sid, auth_token=auth_token)
        self.inbound_url: str | None = None
        """"A message comes in", as it is set in Twilio's console."""
        self.reports_after_seconds: float | None = None
        """It says ``sent`` and then ``delivered`` of every text this long after taking it; None: not by itself."""
        self._session: aiohttp.ClientSession | None = None
        self._reporting: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await super().start()
        self._session = aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())

    async def stop(self) -> None:
        """What is not reported yet, is not."""
        for task in self._reporting:
            task.cancel()
        await asyncio.gather(*self._reporting, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None
        await super().stop()

    async def callback(self, text: Text, status: str, error_code: int | None = None) -> int:
        """Say what became of ``text``; returns the HTTP status that came back. Raises aiohttp.ClientError."""
        if text.status_callback is None:
            raise ValueError("this text was sent without a StatusCallback")
        form = {
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "From": text.sender,
            "MessageSid": text.sid,
            "MessageStatus": status,
            "SmsSid": text.sid,
            "SmsStatus": status,
            "To": text.to,
        }
        if error_code is not None:
            form["ErrorCode"] = str(error_code)
        answered, _ = await self.post(text.status_callback, form)
        return answered

    async def inbound(self, from_: str, body: str, **more: str) -> tuple[int, str]:
        """A text from ``from_``; returns the HTTP status and the TwiML that came back. Raises aiohttp.ClientError."""
        if self.inbound_url is None:
            raise ValueError("inbound_url is not set")
        sid = f"SM{secrets.token_hex(16)}"
        form = {
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "Body": body,
            "From": from_,
            "MessageSid": sid,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsSid": sid,
            "SmsStatus": "received",
            "To": "+12125550199",
        }
        return await self.post(self.inbound_url, form | more)

    async def post(self, url: str, form: dict[str, str]) -> tuple[int, str]:
        """Post a form as Twilio would; returns the HTTP status and the body. Raises aiohttp.ClientError."""
        if self._session is None:
            raise RuntimeError("start() first")
        url, _, _ = url.partition("#")
        signature = RequestValidator(self.auth_token).compute_signature(url, form)
        headers = {"X-Twilio-Signature": signature, "User-Agent": "TwilioProxy/1.1"}
        async with self._session.post(URL(url, encoded=True), data=form, headers=headers) as response:
            return response.status, await response.text()

    def _take(self, text: Text) -> None:
        super()._take(text)
        if self.reports_after_seconds is not None and text.status_callback is not None:
            task = asyncio.create_task(self._report(text, self.reports_after_seconds))
            self._reporting.add(task)
            task.add_done_callback(self._reporting.discard)

    async def _report(self, text: Text, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        try:
            for status in ("sent", "delivered"):
                await self.callback(text, status)
        except (aiohttp.ClientError, TimeoutError):
            return  # whoever wanted to know has gone
