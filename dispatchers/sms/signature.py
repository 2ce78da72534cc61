"""Whether what was posted to us comes from Twilio: https://www.twilio.com/docs/usage/webhooks/webhooks-security."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from config.channels import Sms, SmsProvider

HEADER = "X-Twilio-Signature"

Fields = Sequence[tuple[str, str]]
"""A form, in its order and with its repetitions."""


class Refusal(StrEnum):
    """Why it is not believed."""

    UNSIGNED = "unsigned"
    SIGNATURE = "signature"
    """It was not signed with the account's token, or not for this address, or was changed on the way."""
    ACCOUNT = "account"
    """It is signed, and speaks of another account."""


class Accounts:
    """The providers of the SMS channel, as they sign what they post to ``public_url``."""

    def __init__(self, settings: Sms, public_url: str) -> None:
        """Without a ``public_url`` there are none: what was signed is the address that Twilio knows us by."""
        self._public_url = public_url
        self._accounts = {
            each.name: (each.account_sid, _validator(each)) for each in (settings.provider if public_url else ())
        }

    def __contains__(self, provider: str) -> bool:
        return provider in self._accounts

    def refusal(self, provider: str, target: str, fields: Fields, signature: str) -> Refusal | None:
        """Why a form is not believed that was posted to ``target``, or None where it is.

        ``target`` is the path and the query as they came, to which a proxy has added nothing. Raises KeyError for a
        provider that is not contained.
        """
        account_sid, validator = self._accounts[provider]
        if not validator.validate(f"{self._public_url}{target}", _Repeating(fields), signature):
            return Refusal.SIGNATURE
        return None if ("AccountSid", account_sid) in fields else Refusal.ACCOUNT


def _validator(provider: SmsProvider) -> Any:
    from twilio.request_validator import RequestValidator  # noqa: PLC0415 - only where there is a provider

    return RequestValidator(provider.auth_token.get_secret_value())


class _Repeating(dict[str, list[str]]):
    """A form as twilio's validator takes it: it signs each different value of a field once, in their order."""

    def __init__(self, fields: Fields) -> None:
        super().__init__()
        for name, value in fields:
            self.setdefault(name, []).append(value)

    def getlist(self, name: str) -> list[str]:
        return self[name]
