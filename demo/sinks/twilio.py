"""A sandbox Twilio: takes texts through the Messages API and keeps them; nobody's phone rings.

The API: https://www.twilio.com/docs/messaging/api/message-resource, as far as sending and looking up go.
"""

import hmac
import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl

from aiohttp import web

from demo.sinks.server import LoopbackServer, Reply

SANDBOX_ACCOUNT = "AC" + "0" * 32
SANDBOX_TOKEN = "sandbox"  # noqa: S105 - it protects nothing
E164 = re.compile(r"\+[1-9]\d{6,14}")
LONGEST_CHARACTERS = 1600
VALIDITY_SECONDS = range(1, 36_001)
Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it was taken."""

    sid: str
    to: str
    sender: str
    """The From number, or the SID of the messaging service."""
    body: str
    received_at: datetime
    validity_period: int | None
    """Seconds."""
    status_callback: str | None


class TwilioSink(LoopbackServer):
    """Twilio's Messages API. ``reply`` may answer in its place; ``on_text`` sees each text that was taken."""

    def __init__(self, port: int = 0, *, account_sid: str = SANDBOX_ACCOUNT, auth_token: str = SANDBOX_TOKEN) -> None:
        super().__init__(port)
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.account_status = "active"
        self.texts: list[Text] = []
        self.on_text: Callable[[Text], None] | None = None
        self.reply: Callable[[Text], Reply | None] | None = None
        self.became: dict[str, tuple[str, int | None]] = {}
        """SID -> status and error code of a text, where it is not just ``sent``."""
        self._by_sid: dict[str, Text] = {}

    def clear(self) -> None:
        """Forget every text."""
        self.texts.clear()
        self.became.clear()
        self._by_sid.clear()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Twilio's paths."""
        account = "/2010-04-01/Accounts/{account}"
        router.add_get(account + ".json", self._account)
        router.add_post(account + "/Messages.json", self._create)
        router.add_get(account + "/Messages.json", self._list)
        router.add_get(account + "/Messages/{sid}.json", self._fetch)

    async def _account(self, request: web.Request) -> web.Response:
        if refusal := self._unauthorized(request):
            return refusal
        return web.json_response(
            {
                "sid": self.account_sid,
                "friendly_name": "Sandbox",
                "status": self.account_status,
                "type": "Full",
            }
        )

    async def _create(self, request: web.Request) -> web.Response:
        if refusal := self._unauthorized(request):
            return refusal
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        if mistake := _mistake(form):
            return mistake
        validity = form.get("ValidityPeriod")
        text = Text(
            sid=f"SM{secrets.token_hex(16)}",
            to=form["To"],
            sender=form.get("From") or form["MessagingServiceSid"],
            body=form["Body"],
            received_at=datetime.now(UTC),
            validity_period=int(validity) if validity else None,
            status_callback=form.get("StatusCallback"),
        )
        reply = (self.reply(text) if self.reply else None) or Reply()
        if reply.record and (reply.status is None or reply.status < 400):
            self._take(text)
        return await self.play(request, reply, web.json_response(self._resource(text, "queued"), status=201))

    async def _list(self, request: web.Request) -> web.Response:
        if refusal := self._unauthorized(request):
            return refusal
        wanted = dict(request.query)
        found = [text for text in reversed(self.texts) if _matches(text, wanted)]
        size = min(int(wanted.get("PageSize", "50")), 1000)
        page = int(wanted.get("Page", "0"))
        shown = found[page * size : (page + 1) * size]
        more = len(found) > (page + 1) * size
        following = request.rel_url.update_query(Page=str(page + 1), PageSize=str(size))
        return web.json_response(
            {
                "messages": [self._resource(text) for text in shown],
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + max(len(shown) - 1, 0),
                "uri": str(request.rel_url),
                "first_page_uri": str(request.rel_url.update_query(Page="0", PageSize=str(size))),
                "next_page_uri": str(following) if more else None,
                "previous_page_uri": None,
            }
        )

    async def _fetch(self, request: web.Request) -> web.Response:
        if refusal := self._unauthorized(request):
            return refusal
        text = self._by_sid.get(request.match_info["sid"])
        if text is None:
            return _error(404, 20404, f"The requested resource {request.path} was not found")
        return web.json_response(self._resource(text))

    def _take(self, text: Text) -> None:
        self.texts.append(text)
        self._by_sid[text.sid] = text
        if self.on_text:
            self.on_text(text)

    def _unauthorized(self, request: web.Request) -> web.Response | None:
        credentials = f"{self.account_sid}:{self.auth_token}".encode()
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, b"Basic " + b64encode(credentials)):
            return _error(401, 20003, "Authenticate")
        if request.match_info["account"] != self.account_sid:
            return _error(404, 20404, f"The requested resource {request.path} was not found")
        return None

    def _resource(self, text: Text, status: str | None = None) -> dict[str, object]:
        became, code = self.became.get(text.sid, ("sent", None))
        status = status or became
        base = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{text.sid}"
        at = format_datetime(text.received_at)
        of_service = text.sender.startswith("MG")
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": text.body,
            "date_created": at,
            "date_sent": None if status == "queued" else at,
            "date_updated": at,
            "direction": "outbound-api",
            "error_code": code,
            "error_message": None,
            "from": None if of_service else text.sender,
            "messaging_service_sid": text.sender if of_service else None,
            "num_media": "0",
            "num_segments": str(-(-len(text.body) // 160)),
            "price": None,
            "price_unit": "USD",
            "sid": text.sid,
            "status": status,
            "subresource_uris": {"media": f"{base}/Media.json"},
            "to": text.to,
            "uri": f"{base}.json",
        }


def _mistake(form: Fields) -> web.Response | None:
    """The error that Twilio would find first, if any."""
    to, body, validity = form.get("To", ""), form.get("Body", ""), form.get("ValidityPeriod", "1")
    checks = (
        (to, 21604, "A 'To' phone number is required."),
        (E164.fullmatch(to), 21211, f"The 'To' number {to} is not a valid phone number."),
        (form.get("From") or form.get("MessagingServiceSid"), 21603, "A 'From' phone number is required."),
        (body, 21602, "Message body is required."),
        (len(body) <= LONGEST_CHARACTERS, 21617, "The message body exceeds the 1600 character limit."),
        (validity.isdigit() and int(validity) in VALIDITY_SECONDS, 20001, "ValidityPeriod is out of range."),
    )
    return next((_error(400, code, message) for holds, code, message in checks if not holds), None)


def _matches(text: Text, wanted: Fields) -> bool:
    """The filters of the list: To, From, DateSent, and DateSent with ``<`` or ``>`` (both inclusive)."""
    if text.to != wanted.get("To", text.to) or text.sender != wanted.get("From", text.sender):
        return False
    day = wanted.get("DateSent")
    after, before = wanted.get("DateSent>"), wanted.get("DateSent<")
    at = text.received_at.replace(microsecond=0)
    return (
        (day is None or at.date() == _moment(day).date())
        and (after is None or at >= _moment(after))
        and (before is None or at <= _moment(before))
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _error(status: int, code: int, message: str) -> web.Response:
    """Twilio's error shape: https://www.twilio.com/docs/usage/twilios-response."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return web.json_response({"code": code, "message": message, "more_info": more, "status": status}, status=status)
