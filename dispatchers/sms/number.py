"""A phone number as people write it -> E.164, or why it cannot be texted."""

from dataclasses import dataclass

from phonenumbers import (
    NumberParseException,
    PhoneNumberFormat,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
    parse,
)

_UNPARSABLE = {
    NumberParseException.INVALID_COUNTRY_CODE: "has no country code, and sms.default_region is not set",
    NumberParseException.NOT_A_NUMBER: "is not a phone number",
    NumberParseException.TOO_SHORT_AFTER_IDD: "is too short",
    NumberParseException.TOO_SHORT_NSN: "is too short",
    NumberParseException.TOO_LONG: "is too long",
}

_IMPOSSIBLE = {
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its area code",
    ValidationResult.INVALID_COUNTRY_CODE: "has an unknown country code",
    ValidationResult.TOO_SHORT: "is too short",
    ValidationResult.TOO_LONG: "is too long",
    ValidationResult.INVALID_LENGTH: "has the wrong length",
}


@dataclass(frozen=True, slots=True)
class NotANumber:
    """Why an address cannot be texted, without the address."""

    reason: str


def to_e164(address: str, default_region: str) -> str | NotANumber:
    """``address`` as E.164 (ITU-T E.164: ``+``, country code, at most 15 digits).

    ``default_region`` is the ISO 3166 region of numbers without a country code; "" for none. Only what can be
    told for certain is refused here, lengths and country codes: ranges are opened faster than their lists are
    updated, and the provider knows today's.
    """
    try:
        number = parse(address, default_region or None)
    except NumberParseException as error:
        return NotANumber(f"the number {_UNPARSABLE[error.error_type]}")
    if number.extension:
        return NotANumber("the number has an extension, which cannot be texted")
    verdict = is_possible_number_with_reason(number)
    if verdict != ValidationResult.IS_POSSIBLE:
        return NotANumber(f"the number {_IMPOSSIBLE[verdict]}")
    return format_number(number, PhoneNumberFormat.E164)
