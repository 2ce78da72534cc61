"""Forms, as providers and mail programs post them: application/x-www-form-urlencoded (WHATWG URL, 5)."""

from urllib.parse import parse_qsl

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

MEDIA_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 200
"""Twilio's have about thirty."""


async def read_form(request: Request) -> list[tuple[str, str]]:
    """The fields in their order, those without a value included.

    Raises HTTPException: 415 for another media type, 422 for what is no form, 400 where the client went away.
    """
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise HTTPException(415, f"This route takes {MEDIA_TYPE}.")
    try:
        body = (await request.body()).decode()
        return parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ClientDisconnect:
        raise HTTPException(400, "The body broke off.") from None
    except ValueError:
        raise HTTPException(422, "The body is not a form.") from None
