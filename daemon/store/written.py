"""A plan that is written, and what those who take it up after the commit are handed of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from daemon.planning.values import Plan
from daemon.store.rows import RELATIVE, Ids
from dispatchers.base import Delivery

NOTHING = Plan((), (), (), (), ())
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written. The values to hand on are made when they are asked for: after the commit, which waits for
    nothing that can be done later.
    """

    plan: Plan = NOTHING
    ids: Ids = RELATIVE
    now: datetime = EPOCH
    born_leased: Sequence[int] = ()
    """Positions of the deliveries that this node's workers have room for."""
    continues: bool = False
    """It went on with an event that was written before."""
    superseded: Sequence[str] = ()
    """Channels of the older deliveries that this plan replaced, one entry each."""

    def leased(self) -> list[Delivery]:
        """For this node's workers."""
        leased = []
        for index in self.born_leased:
            d = self.plan.deliveries[index]
            leased.append(
                self._delivery(
                    d.notification,
                    d.message,
                    id_=self.ids.deliveries + index,
                    channel=d.channel,
                    address=d.address,
                    step=d.step,
                )
            )
        return leased

    def live(self, concerned: Callable[[str], bool]) -> list[Delivery]:
        """For the hub, one per notification to somebody who is ``concerned``; address is the user id."""
        return [
            self._delivery(index, None, id_=0, channel="websocket", address=n.person.user_id, step=0)
            for index, n in enumerate(self.plan.notifications)
            if not n.withdrawn and concerned(n.person.user_id)
        ]

    def _delivery(
        self, notification: int, own_message: int | None, *, id_: int, channel: str, address: str, step: int
    ) -> Delivery:
        n = self.plan.notifications[notification]
        message = self.plan.messages[n.message if own_message is None else own_message]
        words = message.words
        event = self.plan.events[n.event].event
        return Delivery(
            id=id_,
            attempt=1,
            channel=channel,
            address=address,
            notification_id=self.ids.notifications + notification,
            user_id=n.person.user_id,
            recipient_name=n.person.name,
            locale=message.locale,
            event=event.name,
            subject=event.subject,
            audience=n.audience,
            category=n.category,
            priority=n.priority,
            title=words.title,
            body=words.body,
            text=words.text,
            url=words.url,
            action=words.action,
            created_at=self.now,
            expires_at=n.expires_at,
            step=step,
            critical=n.critical,
            wanted_at=event.captured_at,
            event_id=self.ids.events + n.event,
        )
