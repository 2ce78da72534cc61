"""The e-mail channel: deliveries become messages (``message``) and go out over kept SMTP connections."""

from config import Settings
from dispatchers.base import Dispatcher
from dispatchers.email.dispatcher import EmailDispatcher
from dispatchers.email.keys import link_secret

__all__ = ["EmailDispatcher", "create"]


def create(settings: Settings) -> Dispatcher | None:
    """The dispatcher, or None where no provider is configured.

    Raises:
        ValueError: a configured address or DKIM key is none; the text names the key.
    """
    if not settings.email.provider:
        return None
    return EmailDispatcher(settings.email, public_url=settings.http.public_url, secret=link_secret(settings))
