"""Forms as multipart/form-data (RFC 7578): what some mail programs post where one click unsubscribes (RFC 8058 3.2).

Read by our own few lines: the fields are known and short, and a parser of files and nested parts would be more than
they need.
"""

import re
from typing import Final

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

MEDIA_TYPE: Final = "multipart/form-data"

_BOUNDARY: Final = re.compile(r";\s*boundary=\"?([\w'()+,./:=? -]{0,69}[\w'()+,./:=?-])\"?\s*(?:;|$)", re.IGNORECASE)
"""RFC 2046 5.1.1."""
_NAME: Final = re.compile(rb"(?im)^content-disposition:[^\r\n]{0,200}?;\s*name=\"?([^\"\r\n;]{1,100})")
_MOST_PARTS: Final = 20


def is_multipart(request: Request) -> bool:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == MEDIA_TYPE


async def read_multipart(request: Request) -> list[tuple[str, str]]:
    """The fields in their order. Raises HTTPException: 422 for what is no form, 400 where the client went away."""
    try:
        body = await request.body()
    except ClientDisconnect:
        raise HTTPException(400, "The body broke off.") from None
    fields = fields_of(request.headers.get("Content-Type", ""), body)
    if fields is None:
        raise HTTPException(422, "The body is not a form.")
    return fields


def fields_of(content_type: str, body: bytes) -> list[tuple[str, str]] | None:
    """The fields of such a body, or None where it is none."""
    boundary = _BOUNDARY.search(content_type[:500])
    if boundary is None:
        return None
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode(), _MOST_PARTS + 1)
    if len(parts) > _MOST_PARTS or not parts or not parts[-1].startswith(b"--"):
        return None
    fields = []
    for part in parts[:-1]:
        head, blank, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not blank or name is None:
            return None
        fields.append((name[1].decode("utf-8", "replace"), content.decode("utf-8", "replace").strip()))
    return fields
