"""Where Twilio reports to."""

from urllib.parse import quote

PREFIX = "/feedback/twilio"

OVERRIDES = "#rc=3&rp=ct,rt,5xx"
"""Twilio tries a callback again only where it could not connect, and once. This asks for three more tries, also where
we said 5xx or nothing, all within its 15 s
(https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides). It is a fragment: neither sent nor signed.
"""


def status_callback(public_url: str, provider: str) -> str | None:
    """What Twilio is given with each text, or None where nobody can reach us. ``provider`` is its name here."""
    if not public_url:
        return None
    return f"{public_url}{PREFIX}/{quote(provider, safe='')}/status{OVERRIDES}"
