"""The SMS channel: deliveries as texts through Twilio, or through anything that speaks its Messages API."""

from config import Settings
from dispatchers.base import Dispatcher

__all__ = ["create"]


def create(settings: Settings) -> Dispatcher | None:
    """The channel's dispatcher, or None without an ``[[sms.provider]]``."""
    if not settings.sms.provider:
        return None
    from dispatchers.sms.dispatcher import SmsDispatcher  # noqa: PLC0415 - twilio's package is only needed here

    return SmsDispatcher(settings.sms, public_url=settings.http.public_url)
