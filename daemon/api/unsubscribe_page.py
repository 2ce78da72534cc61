"""The page behind an unsubscribe link. It runs no script and loads nothing."""

import hashlib
from base64 import b64encode
from enum import StrEnum
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from config.names import Category
from dispatchers.email.layout import readable_on
from dispatchers.email.unsubscribe import Subscription


class Says(StrEnum):
    """What the page says."""

    ASK = "ask"
    CATEGORY = "category"
    ALL = "all"
    UNDO = "undo"
    UNKNOWN = "unknown"
    AWAY = "away"
    UNCLEAR = "unclear"


_STATUS: Final = {Says.UNKNOWN: 404, Says.AWAY: 503, Says.UNCLEAR: 400}
_HEADINGS: Final = {
    Says.ASK: "Unsubscribe",
    Says.CATEGORY: "You are unsubscribed",
    Says.ALL: "You are unsubscribed",
    Says.UNDO: "You are subscribed again",
    Says.UNKNOWN: "This link does not work",
    Says.AWAY: "That did not work just now",
    Says.UNCLEAR: "We did not understand that",
}
_ABOUT: Final = {
    Category.ORDER: "orders",
    Category.DELIVERY: "deliveries",
    Category.PAYMENT: "payments",
    Category.SYSTEM: "this service",
    Category.PROMOTION: "offers",
    Category.SECURITY: "security",
    Category.VERIFICATION: "verification",
    Category.SUPPORT: "support requests",
}


class UnsubscribePage:
    """The page, in the look of our mails."""

    def __init__(self, *, brand: str, accent: str) -> None:
        folder = Path(__file__).parent
        css = (folder / "unsubscribe.css").read_text(encoding="utf-8")
        style = css.replace("ON_ACCENT", readable_on(accent)).replace("ACCENT", accent)
        environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._page = environment.get_template("unsubscribe.html", globals={"brand": brand, "style": style})
        digest = b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'self';"
                " frame-ancestors 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            # The link itself is the key to it.
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Robots-Tag": "noindex",
        }

    def __call__(self, says: Says, subscription: Subscription | None = None) -> HTMLResponse:
        """The response that ``says`` this; the first four need the ``subscription`` that it is about."""
        words = {
            "says": says.value,
            "heading": _HEADINGS[says],
            "address": masked(subscription.address) if subscription else "",
            "about": _ABOUT[subscription.category] if subscription else "",
        }
        response = HTMLResponse(self._page.render(words), _STATUS.get(says, 200), self._headers)
        if says is Says.AWAY:
            response.headers["Retry-After"] = "60"
        return response


def masked(address: str) -> str:
    """``v…@example.com``: its owner knows it again; who finds the link does not learn it."""
    local_part, _, domain = address.rpartition("@")
    return f"{local_part[:1]}…@{domain}"
