"""The sandbox providers, which count what they took, and can be told to misbehave."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import Enum
from typing import NamedTuple

from demo.arrival import order_in, order_of
from demo.cast import Cast
from demo.sinks.mail import Mail
from demo.sinks.push import Push, PushSink
from demo.sinks.server import Reply
from demo.sinks.smtp import HangUp, SmtpSink, Step, Visit
from demo.sinks.twilio import Text
from demo.sinks.twilio_callbacks import CallingTwilio
from tests.chaos.wire import Wire

CHANNELS = ("email", "sms", "webpush")
TAKEN_SHARE = 0.3
"""How many of what a misbehaving provider is sent it takes all the same: what is sent again meets it again."""
RETRY_AFTER = {"Retry-After": "1"}


class Manner(Enum):
    """How a provider is just now."""

    FINE = "fine"
    HANG = "hangs, and may or may not have taken it"
    GARBAGE = "answers garbage"
    BUSY = "answers 429 with Retry-After"
    DROP = "accepts and then drops the connection before it answers"


class Receipt(NamedTuple):
    """What was received: the same twice is a duplicate."""

    channel: str
    user_id: str
    order: str
    what: str
    """The event; of a text, its words."""


class PushBehindWire(PushSink):
    """A push service that browsers and daemons know by the address of a wire."""

    wire: Wire | None = None

    @property
    def url(self) -> str:
        return super().url if self.wire is None else f"http://127.0.0.1:{self.wire.port}"


class Providers:
    """All three, and what they took."""

    def __init__(self, cast: Cast, dice: random.Random) -> None:
        self.received: defaultdict[Receipt, list[float]] = defaultdict(list)
        """When each was taken, on the loop's clock."""
        self.unanswered: Counter[Receipt] = Counter()
        """Taken, and then no answer was given, or none that means anything."""
        self.manners = dict.fromkeys(CHANNELS, Manner.FINE)
        self.smtp = SmtpSink(on_mail=self._took_mail, script=self._smtp_script, keep=False)
        self.twilio = CallingTwilio()
        self.push = PushBehindWire()
        self.twilio.on_text = lambda text: self._took(self._of_text(text))
        self.twilio.reply = lambda text: self._reply(self._of_text(text))
        self.push.on_push = lambda push: self._took(_of_push(push))
        self.push.reply = lambda push: self._reply(_of_push(push))
        self._dice = dice
        self._by_email = {person.email: person.user_id for person in cast.people.values()}
        self._by_phone = {person.phone: person.user_id for person in cast.people.values()}
        self._visit = Visit(0)

    def _took(self, receipt: Receipt) -> None:
        self.received[receipt].append(asyncio.get_running_loop().time())

    def _reply(self, receipt: Receipt) -> Reply | None:
        match self.manners[receipt.channel]:
            case Manner.FINE:
                return None
            case Manner.HANG:
                return Reply(hang=True, record=self._taken_unanswered(receipt))
            case Manner.GARBAGE if receipt.channel == "webpush":
                # Any 2xx of a push service means that it took the push, whatever it says.
                return Reply(status=502, body="<html>bad gateway", record=False)
            case Manner.GARBAGE:
                return Reply(status=201, body="<html>who are you?", record=self._taken_unanswered(receipt))
            case Manner.BUSY:
                return Reply(
                    status=429, body={"code": 20429, "message": "slow down"}, headers=RETRY_AFTER, record=False
                )
            case Manner.DROP:
                return Reply(drop=True) if self._taken_unanswered(receipt) else None

    def _taken_unanswered(self, receipt: Receipt) -> bool:
        """Whether this one is among those that it takes, and says nothing of."""
        taken = self._dice.random() < TAKEN_SHARE
        self.unanswered[receipt] += taken
        return taken

    async def _smtp_script(self, step: Step, visit: Visit) -> str | None:
        match self.manners["email"]:
            case Manner.HANG if step in {Step.MAIL, Step.CONTENT}:
                # Cancelled with the connection, when the client has waited long enough.
                await asyncio.get_running_loop().create_future()
            case Manner.GARBAGE if step is Step.CONNECT:
                return "banana"
            case Manner.GARBAGE if step is Step.MAIL:
                raise HangUp
            case Manner.BUSY if step in {Step.MAIL, Step.CONTENT}:
                return self._dice.choice(["421 4.7.0 slow down", "451 4.7.1 try again later"])
        if step is Step.CONTENT:
            self._visit = visit  # nothing is awaited between here and _took_mail
        return None

    def _took_mail(self, mail: Mail) -> None:
        for address in mail.to:
            receipt = Receipt("email", self._by_email[address], order_in(mail.subject), mail.event)
            self._took(receipt)
            if self.manners["email"] is Manner.DROP and self._taken_unanswered(receipt):
                self._visit.hang_up()

    def _of_text(self, text: Text) -> Receipt:
        return Receipt("sms", self._by_phone[text.to], order_in(text.body), text.body)


WITHDRAWN = ", taken back"
"""After the event, of what takes an offer's place."""


def _of_push(push: Push) -> Receipt:
    what = str(push.payload["event"]) + (WITHDRAWN if push.payload.get("withdrawn") else "")
    return Receipt("webpush", push.owner, order_of(push.payload["subject"]), what)


@asynccontextmanager
async def started(providers: Providers, dice: random.Random) -> AsyncIterator[dict[str, Wire]]:
    """Start them, each behind a wire; yields the wires by channel."""
    async with AsyncExitStack() as stack:
        for sink in (providers.smtp, providers.twilio, providers.push):
            await sink.start()
            stack.push_async_callback(sink.stop)
        ports = (providers.smtp.port, int(providers.twilio.url.rpartition(":")[2]),
                 int(providers.push.url.rpartition(":")[2]))  # fmt: skip
        wires = {channel: Wire(channel, port, dice) for channel, port in zip(CHANNELS, ports, strict=True)}
        for wire in wires.values():
            await wire.start()
            stack.push_async_callback(wire.stop)
        providers.push.wire = wires["webpush"]
        yield wires
