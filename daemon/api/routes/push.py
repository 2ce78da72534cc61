"""Which browsers want Web Push."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from daemon.api.caller import Caller, WithParts
from daemon.api.problems import NotFound, documented
from daemon.api.routing import OF_A_PERSON, PersonRoute
from dispatchers.webpush import endpoint
from dispatchers.webpush.subscription import BadSubscription, read

NO_SUBSCRIPTION = "There is no such subscription."

router = APIRouter(prefix="/api/push-subscriptions", tags=["web push"], route_class=PersonRoute)


class Keys(BaseModel):
    p256dh: str = Field(
        max_length=256,
        description="the browser's P-256 public key, base64url",
        examples=["BAa1BZJyj5wJbJxnDa5GVSldX_NcVUzLenE_w3yAK3VYlIUC4zOMUHjpwUOMEfwlJOnHaa89Q4VBmQdhLyJHhEE"],
    )
    auth: str = Field(max_length=64, description="16 bytes, base64url", examples=["tBHItJI5svbpez7KI4CCXg"])


class PushSubscription(BaseModel):
    """What the browser's ``PushSubscription.toJSON()`` gives (W3C Push API)."""

    model_config = ConfigDict(extra="ignore")

    endpoint: str = Field(max_length=2048, examples=["https://push.example/send/abc"])
    keys: Keys


class Endpoint(BaseModel):
    model_config = ConfigDict(extra="ignore")

    endpoint: str = Field(max_length=2048, examples=["https://push.example/send/abc"])


class Device(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    endpoint: str = Field(examples=["https://push.example/send/abc"])
    user_agent: str | None = Field(examples=["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"])
    created_at: datetime = Field(examples=["2026-05-04T11:42:07Z"])


class Devices(BaseModel):
    items: list[Device] = Field(description="the newest first")


class VapidPublicKey(BaseModel):
    public_key: str = Field(
        description="the `applicationServerKey` for `pushManager.subscribe`, base64url",
        examples=["BEl62iUYgUivxIkv..."],
    )


@router.get("", responses=OF_A_PERSON)
async def list_subscriptions(caller: Caller, parts: WithParts) -> Devices:
    """The caller's browsers that want pushes."""
    return Devices(items=[Device.model_validate(one) for one in await parts.subscriptions.of(caller.user_id)])


@router.post("", status_code=204, responses=OF_A_PERSON)
async def subscribe(
    caller: Caller,
    parts: WithParts,
    subscription: PushSubscription,
    user_agent: Annotated[str | None, Header(description="tells the devices apart")] = None,
) -> None:
    """Keep a browser's subscription as the caller's. The same endpoint again replaces what was known."""
    try:
        checked = read(subscription.model_dump_json(), allow_private=parts.subscriptions.allow_private_endpoints)
    except BadSubscription as bad:
        raise RequestValidationError([{"loc": ("body",), "msg": str(bad), "type": "value_error"}]) from None
    await parts.subscriptions.put(caller.user_id, checked, _short(user_agent))


@router.delete("", status_code=204, responses=OF_A_PERSON | documented(404))
async def unsubscribe(caller: Caller, parts: WithParts, subscription: Endpoint) -> None:
    """Forget a browser. The endpoint is in the body: it is a capability, and URLs end up in logs."""
    try:
        # As it is kept: the same text may be written in more than one way.
        url = str(endpoint.check(subscription.endpoint, allow_private=True))
    except endpoint.BadEndpoint:
        raise NotFound(NO_SUBSCRIPTION) from None
    if not await parts.subscriptions.remove(caller.user_id, url):
        raise NotFound(NO_SUBSCRIPTION)


@router.get("/vapid-public-key", responses=documented(404))
async def vapid_public_key(parts: WithParts) -> VapidPublicKey:
    """The server's public key (RFC 8292), which a browser binds its subscription to."""
    if parts.vapid_public_key is None:
        raise NotFound("Web Push is not set up here.")
    return VapidPublicKey(public_key=parts.vapid_public_key)


def _short(user_agent: str | None) -> str | None:
    """Enough to tell a person's devices apart; a header's bytes may be no text that a database takes."""
    if user_agent is None:
        return None
    return "".join(character for character in user_agent[:256] if character.isprintable())
