"""What a page shows: the list of one person, changed by what the hub tells and by what the REST API gives."""

from collections.abc import Callable, Iterable
from typing import Any

MOMENTS = ("read_at", "seen_at", "archived_at")
SEEN_AT_MOST = 1000
"""Ids that are remembered, to drop what comes again: as many as ``web/orderbell.js``."""

Item = dict[str, Any]
"""A notification as JSON has it."""


class Page:
    """Knows the archive too."""

    def __init__(self) -> None:
        self.items: dict[int, Item] = {}
        """In the order in which they stand, from the bottom to the top: what is new goes on top."""
        self.last_id: int | None = None
        """The newest that it has."""
        self.repeats = 0
        """Notifications that the hub told again, and that were dropped."""
        self.twice: list[int] = []
        """Those that were shown again: dropping them failed."""
        self._seen: dict[int, None] = {}
        self._shown: set[int] = set()
        self._later: list[Callable[[], None]] | None = None
        """What happens while the list is on its way."""

    @property
    def settled(self) -> bool:
        return self._later is None

    def begin(self) -> None:
        """The list is asked for: what happens from now on comes after it."""
        self._later = []

    def replace(self, items: Iterable[Item]) -> None:
        """The whole list is there."""
        self.items = {item["id"]: item for item in sorted(items, key=lambda item: int(item["id"]))}
        self._go_on()

    def add(self, items: Iterable[Item]) -> None:
        """Some of it are there."""
        self.replace([*self.items.values(), *items])

    def came(self, item: Item) -> None:
        """As ``orderbell.js`` drops what it has given to the page already."""
        id_ = item["id"]
        if id_ in self._seen:
            self.repeats += 1
            return
        self._seen[id_] = None
        if len(self._seen) > SEEN_AT_MOST:
            del self._seen[next(iter(self._seen))]
        if id_ in self._shown:
            self.twice.append(id_)
        self._shown.add(id_)
        self.last_id = max(self.last_id or 0, id_)
        self._soon(lambda: self.items.setdefault(id_, item))

    def changed(self, frame: dict[str, Any], unknown: Callable[[int], None]) -> None:
        """A ``notification_update``; ``unknown`` is told of one that should be in the list and is not."""
        had, moments = self.last_id or 0, {name: frame[name] for name in MOMENTS if name in frame}

        def change() -> None:
            if "up_to" in frame:
                # What is read is seen too.
                moments.setdefault("seen_at", moments.get("read_at"))
                for id_, item in self.items.items():
                    if id_ <= frame["up_to"]:
                        item.update({name: item[name] or at for name, at in moments.items()})
            elif frame["id"] in self.items:
                self.items[frame["id"]].update(moments)
            elif frame["id"] <= had:
                unknown(frame["id"])

        self._soon(change)

    def gone(self, id_: int) -> None:
        self._soon(lambda: self.items.pop(id_, None))

    def _soon(self, work: Callable[[], object]) -> None:
        if self._later is None:
            work()
        else:
            self._later.append(lambda: (work(), None)[1])

    def _go_on(self) -> None:
        later, self._later = self._later or [], None
        for work in later:
            work()
