"""The sandbox providers together; whatever arrives at one of them becomes an :class:`Arrival`."""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from demo.arrival import Arrival, order_in, order_of
from demo.cast import Cast
from demo.sinks.mail import Mail
from demo.sinks.push import Push, PushSink
from demo.sinks.smtp import SmtpSink
from demo.sinks.twilio import Text
from demo.sinks.twilio_callbacks import CallingTwilio


@dataclass(frozen=True, slots=True)
class Providers:
    """A mail server, a Twilio and a push service, all on loopback."""

    smtp: SmtpSink
    twilio: CallingTwilio
    push: PushSink


@asynccontextmanager
async def providers(cast: Cast, take: Callable[[Arrival], None], *, with_html: bool) -> AsyncIterator[Providers]:
    """Start all three in the running loop; ``take`` is called for everything that they receive.

    ``with_html`` decodes the bodies of mails, which costs more than receiving them.
    """
    by_email = {person.email: person.user_id for person in cast.people.values() if person.email}
    by_phone = {person.phone: person.user_id for person in cast.people.values() if person.phone}

    def took_mail(mail: Mail) -> None:
        at = time.monotonic()
        html = mail.html if with_html else ""
        for address in mail.to:
            user_id = by_email.get(address, address)
            order, number = order_in(mail.subject), mail.notification_id
            take(Arrival("email", user_id, order, mail.event, mail.subject, "", at, number, html))

    def took_text(text: Text) -> None:
        at = time.monotonic()
        take(Arrival("sms", by_phone.get(text.to, text.to), order_in(text.body), None, "", text.body, at))

    def took_push(push: Push) -> None:
        take(_of_push(push, time.monotonic()))

    async with AsyncExitStack() as stack:
        started = Providers(
            SmtpSink(on_mail=took_mail, keep=False), CallingTwilio(auth_token=secrets.token_hex(16)), PushSink()
        )
        started.twilio.on_text = took_text
        started.push.on_push = took_push
        for sink in (started.smtp, started.twilio, started.push):
            await sink.start()
            stack.push_async_callback(sink.stop)
        yield started


def _of_push(push: Push, at: float) -> Arrival:
    shown = push.payload
    number = shown.get("id")
    return Arrival(
        channel="webpush",
        user_id=push.owner,
        order=order_of(shown.get("subject")),
        event=str(shown.get("event")),
        title=str(shown.get("title")),
        body=str(shown.get("body")),
        at=at,
        notification_id=number if isinstance(number, int) else None,
        withdrawn=shown.get("withdrawn") is True,
    )
