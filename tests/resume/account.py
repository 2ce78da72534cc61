"""The account at the end: each client's list beside the inbox in the database, and that beside what was written."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from tests.resume.client import Client
from tests.resume.shop import Told

ROWS = """
SELECT n.id, n.user_id, n.event, n.subject, n.audience, n.category, n.priority, m.title, m.body, m.url, m.action,
       n.created_at, n.read_at, n.seen_at, n.archived_at, n.expires_at,
       n.withdrawn_at IS NOT NULL AS withdrawn, n.deleted_at IS NOT NULL AS deleted
FROM orderbell.notification n JOIN orderbell.message m ON m.id = n.message_id ORDER BY n.id
"""
PLANNED = """
SELECT (SELECT count(*) FROM orderbell.change), (SELECT count(*) FROM orderbell.change_failed)
"""
Row = dict[str, Any]


@dataclass(slots=True)
class Account:
    """Lines that say what is wrong."""

    missing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Inboxes:
    """As the database has them."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = {row["id"]: row for row in rows}
        self.withdrawn = sum(row["withdrawn"] for row in rows)
        self.deleted = sum(row["deleted"] for row in rows)
        self._of: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if not row["withdrawn"] and not row["deleted"]:
                self._of[row["user_id"]].append(row)

    @classmethod
    async def read(cls, url: str) -> "Inboxes":
        async with await AsyncConnection.connect(url, row_factory=dict_row) as connection:
            return cls(await (await connection.execute(ROWS)).fetchall())

    def compare(self, client: Client, account: Account, when: str) -> None:
        """Same ids, same order, same content and state; nothing that is gone or somebody else's."""
        inbox = {row["id"]: row for row in self._of[client.user_id]}
        shown = client.page.items
        said = f"{when}, {client.name}"
        for id_ in inbox.keys() - shown.keys():
            account.missing.append(f"{said}: {id_} {inbox[id_]['event']}")
        for id_, item in shown.items():
            if (row := inbox.get(id_)) is None:
                account.wrong.append(f"{said}: {id_} is shown, and is {self._why_not(id_, client.user_id)}")
            elif other := {
                name: (at, row[name]) for name, value in item.items() if (at := _read(name, value)) != row[name]
            }:
                account.wrong.append(f"{said}: {id_}: (shown, is) {other}")
        if list(shown) != sorted(shown):
            account.wrong.append(f"{said}: the list is not in order")
        unread = sum(row["read_at"] is None for row in inbox.values())
        if client.unread != unread:
            account.wrong.append(f"{said}: {client.unread} unread on the badge, {unread} in the inbox")
        account.wrong += [f"{said}: {id_} came twice to the page" for id_ in client.page.twice]

    def compare_all(self, clients: Iterable[Client], when: str) -> Account:
        account = Account()
        for client in clients:
            self.compare(client, account, when)
        return account

    def audit(self, told: Counter[Told]) -> Account:
        """Whether exactly what was written was planned."""
        planned = Counter(
            Told(row["user_id"], row["subject"], row["event"], row["audience"]) for row in self.rows.values()
        )
        return Account(
            [f"not planned: {one}" for one in (told - planned).elements()],
            [f"planned, and never written: {one}" for one in (planned - told).elements()],
        )

    def _why_not(self, id_: int, user_id: str) -> str:
        row = self.rows.get(id_)
        if row is None:
            return "nowhere"
        if row["user_id"] != user_id:
            return f"of person {row['user_id']}"
        return "withdrawn" if row["withdrawn"] else "deleted"


def _read(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name.endswith("_at") and value is not None else value
