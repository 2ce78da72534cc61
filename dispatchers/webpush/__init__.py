"""The Web Push channel: deliveries as notifications that browsers show, also when no page is open."""

from config import Settings
from dispatchers.base import Dispatcher
from dispatchers.webpush.dispatcher import WebPushDispatcher
from dispatchers.webpush.vapid import BadKey, generate_vapid_key, public_key

__all__ = ["BadKey", "WebPushDispatcher", "create", "generate_vapid_key", "public_key"]


def create(settings: Settings) -> Dispatcher | None:
    """The channel's dispatcher, or None without ``webpush.vapid_private_key``."""
    if settings.webpush.vapid_private_key is None:
        return None
    return WebPushDispatcher(settings.webpush)
