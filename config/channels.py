"""The settings of each channel and its providers."""

from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from config.addresses import problem_of_domain, problem_of_mailbox
from config.section import Section
from config.urls import check_https

NAME = "names the provider in metrics and attempts; needed where there is more than one"
RATE = "messages in a second that one daemon sends through it at most, the rest through the next; 0: no limit"
BURST = "messages at once after a rest, within rate_per_second"


def _unlike_names(channel: str, providers: "tuple[EmailProvider | SmsProvider, ...]") -> None:
    """Attempts and metrics tell providers apart by their names, so two must not have the same.

    Raises:
        ValueError: two have, or one of several has none.
    """
    names: set[str] = set()
    for provider in providers:
        if len(providers) > 1 and "name" not in provider.model_fields_set:
            raise ValueError(f"there are {len(providers)}: give each [[{channel}.provider]] a name of its own")
        if provider.name in names:
            raise ValueError(f'two are called "{provider.name}": give each [[{channel}.provider]] a name of its own')
        names.add(provider.name)


class EmailProvider(Section):
    """One SMTP server. Where there are several, the first is used, and the next where it cannot be."""

    name: str = Field(default="smtp", min_length=1, description=NAME)
    host: str = Field(default="localhost", description="of the SMTP server")
    port: int = Field(default=587, ge=1, le=65535, description="587 for starttls, 465 for tls")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls and tls verify the certificate; none is for loopback"
    )
    ca_file: str | None = Field(default=None, description="a PEM bundle to verify against; default: the system's")
    username: str | None = Field(default=None, description="with a password")
    password: SecretStr | None = Field(default=None, description="from the environment or a secret file")
    timeout_seconds: float = Field(default=30.0, gt=0, description="for one answer of the server")
    connections: int = Field(default=4, ge=1, le=100, description="pooled connections at most")
    messages_per_connection: int = Field(default=100, ge=1, description="then the connection is made anew")
    idle_seconds: float = Field(default=30.0, gt=0, description="an unused connection is closed after this")
    rate_per_second: float = Field(default=0.0, ge=0, le=100_000, description=RATE)
    burst: int = Field(default=1, ge=1, le=100_000, description=BURST)

    @model_validator(mode="after")
    def _user_and_password(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.username is not None and self.security == "none":
            raise ValueError('a password is not sent in the clear: set security = "starttls" or "tls"')
        return self


class Dkim(Section):
    """A signature that lets receivers see who is answerable for a mail (RFC 6376). Needs orderbell[dkim]."""

    selector: str = Field(default="", description="the key's name: SELECTOR._domainkey.DOMAIN in the DNS")
    domain: str | None = Field(default=None, description="who signs; default: the sender's domain")
    private_key: SecretStr | None = Field(
        default=None, description="RSA in PEM, or base64 of an Ed25519 seed; from a secret file. Without one: unsigned"
    )

    @field_validator("domain")
    @classmethod
    def _domain(cls, text: str | None) -> str | None:
        problem = problem_of_domain(text) if text is not None else None
        if problem:
            raise ValueError(problem)
        return text

    @model_validator(mode="after")
    def _key_and_selector(self) -> Self:
        if self.private_key is not None and not self.selector:
            raise ValueError("a private_key goes with a selector")
        return self


class Bounces(Section):
    """Where mails that come back arrive: a Maildir, or a listener of our own, or both."""

    address: str | None = Field(
        default=None,
        description="the envelope sender; each mail gets its own, bounces+TOKEN@..., which says what came back (VERP)",
    )
    maildir: str | None = Field(default=None, description="a Maildir that these mails are delivered to")
    poll_seconds: float = Field(default=10.0, gt=0, description="how often the Maildir is looked into")
    host: str = Field(default="127.0.0.1", description="the address of the SMTP listener")
    port: int | None = Field(
        default=None, ge=0, le=65535, description="of an SMTP listener for these mails; default: none; 0: any free port"
    )

    @field_validator("address")
    @classmethod
    def _mailbox(cls, text: str | None) -> str | None:
        problem = problem_of_mailbox(text) if text is not None else None
        if problem:
            raise ValueError(problem)
        return text

    @model_validator(mode="after")
    def _port_and_address(self) -> Self:
        if self.port is not None and self.address is None:
            raise ValueError("a port goes with an address: mails to any other are refused")
        return self


class Email(Section):
    """The e-mail channel."""

    sender: str = Field(default="Orderbell <orderbell@localhost>", description="the From header: Name <address>")
    reply_to: str | None = Field(default=None, description="the Reply-To header: Name <address>")
    message_id_domain: str | None = Field(default=None, description="default: the sender's domain")
    brand: str = Field(default="", description="the name at the head of each mail; default: the sender's name")
    accent: str = Field(default="#4f46e5", pattern=r"^#[0-9a-fA-F]{6}$", description="the button's colour")
    footer: str = Field(default="", description="the line under each mail: an address, why one gets it")
    concurrency: int = Field(default=16, ge=1, description="messages in flight at most")
    link_secret: SecretStr | None = Field(
        default=None, description="signs unsubscribe links and return addresses; default: auth.secret"
    )
    dkim: Dkim = Dkim()
    bounces: Bounces = Bounces()
    provider: tuple[EmailProvider, ...] = Field(default=(), description="in the order of preference; none: no e-mail")

    @field_validator("provider")
    @classmethod
    def _unlike_names(cls, providers: tuple[EmailProvider, ...]) -> tuple[EmailProvider, ...]:
        _unlike_names("email", providers)
        return providers

    @field_validator("link_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        # Whoever has a link and time can try secrets against it.
        if secret is not None and len(secret.get_secret_value().encode()) < 32:
            raise ValueError("must be at least 32 bytes: openssl rand -base64 48")
        return secret

    @field_validator("sender", "reply_to", "brand", "footer")
    @classmethod
    def _one_line(cls, text: str | None) -> str | None:
        if text is not None and ("\n" in text or "\r" in text):
            raise ValueError("must be one line")
        return text

    @field_validator("sender", "reply_to")
    @classmethod
    def _mailbox(cls, text: str | None) -> str | None:
        problem = problem_of_mailbox(text) if text is not None else None
        if problem:
            raise ValueError(problem)
        return text

    @field_validator("message_id_domain")
    @classmethod
    def _domain(cls, text: str | None) -> str | None:
        problem = problem_of_domain(text) if text is not None else None
        if problem:
            raise ValueError(problem)
        return text


class SmsProvider(Section):
    """An account at Twilio, or at anything that speaks its Messages API.

    Where there are several, the first is used, and the next where it cannot be.
    """

    name: str = Field(default="twilio", min_length=1, description=NAME)
    account_sid: str = Field(min_length=1, description="AC and 32 digits, from Twilio's console")
    auth_token: SecretStr = Field(min_length=1, description="its secret; from the environment or a secret file")
    messaging_service_sid: str | None = Field(default=None, description="MG and 32 digits; or from_number")
    from_number: str | None = Field(default=None, description="E.164; one of this and messaging_service_sid")
    base_url: str = Field(
        default="https://api.twilio.com", pattern=r"^https?://[^\s]+$", description="https, but for loopback"
    )
    timeout_seconds: float = Field(default=10.0, gt=0, description="for one answer of the provider")
    validity_seconds: int = Field(
        default=14_400,
        ge=1,
        le=36_000,
        description="Twilio drops what it cannot send within this (ValidityPeriod)",
    )
    rate_per_second: float = Field(default=0.0, ge=0, le=100_000, description=RATE)
    burst: int = Field(default=1, ge=1, le=100_000, description=BURST)

    @field_validator("base_url")
    @classmethod
    def _not_in_the_clear(cls, url: str) -> str:
        check_https(url, "the token would go out in the clear")
        return url

    @model_validator(mode="after")
    def _one_sender(self) -> Self:
        if (self.messaging_service_sid is None) == (self.from_number is None):
            raise ValueError("needs one of messaging_service_sid and from_number")
        return self


class Sms(Section):
    """The SMS channel."""

    default_region: str = Field(
        default="",
        pattern=r"^([A-Z]{2})?$",
        description="ISO 3166 region of numbers that carry no country code",
    )
    concurrency: int = Field(default=16, ge=1, description="requests in flight at most")
    segments: int = Field(
        default=3,
        ge=1,
        le=10,
        description="a longer text is replaced by its title, and counted; a rule may say another",
    )
    transliterate: bool = Field(
        default=True, description="plain letters where that saves segments: quotes, dashes, accents that GSM-7 lacks"
    )
    help_text: str = Field(
        default="", max_length=480, description="what HELP is answered with; default: by Twilio, with its own words"
    )
    provider: tuple[SmsProvider, ...] = Field(default=(), description="in the order of preference; none: no SMS")

    @field_validator("provider")
    @classmethod
    def _unlike_names(cls, providers: tuple[SmsProvider, ...]) -> tuple[SmsProvider, ...]:
        _unlike_names("sms", providers)
        return providers


class WebPush(Section):
    """The Web Push channel."""

    vapid_private_key: SecretStr | None = Field(
        default=None,
        description="P-256 private key: base64url of the 32 bytes, or PEM; `orderbell vapid` makes one",
    )
    vapid_subject: str = Field(
        default="",
        pattern=r"^((mailto:|https://)\S+)?$",
        description="mailto: or https: of who runs this (RFC 8292)",
    )
    ttl_seconds: int = Field(default=86_400, ge=0, description="how long a push service keeps it for an offline device")
    timeout_seconds: float = Field(default=10.0, gt=0, description="for one answer of a push service")
    concurrency: int = Field(default=32, ge=1, description="requests in flight at most")
    allow_private_endpoints: bool = Field(
        default=False,
        description="allow http and private addresses as endpoints: for tests and the demo only",
    )

    @model_validator(mode="after")
    def _key_and_subject(self) -> Self:
        if self.vapid_private_key is not None and not self.vapid_subject:
            raise ValueError("vapid_subject is needed with vapid_private_key: push services ask whom to write to")
        return self
