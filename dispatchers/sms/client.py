"""Twilio's client on our own transport: one pooled session, and failures that say whether it was sent."""

import json
import logging
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlencode, urlsplit

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from config.channels import SmsProvider
from dispatchers.http import Answer, NoAnswer, exchange, open_session, retry_after

LOOK_UP_AT_MOST = 50
"""Messages to one number that are looked through; Twilio lists the newest first."""

READ_BYTES = 262_144
"""A message resource has about 1 KiB, a page of a thousand stays far below what would hurt."""


class Refused(Exception):
    """Twilio answered, and not with success. Carries ``Retry-After``, which twilio's own exceptions lose."""

    def __init__(self, status: int, code: int | None, after: float | None) -> None:
        super().__init__(f"HTTP {status}, code {code}")
        self.status = status
        self.code = code
        self.after = after


class Transport(AsyncHttpClient):  # type: ignore[misc]  # twilio publishes no types
    """Carries twilio's requests to ``base_url`` over one session.

    twilio's ``AsyncTwilioHttpClient`` opens its session where it is constructed, perhaps outside any loop,
    and logs headers and parameters at INFO.
    """

    def __init__(self, provider: SmsProvider, connections: int, clock: Callable[[], datetime]) -> None:
        super().__init__(logger=logging.getLogger(__name__), is_async=True, timeout=provider.timeout_seconds)
        self._base_url = provider.base_url.rstrip("/")
        self._timeout_seconds = provider.timeout_seconds
        self._connections = connections
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = open_session(timeout_seconds=self._timeout_seconds, connections=self._connections)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - the session has one
        allow_redirects: bool = False,  # noqa: ARG002, FBT001, FBT002 - twilio's signature; never followed
    ) -> Response:
        """Twilio's response. Raises Refused, NotSent, NoAnswer."""
        if self._session is None:
            raise RuntimeError("start() first")
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode()
        answer = await exchange(
            self._session,
            method,
            self._rebased(uri, params),
            headers=sent,
            body=urlencode(data, doseq=True).encode() if data else None,
            read_bytes=READ_BYTES,
        )
        if not 200 <= answer.status < 300:
            raise self._refused(answer)
        return Response(answer.status, _json_object_text(answer), answer.headers)

    def _rebased(self, uri: str, params: Mapping[str, object] | None) -> str:
        parts = urlsplit(uri)
        query = "&".join(filter(None, (parts.query, urlencode(params, doseq=True) if params else "")))
        return f"{self._base_url}{parts.path}{'?' if query else ''}{query}"

    def _refused(self, answer: Answer) -> Refused:
        after = retry_after(answer.headers.get("Retry-After"), self._clock())
        try:
            code = json.loads(answer.body or "")["code"]
        except (ValueError, TypeError, KeyError):
            code = None  # a proxy's page, not Twilio's JSON
        return Refused(answer.status, code if isinstance(code, int) else None, after)


def _json_object_text(answer: Answer) -> str:
    """The body, if twilio can read it; if not, nobody knows whether the message was created."""
    try:
        if answer.body is not None and isinstance(json.loads(answer.body), dict):
            return answer.body
    except ValueError:
        pass
    raise NoAnswer(f"HTTP {answer.status} with a body that is cut off or not Twilio's")


class TwilioClient:
    """The two things that the dispatcher asks of Twilio. Raises Refused, NotSent, NoAnswer."""

    def __init__(
        self, provider: SmsProvider, connections: int, clock: Callable[[], datetime], callback: str | None = None
    ) -> None:
        """``callback`` is where Twilio reports what becomes of each text; None: nowhere."""
        self._transport = Transport(provider, connections, clock)
        self.host = urlsplit(provider.base_url).hostname
        """Whom it talks to, without the credentials that a URL may carry."""
        self._account_sid = provider.account_sid
        self._sender = (
            {"messaging_service_sid": provider.messaging_service_sid}
            if provider.messaging_service_sid
            else {"from_": provider.from_number}
        )
        self._callback = {"status_callback": callback} if callback else {}
        # Not "": twilio would look for other credentials in the environment.
        self._client = Client(
            provider.account_sid or "none",
            provider.auth_token.get_secret_value() or "none",
            http_client=self._transport,
        )

    async def open(self) -> None:
        await self._transport.open()

    async def close(self) -> None:
        await self._transport.close()

    async def create_message(self, to: str, text: str, validity_seconds: int) -> str:
        """Twilio's SID of the new message."""
        message = await self._client.messages.create_async(
            to=to, body=text, validity_period=validity_seconds, **self._sender, **self._callback
        )
        if not message.sid:
            raise NoAnswer("an answer without a message SID")
        return str(message.sid)

    async def find_message(self, to: str, text: str, since: datetime) -> tuple[str, str, int | None] | None:
        """SID, status and error code of the newest message with this text to this number that was made since then.

        By the time of its making and not of its sending, which a message that waits does not have yet.
        """
        for message in await self._client.messages.list_async(to=to, limit=LOOK_UP_AT_MOST):
            if message.body == text and message.date_created is not None and message.date_created >= since:
                return str(message.sid), str(message.status), message.error_code
        return None

    async def fetch_account(self) -> str:
        """The account's status: ``active``, ``suspended`` or ``closed``."""
        account = await self._client.api.v2010.accounts(self._account_sid or "none").fetch_async()
        return str(account.status)
