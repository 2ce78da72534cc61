"""The whole configuration as one immutable value."""

import re
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from config.channels import Email, Sms, WebPush
from config.mapping import Audience, People, Watch
from config.names import Name
from config.rules import Rule
from config.section import Section
from config.telling import Preferences, QuietHours, Throttle
from config.tracing import Tracing
from config.urls import check_https, check_public, is_loopback


class Database(Section):
    """The application's database, in which the schema ``orderbell`` stands beside the application's own."""

    url: SecretStr = Field(default=SecretStr("postgresql:///"), description="libpq URI or key=value string")
    pool_size: int = Field(
        default=4, ge=1, le=100, description="connections of each pool: the API's, the delivery workers'"
    )
    connect_timeout_seconds: int = Field(default=10, ge=1, le=30, description="then the database counts as away")


class Capture(Section):
    """How changes come out of the watched tables.

    ``capture = "wal"``, at the top of the file, is short for ``source = "wal"`` in this section.
    """

    source: Literal["outbox", "wal"] = Field(
        default="outbox",
        description="outbox: by triggers on the tables; wal: from PostgreSQL's change log, with no trigger on them",
    )
    slot: str | None = Field(
        default=None,
        description="wal: the replication slot, of this database alone; default: orderbell_ and the database's oid",
    )
    publication: str = Field(
        default="orderbell", min_length=1, description="wal: the publication, as `orderbell install` makes or finds it"
    )
    lag_warning_bytes: int = Field(
        default=1_000_000_000, ge=1, description="wal: more change log than this kept on disk for us is warned of"
    )
    unknown_rows_limit: int = Field(
        default=1_000,
        ge=0,
        description="wal: after a lost slot, rows written meanwhile of which nothing was ever told are told, but not"
        " more than this: they may be old ones that somebody touched, and are set aside then",
    )
    linger_seconds: float = Field(default=0.05, ge=0, description="awake for this long after the last change")
    safety_poll_seconds: float = Field(default=30.0, ge=0, description="a look without a ring; 0 switches it off")
    heartbeat_seconds: float = Field(default=10.0, gt=0, description="a dead listening connection is found within this")
    batch_size: int = Field(default=500, ge=1, le=10_000, description="changes planned in one transaction at most")

    @model_validator(mode="before")
    @classmethod
    def _in_a_word(cls, given: Any) -> Any:
        return {"source": given} if isinstance(given, str) else given

    @field_validator("slot")
    @classmethod
    def _names_a_slot(cls, slot: str | None) -> str | None:
        if slot is not None and not re.fullmatch(r"[a-z0-9_]{1,63}", slot):
            raise ValueError("is not a slot's name: lower-case letters, digits and underscores, at most 63")
        return slot

    @field_validator("publication")
    @classmethod
    def _names_a_publication(cls, publication: str) -> str:
        if len(publication.encode()) > 63:
            raise ValueError("is not a name in PostgreSQL: it has more than 63 bytes")
        return publication


IN_A_WORD = {"capture": "source"}
"""Sections that a word may stand for, and the key that it sets."""


class DeliverySettings(Section):
    """How deliveries are claimed, retried and kept."""

    lease_seconds: float = Field(default=120.0, ge=1, description="after this, another daemon may take a delivery up")
    poll_seconds: float = Field(
        default=1.0, gt=0, le=30, description="how often due retries and lost leases are looked for"
    )
    batch_size: int = Field(default=200, ge=1, le=5000, description="deliveries claimed at once at most")
    max_attempts: int = Field(default=10, ge=1, description="then a delivery has failed")
    retry_base_seconds: float = Field(default=2.0, gt=0, description="first wait at most; doubles, with full jitter")
    retry_max_seconds: float = Field(default=900.0, gt=0, description="a wait is never longer")
    expires_after_seconds: int = Field(default=86_400, ge=1, description="an older delivery is not sent")
    history_days: int = Field(default=90, ge=1, description="finished deliveries are kept for this long")
    inbox_days: int = Field(default=365, ge=1, description="notifications, events and the audit are kept for this long")


class Http(Section):
    """The listener for the REST API and the WebSocket hub."""

    host: str = Field(default="127.0.0.1", description="the address to listen on; 0.0.0.0 for every one")
    port: int = Field(default=8480, ge=0, le=65535, description="0: any free port, said in the log")
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s]+)?$",
        description="where the world reaches this listener; callbacks of Twilio and unsubscribe links need it",
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(), description="origins of pages that may call this one (CORS, and Origin of WebSockets); '*' for all"
    )
    requests_per_second: float = Field(
        default=20.0, gt=0, description="of one person to the REST API, on average; five times as many at once pass"
    )

    @field_validator("public_url")
    @classmethod
    def _base(cls, url: str) -> str:
        if url:
            check_public(url)
        return url.rstrip("/")


class Hub(Section):
    """Limits of the WebSocket hub."""

    max_connections: int = Field(default=20_000, ge=1, description="of one daemon; more are turned away")
    connections_per_person: int = Field(default=20, ge=1, description="open tabs and devices of one user")
    hello_timeout_seconds: float = Field(
        default=10.0, gt=0, description="a connection that has not said hello is closed"
    )
    ping_interval_seconds: float = Field(default=25.0, gt=0, description="keeps proxies from cutting it")
    ping_timeout_seconds: float = Field(default=20.0, gt=0, description="without an answer it is closed")
    max_frame_bytes: int = Field(default=16_384, ge=256, description="a browser's message is never longer")
    max_buffered_bytes: int = Field(default=262_144, ge=4096, description="a reader slower than this is cut off")
    replay_limit: int = Field(default=200, ge=1, description="more missed than this: the client is told to reload")
    messages_per_second: float = Field(
        default=20.0, gt=0, description="from one connection, on average; twice as many at once are let through"
    )
    rooms_per_connection: int = Field(default=50, ge=1, description="orders that one page follows at once")
    locating_audiences: tuple[Name, ...] = Field(
        default=("driver",), description="who may say where they are, in the rooms of their orders"
    )
    location_seconds: float = Field(
        default=300.0, gt=0, description="a location is shown to who comes later for this long"
    )
    compression: bool = Field(
        default=False, description="permessage-deflate (RFC 7692) for browsers that offer it: less traffic, more CPU"
    )
    close_seconds: float = Field(
        default=3.0,
        ge=0,
        le=20,
        description="a stop closes connections spread over this: they come back one after another",
    )
    broker_url: SecretStr | None = Field(
        default=None, description="redis:// or rediss://, where several daemons serve browsers; default: only this one"
    )


class Auth(Section):
    """Who may read an inbox: a JWT (RFC 7519) whose ``sub`` is the user id."""

    secret: SecretStr | None = Field(default=None, description="HS256 key, at least 32 bytes (RFC 7518, 3.2)")
    public_key_file: str | None = Field(
        default=None, description="PEM of the public key of who signs tokens: RS256, ES256 or EdDSA by its kind"
    )
    jwks_url: str | None = Field(
        default=None, pattern=r"^https?://[^\s]+$", description="a JSON Web Key Set (RFC 7517) with the public keys"
    )
    cookie: str | None = Field(
        default=None, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", description="a cookie that carries the token to the hub"
    )
    admin_role: str = Field(default="admin", min_length=1, description="in the roles claim: may use the admin API")
    audience: str | None = Field(default=None, description="the aud claim that a token must carry, if any")
    issuer: str | None = Field(default=None, description="the iss claim that a token must carry, if any")
    leeway_seconds: int = Field(default=10, ge=0, description="clock difference that is forgiven")

    @field_validator("jwks_url")
    @classmethod
    def _not_in_the_clear(cls, url: str | None) -> str | None:
        if url is not None:
            check_https(url, "who could change the keys on their way could be anybody")
        return url

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < 32:
            raise ValueError("must be at least 32 bytes: openssl rand -base64 48")
        return secret


class Metrics(Section):
    """The listener for Prometheus."""

    host: str = Field(default="127.0.0.1", description="the address to listen on; keep it inside")
    port: int = Field(default=9480, ge=0, le=65535, description="0: any free port, said in the log")
    username: str | None = Field(
        default=None, pattern=r"^[^:]+$", description="asked for with a password (RFC 7617); default: nobody is asked"
    )
    password: SecretStr | None = Field(default=None, min_length=1, description="from the environment or a secret file")
    certificate_file: str | None = Field(
        default=None, description="PEM, the server's first and those above it after: https; read anew at a reload"
    )
    key_file: str | None = Field(default=None, description="PEM of its private key, without a password")

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        if self.password is not None and self.certificate_file is None and not is_loopback(self.host):
            raise ValueError("a password is not sent in the clear: set certificate_file and key_file")
        return self


class Messages(Section):
    """Words."""

    default_locale: str = Field(
        default="en", pattern=r"^[a-z]{2,3}$", description="for people whose own is not known or has no messages"
    )
    directory: str | None = Field(default=None, description="LOCALE.toml files here override the built-in messages")


class Log(Section):
    """The log on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="and what is graver")
    format: Literal["auto", "json", "console"] = Field(default="auto", description="auto: console on a terminal")


class Shutdown(Section):
    """How the daemon ends."""

    drain_seconds: float = Field(default=15.0, ge=0, description="sends in flight may finish; the rest is given back")


class Settings(Section):
    """Everything that ``orderbell.toml``, the environment and the secret files say."""

    preset: Literal["delivery"] | None = Field(default=None, description="rules that ship with Orderbell, before yours")
    database: Database = Database()
    capture: Capture = Capture()
    delivery: DeliverySettings = DeliverySettings()
    http: Http = Http()
    hub: Hub = Hub()
    auth: Auth = Auth()
    metrics: Metrics = Metrics()
    messages: Messages = Messages()
    log: Log = Log()
    tracing: Tracing = Tracing()
    shutdown: Shutdown = Shutdown()
    email: Email = Email()
    sms: Sms = Sms()
    webpush: WebPush = WebPush()
    channel: dict[Name, dict[str, object]] = Field(
        default_factory=dict, repr=False, description="settings of channels that other packages bring"
    )
    watch: tuple[Watch, ...] = Field(default=(), description="the tables that are observed")
    people: People | None = Field(default=None, description="who people are; needed with a watch")
    audience: dict[Name, Audience] = Field(default_factory=dict, description="who an event concerns")
    rule: tuple[Rule, ...] = Field(default=(), description="who is told what, and how")
    preferences: Preferences = Field(
        default_factory=dict,
        description="category -> the channels it is sent on until a person chooses otherwise; where a category is not"
        " named: promotion on none, any other on all",
    )
    quiet_hours: QuietHours = QuietHours()
    throttle: tuple[Throttle, ...] = Field(default=(), description="how much one person is sent at most")
