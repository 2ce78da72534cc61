"""The e-mail channel: deliveries become messages (``message``) and go out over kept SMTP connections."""

from config import Settings
from dispatchers.base import Dispatcher
from dispatchers.email.dispatcher import EmailDispatcher

__all__ = ["EmailDispatcher", "create"]


def create(settings: Settings) -> Dispatcher | None:
    """The dispatcher, or None where no provider is configured.

    Raises:
        ValueError: a configured address is none; the text names the key.
    """
    if not settings.email.provider:
        return None
    return EmailDispatcher(settings.email)
