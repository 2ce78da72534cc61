"""The API behind a proxy that cuts /bell off, and a Twilio that posts to it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest
from twilio.request_validator import RequestValidator

if TYPE_CHECKING:
    from tests.integration.feedback.conftest import Serve, Served

PUBLIC = "https://shop.example.com/bell"
ACCOUNT = "AC" + "1" * 32
TOKEN = "the account's auth token"
FORM = "application/x-www-form-urlencoded"


class Account:
    """Posts what Twilio would."""

    def __init__(self, served: "Served", provider: str = "main") -> None:
        self.served = served
        self.path = f"/feedback/twilio/{provider}"

    async def status(self, sid: str, status: str, code: object = None, **more: str) -> httpx.Response:
        form = {"AccountSid": ACCOUNT, "MessageSid": sid, "MessageStatus": status, "To": "+12025550123"}
        return await self.post("/status", form | ({} if code is None else {"ErrorCode": str(code)}) | more)

    async def inbound(self, from_: str, body: str, **more: str) -> httpx.Response:
        form = {"AccountSid": ACCOUNT, "MessageSid": "SM9", "From": from_, "To": "+12125550199", "Body": body}
        return await self.post("/inbound", form | more)

    async def post(
        self, what: str, form: Mapping[str, str] | Iterable[tuple[str, str]], token: str = TOKEN, base: str = PUBLIC
    ) -> httpx.Response:
        """Signed with ``token`` for ``base``."""
        fields = list(form.items() if isinstance(form, Mapping) else form)
        repeated: dict[str, list[str]] = {}
        for name, value in fields:
            repeated.setdefault(name, []).append(value)
        signed = "".join(name + value for name in sorted(repeated) for value in sorted(set(repeated[name])))
        signature = RequestValidator(token).compute_signature(base + self.path + what + signed, {})
        return await self.raw(what, urlencode(fields).encode(), {"X-Twilio-Signature": signature})

    async def raw(self, what: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """``body`` as it is."""
        given: dict[str, Any] = {"Content-Type": FORM} | dict(headers)
        return await self.served.client.post(self.path + what, content=body, headers=given)


def sms(**more: Any) -> dict[str, Any]:
    provider = {"name": "main", "account_sid": ACCOUNT, "auth_token": TOKEN, "from_number": "+12125550199"}
    return {"default_region": "US", "provider": [provider]} | more


@pytest.fixture
async def account(serve: "Serve") -> Account:
    return Account(await serve(http={"public_url": PUBLIC}, sms=sms(help_text="Basil & Thyme, 555-0100")))
