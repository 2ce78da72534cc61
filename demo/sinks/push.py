"""A sandbox push service (RFC 8030) and the browsers behind it: pushes are proven, decrypted and kept."""

import json
import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import http_ece
import jwt
from aiohttp import web
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from demo.sinks.server import LoopbackServer, Reply

LARGEST_BYTES = 4096
LONGEST_TOKEN_SECONDS = 24 * 3600
TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
URGENCIES = frozenset({"very-low", "low", "normal", "high"})
CREDENTIALS = re.compile(r"vapid\s+(?=.*\bt=(?P<t>[\w.-]+))(?=.*\bk=(?P<k>[\w-]+))", re.IGNORECASE)
"""``vapid t=..., k=...`` in either order (RFC 8292, 3)."""


@dataclass(frozen=True, slots=True)
class Push:
    """A push as its device read it."""

    owner: str
    token: str
    payload: dict[str, object]
    topic: str | None
    urgency: str
    ttl: int
    """Seconds."""
    received_at: datetime


@dataclass(frozen=True, slots=True)
class _Device:
    owner: str
    key: ec.EllipticCurvePrivateKey
    auth: bytes
    application_server_key: str | None


@dataclass(frozen=True, slots=True)
class _Refusal(Exception):
    status: int
    said: str


class PushSink(LoopbackServer):
    """A push service. ``reply`` may answer in its place, ``on_push`` sees each push taken."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.pushes: list[Push] = []
        self.on_push: Callable[[Push], None] | None = None
        self.reply: Callable[[Push], Reply | None] | None = None
        self._devices: dict[str, _Device] = {}
        self._expired: set[str] = set()
        self._shown: dict[str, dict[tuple[str, str], Push]] = {}
        self._proven: dict[str, tuple[float, str]] = {}
        """Authorization header -> when its token ends and whose key it proves; each is verified once."""

    def subscribe(self, owner: str, application_server_key: str | None = None) -> dict[str, object]:
        """A new device of ``owner``, as ``PushSubscription.toJSON()`` has it.

        With ``application_server_key`` it takes pushes of that VAPID key only (RFC 8292, 4).
        """
        token = secrets.token_urlsafe(24)
        key, auth = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(16)
        self._devices[token] = _Device(owner, key, auth, application_server_key)
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {
            "endpoint": f"{self.url}/push/{token}",
            "expirationTime": None,
            "keys": {"p256dh": _encode(point), "auth": _encode(auth)},
        }

    def expire(self, token: str) -> None:
        """The device ``token`` (the end of its endpoint) has unsubscribed: 410 from now on."""
        del self._devices[token]
        self._expired.add(token)

    def shown(self, owner: str) -> list[Push]:
        """What the devices of ``owner`` show, oldest first: a newer push replaces one with its tag."""
        return list(self._shown.get(owner, {}).values())

    def clear(self) -> None:
        """Forget every push; subscriptions stay."""
        self.pushes.clear()
        self._shown.clear()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """One resource per subscription."""
        router.add_post("/push/{token}", self._post)

    async def _post(self, request: web.Request) -> web.Response:
        try:
            push = self._read(request, await request.read())
        except _Refusal as refusal:
            challenge = {"WWW-Authenticate": "vapid"} if refusal.status == 401 else None
            return web.Response(status=refusal.status, text=refusal.said, headers=challenge)
        reply = (self.reply(push) if self.reply else None) or Reply()
        if reply.record and (reply.status is None or reply.status < 400):
            self._take(push)
        location = f"{self.url}/message/{secrets.token_urlsafe(12)}"
        own = web.Response(status=201, headers={"Location": location, "TTL": str(push.ttl)})
        return await self.play(request, reply, own)

    def _read(self, request: web.Request, body: bytes) -> Push:
        token = request.match_info["token"]
        device = self._devices.get(token)
        if device is None:
            raise _Refusal(410 if token in self._expired else 404, "no such subscription")
        self._prove(request.headers.get("Authorization"), device)
        ttl, topic = request.headers.get("TTL", ""), request.headers.get("Topic")
        urgency = request.headers.get("Urgency", "normal")
        if not ttl.isdigit():
            raise _Refusal(400, "TTL is required (RFC 8030, 5.2)")
        if topic is not None and not TOPIC.fullmatch(topic):
            raise _Refusal(400, "Topic is at most 32 characters of base64url (RFC 8030, 5.4)")
        if urgency not in URGENCIES:
            raise _Refusal(400, "Urgency is none of those of RFC 8030, 5.3")
        if len(body) > LARGEST_BYTES:
            raise _Refusal(413, f"more than {LARGEST_BYTES} bytes")
        payload = _decrypt(body, request.headers.get("Content-Encoding"), device)
        return Push(device.owner, token, payload, topic, urgency, int(ttl), datetime.now(UTC))

    def _prove(self, authorization: str | None, device: _Device) -> None:
        """RFC 8292, 4.2: 401 without a token, 403 with one that does not hold."""
        if not authorization:
            raise _Refusal(401, "no VAPID token")
        proven = self._proven.get(authorization)
        if proven is None or proven[0] <= time.time():
            proven = _verify(authorization, self.url)
            self._proven[authorization] = proven
        if device.application_server_key not in {None, proven[1]}:
            raise _Refusal(
                403,
                "the VAPID credentials in the authorization header do not correspond to the credentials "
                "used to create the subscriptions.",
            )

    def _take(self, push: Push) -> None:
        self.pushes.append(push)
        shown = self._shown.setdefault(push.owner, {})
        place = (push.token, str(push.payload.get("tag") or push.topic or len(self.pushes)))
        shown.pop(place, None)
        shown[place] = push
        if self.on_push:
            self.on_push(push)


def _verify(authorization: str, audience: str) -> tuple[float, str]:
    """When the token ends, and the key that signed it (RFC 8292, 2)."""
    given = CREDENTIALS.match(authorization)
    if given is None:
        raise _Refusal(401, "not vapid t=..., k=...")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _decode(given["k"]))
        claims = jwt.decode(
            given["t"],
            key,
            algorithms=["ES256"],
            audience=audience,
            options={"require": ["aud", "exp", "sub"]},
        )
    except (ValueError, InvalidKey, jwt.PyJWTError) as error:
        raise _Refusal(403, f"the VAPID token does not hold: {error}") from None
    if claims["exp"] > time.time() + LONGEST_TOKEN_SECONDS:
        raise _Refusal(403, "the VAPID token lasts for more than 24 hours")
    if not str(claims["sub"]).startswith(("mailto:", "https:")):
        raise _Refusal(403, "the VAPID token names no contact")
    return float(claims["exp"]), given["k"]


def _decrypt(body: bytes, encoding: str | None, device: _Device) -> dict[str, object]:
    """What the browser would do (RFC 8291): a real push service could not, and would take anything."""
    if not body:
        return {}
    if encoding != "aes128gcm":
        raise _Refusal(400, "Content-Encoding is not aes128gcm (RFC 8291, 4)")
    try:
        plaintext = http_ece.decrypt(body, private_key=device.key, auth_secret=device.auth, version="aes128gcm")
        payload = json.loads(plaintext)
    except (http_ece.ECEException, ValueError) as error:
        raise _Refusal(400, f"cannot be decrypted: {error}") from None
    if not isinstance(payload, dict):
        raise _Refusal(400, "the payload is not a JSON object")
    return payload


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
