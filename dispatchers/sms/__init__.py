"""The SMS channel: deliveries as texts through Twilio, or through anything that speaks its Messages API."""

from config import Settings
from dispatchers.base import Dispatcher
from dispatchers.sms.dispatcher import SmsDispatcher

__all__ = ["SmsDispatcher", "create"]


def create(settings: Settings) -> Dispatcher | None:
    """The channel's dispatcher, or None without an ``[[sms.provider]]``."""
    if not settings.sms.provider:
        return None
    return SmsDispatcher(settings.sms, public_url=settings.http.public_url)
