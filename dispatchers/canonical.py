"""One address, one spelling: how a channel's addresses are compared, for suppression and for feedback."""

from dispatchers.sms.number import NotANumber, to_e164


def canonical(channel: str, address: str, default_region: str = "") -> str:
    """``address`` as ``orderbell.suppression`` has it: e-mail in lower case, phone numbers in E.164, others as is.

    What cannot be read as such an address stays as it is.
    """
    match channel:
        case "email":
            return address.strip().lower()
        case "sms":
            number = to_e164(address, default_region)
            return address.strip() if isinstance(number, NotANumber) else number
        case _:
            return address
