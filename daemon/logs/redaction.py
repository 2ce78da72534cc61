"""Takes addresses, secrets and words of messages out of what is logged: by the name of a field, and by its looks.

What a provider, a library or the database says of an error often repeats the address that it was about.
"""

import re
from collections.abc import Mapping, MutableMapping
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

SECRET, EMAIL, PHONE, WORDS, ADDRESS, VALUES = "[secret]", "[e-mail]", "[phone]", "[words]", "[address]", "[values]"

SECRET_NAMES = re.compile(
    r"(?:^|_)(?:pass(?:word|wd|phrase)?|secret|tokens?|authorization|cookie|credentials?|api_?key|auth_?key|private_?key|"
    r"p256dh|auth|jwt|signature)$",
    re.IGNORECASE,
)
ADDRESS_NAMES = re.compile(
    r"(?:^|_)(?:address(?:es)?|e_?mails?|phones?|phone_number|mobile|recipients?|endpoints?|subscription|to|from_number|"
    r"recipient_name|reply_to|remote|client_addr)$",
    re.IGNORECASE,
)
WORDS_NAMES = re.compile(
    r"(?:^|_)(?:body|text|title|html|subject_line|content|words|snippet|payload|data|row|old|new|message_text)$",
    re.IGNORECASE,
)
KEPT = frozenset(
    {"event", "level", "logger", "timestamp", "delivery", "notification", "event_id", "channel", "provider"}
)
"""Fields whose values are ours: they are not looked through."""

LEAST_NUMBER = 1_000_000
"""Of a field that is named like an address: less than this is how many there are, more may be a telephone number."""

DEEPEST = 12
"""What is nested deeper is not shown."""

# --- by their looks -----------------------------------------------------------------------------------------------

_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?")
_BEARER = re.compile(r"\b(Bearer|Basic|WebPush|vapid)(\s+|%20)(?:t=)?[\w.~+/=,:%-]{8,}(?:\s*k=[\w-]+)?", re.IGNORECASE)
_NAMED = re.compile(
    r"""(?P<name>\b[\w-]*(?:passw(?:or)?d|secret|token|api[_-]?key|auth[_-]?key|signature|p256dh|sig)["']?\s*[=:]\s*)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"',&)\]}]+)""",
    re.IGNORECASE,
)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>\\]+", re.IGNORECASE)
_LOGIN = re.compile(r"://[^\s@?#]*@")
"""Up to the @: a password may hold a slash that nobody has encoded."""
_OPAQUE = re.compile(
    r"(?<![\w/+=.-])(?=[\w-]*\d)(?=[\w-]*[a-z])(?:(?=[\w-]*[A-Z])[\w-]{40,}={0,2}|[0-9a-f]{40,})(?![\w-])"
)
_LONG_RUN = re.compile(r"[\w:~%=+-]{20,}")
_EMAIL = re.compile(r"""(?:"[^"\s][^"]*"|[\w.!#$%&'*+/?^`{|}~=-]+)(?:@|%40)(?:\[[\w.:]+\]|\w[\w-]*(?:\.\w[\w-]*)*)""")
_PHONE = re.compile(r"(?:(?<![\w.])\+|%2B|(?<![\w.+-])00)[1-9](?:[ ().\-/]{0,2}\d){6,17}(?!\w)", re.IGNORECASE)
_NEAR_PHONE = re.compile(
    r"(?P<before>\b(?:phone|number|mobile|tel|sms|whatsapp|recipient|to|from)\b[\"'\s:=(]{1,4})"
    # Neither a date nor an address of a network.
    r"(?P<digits>(?!\d{4}-\d\d-\d\d|\d{1,3}(?:\.\d{1,3}){3}\b)\(?\d(?:[ ().\-/]{0,2}\d){6,17})(?![\d:-])",
    re.IGNORECASE,
)
_FAILING_ROW = re.compile(r"(Failing row contains )\(.*\)", re.DOTALL)
_KEY_OF_ROW = re.compile(r"(Key \([^)]*\)=)\((?:[^)]|\)(?!\s|$))*\)")
_COPIED = re.compile(r"(COPY [\w.\"]+, line \d+(?:, column [\w\"]+)?: )\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_JSON_READ = re.compile(r"(JSON data, line \d+: ).*")
_PUSH_KEYS = re.compile(r"\{[^{}]*\"endpoint\"[^{}]*(?:\{[^{}]*\}[^{}]*)?\}")


def redacted(text: str, *, only_secrets: bool = False) -> str:
    """``text`` without what is nobody's business: who it was about may be found by the ids beside it."""
    if len(text) < 3 or text.isalpha():
        return text
    text = _JWT.sub(SECRET, text)
    text = _BEARER.sub(rf"\1 {SECRET}", text)
    text = _NAMED.sub(rf"\g<name>{SECRET}", text)
    if only_secrets:
        return _URL.sub(lambda found: _without_login(found[0]), text)
    text = _PUSH_KEYS.sub(ADDRESS, text)
    text = _FAILING_ROW.sub(rf"\1{VALUES}", text)
    text = _KEY_OF_ROW.sub(rf"\1{VALUES}", text)
    text = _COPIED.sub(rf"\1{VALUES}", text)
    text = _JSON_READ.sub(rf"\1{VALUES}", text)
    text = _URL.sub(lambda found: _place(found[0]), text)
    text = _EMAIL.sub(EMAIL, text)
    text = _PHONE.sub(PHONE, text)
    text = _NEAR_PHONE.sub(rf"\g<before>{PHONE}", text)
    return _OPAQUE.sub(SECRET, text)


def _without_login(url: str) -> str:
    """A URL without its user and password."""
    scheme, _, rest = _LOGIN.sub("://", url, count=1).partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def _place(url: str) -> str:
    """Of a URL where it leads, and no more: paths and queries hold tokens, endpoints of devices, addresses."""
    try:
        parts = urlsplit(_LOGIN.sub("://", url, count=1))
    except ValueError:
        return ADDRESS
    host = parts.netloc.rpartition("@")[2]
    # What closes a sentence, as a bracket, is not the URL's.
    segments = ["…" if "@" in segment else _LONG_RUN.sub("…", segment) for segment in parts.path.split("/")]
    query = "?…" if parts.query else ""
    return f"{parts.scheme}://{host}{'/'.join(segments)}{query}"


class Redaction:
    """A processor: looks through every field that a line has."""

    def __init__(self, *, only_secrets: bool = False) -> None:
        self._only_secrets = only_secrets

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        for name, value in event.items():
            if name == "event" and isinstance(value, str):
                # Ours have no blanks; a library's is a sentence with values in it.
                event[name] = value if " " not in value and "@" not in value else self._cleaned(value, 0)
            elif name not in KEPT:
                event[name] = self._field(name, value, 0)
        return event

    def _field(self, name: str, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if SECRET_NAMES.search(name):
            return SECRET
        counts = isinstance(value, int | float) and abs(value) < LEAST_NUMBER
        if not self._only_secrets and not counts:
            if ADDRESS_NAMES.search(name):
                return ADDRESS
            if WORDS_NAMES.search(name):
                return WORDS
        return self._cleaned(value, depth)

    def _cleaned(self, value: Any, depth: int) -> Any:  # noqa: PLR0911 - one for each kind of value
        if depth > DEEPEST:
            return "…"
        match value:
            case Enum():
                return value.value
            case None | bool() | int() | float():
                return value
            case str():
                return redacted(value, only_secrets=self._only_secrets)
            case bytes():
                return redacted(value.decode("utf-8", "replace"), only_secrets=self._only_secrets)
            case Mapping():
                return {
                    redacted(str(name), only_secrets=self._only_secrets): self._field(str(name), each, depth + 1)
                    for name, each in value.items()
                }
            case list() | tuple() | set() | frozenset():
                return [self._cleaned(each, depth + 1) for each in value]
            case _:
                return redacted(str(value), only_secrets=self._only_secrets)
