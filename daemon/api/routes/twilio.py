"""What Twilio posts to us: what became of a text, and texts that people write.

Who posts is known by a signature, not by a token; see ``dispatchers.sms.signature``.
"""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request, Response
from starlette.exceptions import HTTPException

from config.names import Closed
from daemon import metrics
from daemon.api.caller import WithParts
from daemon.api.form import read_form
from daemon.api.problems import NotFound
from daemon.feedback.texts import report_of
from dispatchers.sms.callbacks import PREFIX
from dispatchers.sms.keywords import Asked, asked
from dispatchers.sms.number import to_e164
from dispatchers.sms.signature import HEADER, Refusal

log = structlog.get_logger(__name__)

FILTERED = 30007
IGNORED = "ignored"
"""Not from a telephone: WhatsApp, a short code, a name."""
LONGEST_SID = 64
LONGEST_CODE = 9

router = APIRouter(prefix=PREFIX, include_in_schema=False)


def begin_series() -> None:
    """Have every series of these routes in the metrics from the start, so that a first time is seen as a rise."""
    for refusal in Refusal:
        metrics.FEEDBACK_REFUSED.labels("twilio", refusal)
    for kind in (*Asked, IGNORED):
        metrics.INBOUND_TEXTS.labels(kind)
    for state in ("delivered", "failed"):
        metrics.FEEDBACK.labels("sms", state)
    for reason in (Closed.INVALID, Closed.STOP):
        metrics.ADDRESSES_CLOSED.labels("sms", reason)


async def _signed(provider: str, request: Request, parts: WithParts) -> dict[str, str]:
    """The fields of a form that this provider has signed. Raises NotFound, and HTTPException with 403, 415, 422."""
    if provider not in parts.twilio:
        raise NotFound("There is no such provider, or http.public_url is not set.")
    signature = request.headers.get(HEADER)
    if signature is None:
        raise _refused(provider, Refusal.UNSIGNED)
    fields = await read_form(request)
    refusal = parts.twilio.refusal(provider, _target(request), fields, signature)
    if refusal is not None:
        raise _refused(provider, refusal)
    return dict(fields)


Signed = Annotated[dict[str, str], Depends(_signed)]


def _target(request: Request) -> str:
    """The path and the query, as they came."""
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def _refused(provider: str, refusal: Refusal) -> HTTPException:
    metrics.FEEDBACK_REFUSED.labels("twilio", refusal).inc()
    log.warning("twilio.refused", provider=provider, reason=refusal.value)
    return HTTPException(403, f"This is not from the account of {provider}, or was not posted to http.public_url.")


@router.post("/{provider:path}/status", status_code=204)
async def status(provider: str, form: Signed, parts: WithParts) -> None:
    """What became of a text. Twilio looks at nothing but the status of the answer, and repeats it after a 503."""
    sid, code = _sid(form), _code(form)
    report = report_of(sid, form.get("MessageStatus", ""), code)
    if report is not None:
        if code == FILTERED:
            log.warning("text.filtered", provider=provider, hint="look into the wording and the sender's registration")
        await parts.feedback.report([report])


@router.post("/{provider:path}/inbound")
async def inbound(provider: str, form: Signed, parts: WithParts) -> Response:
    """A text that somebody wrote to us. The answer is TwiML, and says something only to who asks for help."""
    from twilio.twiml.messaging_response import MessagingResponse  # noqa: PLC0415 - quick, and few shops are answered

    answer = MessagingResponse()
    sender, opt_out_type = form.get("From", ""), form.get("OptOutType")
    # phonenumbers finds the number in whatsapp:+4179...
    kind = asked(form.get("Body", ""), opt_out_type) if to_e164(sender, "") == sender else None
    if kind is Asked.STOP:
        await parts.feedback.close("sms", sender, Closed.STOP)
    elif kind is Asked.START:
        await parts.feedback.open("sms", sender, {Closed.STOP})
    elif kind is Asked.HELP and parts.help_text and not opt_out_type:
        answer.message(parts.help_text)
    metrics.INBOUND_TEXTS.labels(kind or IGNORED).inc()
    log.info("text.came_in", provider=provider, kind=kind or IGNORED)
    return Response(str(answer), media_type="text/xml")


def _sid(form: dict[str, str]) -> str:
    sid = form.get("MessageSid", "")
    if not 0 < len(sid) <= LONGEST_SID or not sid.isprintable():
        raise HTTPException(422, "MessageSid is missing, or none.")
    return sid


def _code(form: dict[str, str]) -> int | None:
    code = form.get("ErrorCode", "")
    if not code:
        return None
    if not (code.isascii() and code.isdecimal() and len(code) <= LONGEST_CODE):
        raise HTTPException(422, "ErrorCode is not a number.")
    return int(code)
