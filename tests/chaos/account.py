"""The account at the end: what had to come, what came, what did not, and what came twice."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import psycopg
from psycopg.rows import TupleRow

from config import Settings
from demo.cast import Cast
from demo.expectation import Expectation, event_of, expected
from demo.shop import Order
from tests.chaos.providers import CHANNELS, WITHDRAWN, Receipt

SMS_IS_LOOKED_UP = True
"""Whether a text of unknown outcome is looked up at the provider before anything is sent again. Until then it may end
as failed, and one that a dead daemon had sent may come twice; from then on, neither."""

NOTIFICATIONS = """
SELECT n.id, split_part(n.subject, ':', 2), n.event, n.audience, n.user_id, m.text
FROM orderbell.notification n JOIN orderbell.message m ON m.id = n.message_id
"""
DELIVERIES = """
SELECT id, notification_id, channel, state, reason, attempt, error, kind FROM orderbell.delivery_history
UNION ALL
SELECT id, notification_id, channel, state, NULL, attempt, error, kind FROM orderbell.delivery
"""
ENDED_TWICE = """
SELECT id FROM orderbell.delivery_history GROUP BY id HAVING count(*) > 1
UNION ALL
SELECT id FROM orderbell.delivery JOIN orderbell.delivery_history USING (id)
"""
LEFT_OVER = """
SELECT (SELECT count(*) FROM orderbell.change), (SELECT count(*) FROM orderbell.delivery),
       (SELECT count(*) FROM orderbell.change_failed)
"""

Told = tuple[str, str, str, str]
"""(order, event, audience, user): one notification."""


@dataclass(slots=True)
class Account:
    """What was found; nothing in ``missing``, ``wrong`` and ``sms_duplicates`` is how it should be."""

    expected: int = 0
    missing: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    sms_duplicates: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    """Duplicates of what was in flight at no fault."""
    wrong: list[str] = field(default_factory=list)
    superseded: int = 0
    unknown_sms: int = 0
    """Texts that ended as failed because nobody knows whether they were sent."""
    in_flight: int = 0


class Books:
    """What the application committed on one side, what database and providers say on the other."""

    def __init__(self, settings: Settings, cast: Cast, steps: Iterable[Order]) -> None:
        self.wanted: dict[Told, set[str]] = defaultdict(set)
        """notification -> channels besides the inbox"""
        self._newest: dict[tuple[str, str, str, str], str] = {}
        """(order, audience, user, channel) -> the event last committed that has a rule there"""
        self._taken_back: set[tuple[str, str, str]] = set()
        """(order, event, audience) of offers that a later status has ended."""
        everyone = cast.people.keys()
        for order in steps:
            self._taken_back |= {
                (str(order.id), rule.event, rule.audience)
                for rule in settings.rule
                if event_of(order.status) in rule.withdraw_on
            }
            for one in expected(settings.rule, cast, order, online=everyone, subscribed=everyone):
                self._expect(one)

    def _expect(self, one: Expectation) -> None:
        channels = self.wanted[one.order, one.event, one.audience, one.user_id]
        if one.channel != "websocket":  # that is the inbox, which is looked at in the database
            channels.add(one.channel)
            self._newest[one.order, one.audience, one.user_id, one.channel] = one.event

    def close(
        self,
        url: str,
        received: dict[Receipt, list[float]],
        unanswered: Counter[Receipt],
        in_flight: set[tuple[int, int]],
        around: Callable[[list[float]], str],
    ) -> Account:
        """The account. ``around`` says what was done to Orderbell at these times."""
        account = Account(expected=sum(1 + len(channels) for channels in self.wanted.values()))
        with psycopg.connect(url, autocommit=True) as connection:
            rows = connection.execute(NOTIFICATIONS).fetchall()
            deliveries = connection.execute(DELIVERIES).fetchall()
            account.wrong += [f"delivery {row[0]} has ended twice" for row in connection.execute(ENDED_TWICE)]
            left = connection.execute(LEFT_OVER).fetchone()
        if left is None or any(left):
            account.wrong.append(f"(changes, deliveries, failed changes) that are left: {left}")
        inbox = self._look_into_inboxes(rows, account)
        receipts = {(row[0], channel): _receipt(row, channel) for row in rows for channel in CHANNELS}
        told = {row[0]: tuple(row[1:5]) for row in rows}
        by_place: dict[tuple[Told, str], list[TupleRow]] = defaultdict(list)
        receipt_of: dict[int, Receipt] = {}
        withdrawals: Counter[int] = Counter()
        for row in deliveries:
            if row[1] not in told:
                account.wrong.append(f"delivery {row[0]} belongs to no notification")
                continue
            if row[7] is None:
                by_place[told[row[1]], row[2]].append(row)
            receipt = receipts[row[1], row[2]]
            receipt_of[row[0]] = receipt if row[7] is None else receipt._replace(what=receipt.what + WITHDRAWN)
            withdrawals[row[1]] += row[7] is not None
        for one, channels in self.wanted.items():
            for channel in channels if one in inbox else ():
                rows_here = by_place[one, channel]
                if not received.get(receipts[inbox[one], channel]):
                    self._not_received(one, channel, rows_here, account)
                elif channel == "webpush" and one[:3] in self._taken_back and not withdrawals[inbox[one]]:
                    account.wrong.append(f"an offer that nobody took back: {_said(one)}")
        self._look_for_duplicates(received, receipt_of, unanswered, in_flight, account, around)
        return account

    def _look_into_inboxes(self, rows: list[TupleRow], account: Account) -> dict[Told, int]:
        inbox: dict[Told, int] = {}
        for row in rows:
            one = (row[1], row[2], row[3], row[4])
            if one in inbox:
                account.wrong.append(f"two notifications: {_said(one)}")
            if one not in self.wanted:
                account.wrong.append(f"a notification that nothing asked for: {_said(one)}")
            inbox[one] = row[0]
        account.missing += [f"inbox: {_said(one)}" for one in self.wanted if one not in inbox]
        return inbox

    def _not_received(self, one: Told, channel: str, rows: list[TupleRow], account: Account) -> None:
        states = {(row[3], row[4]) for row in rows}
        unknown = any(row[3] == "failed" and "outcome unknown" in (row[6] or "") for row in rows)
        if channel == "sms" and unknown and not SMS_IS_LOOKED_UP:
            account.unknown_sms += 1
        elif states <= self._excuses(one, channel) and states:
            account.superseded += 1
        else:
            account.missing.append(f"{channel}: {_said(one)}: {rows or 'no delivery'}")

    def _excuses(self, one: Told, channel: str) -> set[tuple[str, str]]:
        """How its delivery may have ended without anybody having been told."""
        order, event, audience, user = one
        excuses = set()
        if self._newest[order, audience, user, channel] != event:
            excuses.add(("skipped", "superseded"))
        if (order, event, audience) in self._taken_back:
            excuses.add(("skipped", "withdrawn"))
        return excuses

    def _look_for_duplicates(
        self,
        received: dict[Receipt, list[float]],
        receipt_of: dict[int, Receipt],
        unanswered: Counter[Receipt],
        in_flight: set[tuple[int, int]],
        account: Account,
        around: Callable[[list[float]], str],
    ) -> None:
        at_risk = {receipt_of[delivery] for delivery, _ in in_flight if delivery in receipt_of}
        account.in_flight = len(in_flight) + unanswered.total()
        ids: dict[Receipt, list[int]] = defaultdict(list)
        for delivery, receipt in receipt_of.items():
            ids[receipt].append(delivery)
        for receipt, times in received.items():
            line = f"{' '.join(receipt)} (delivery {ids[receipt]}) came {len(times)} times{around(times)}"
            if receipt not in ids:
                account.wrong.append(f"received and never planned: {line}")
            again = [line] * (len(times) - 1)
            if receipt.channel == "sms":
                account.sms_duplicates += again
            else:
                account.duplicates += again
            if again and receipt not in at_risk | unanswered.keys():
                account.unexplained.append(line)


def _receipt(row: TupleRow, channel: str) -> Receipt:
    return Receipt(channel, row[4], row[1], row[5] if channel == "sms" else row[2])


def _said(one: Told) -> str:
    order, event, audience, user = one
    return f"{event} of order {order} to user {user} ({audience})"
