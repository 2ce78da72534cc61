"""What the planner would find in the database: windows that are open, and what counts towards a throttle."""

from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.planning.known import Hold


@dataclass(slots=True)
class _Window:
    """What waits under one name, until when."""

    due: datetime
    members: int = 0


class Windows:
    """Digests that are open, and nights that messages wait for the end of."""

    def __init__(self) -> None:
        self._by_user: dict[str, dict[Hold, _Window]] = {}

    def of(self, users: Collection[str]) -> dict[Hold, datetime]:
        """When theirs close."""
        return {hold: window.due for user in users for hold, window in self._by_user.get(user, {}).items()}

    def join(self, hold: Hold, due: datetime) -> None:
        """One more waits; the first opens the window."""
        window = self._by_user.setdefault(hold[0], {}).setdefault(hold, _Window(due))
        window.due = max(window.due, due)
        window.members += 1

    def leave(self, hold: Hold) -> None:
        """One waits no longer; the last closes the window."""
        windows = self._by_user[hold[0]]
        windows[hold].members -= 1
        if windows[hold].members == 0:
            del windows[hold]
            if not windows:
                del self._by_user[hold[0]]

    def __len__(self) -> int:
        return len(self._by_user)


class Spent:
    """Messages that count towards a throttle, for as long as they do."""

    def __init__(self, per: Mapping[str, timedelta]) -> None:
        """``per``: how long, for each throttle."""
        self._per = per
        self._times: dict[str, deque[tuple[datetime, str]]] = {name: deque() for name in per}
        self._counts: Counter[tuple[str, str]] = Counter()

    def of(self, users: Collection[str]) -> dict[tuple[str, str], int]:
        """(user, throttle) -> messages; as ``Known`` has it."""
        keys = [(user, name) for user in users for name in self._per]
        return {key: self._counts[key] for key in keys if key in self._counts}

    def add(self, user: str, throttle: str, at: datetime) -> None:
        """A message goes out."""
        self._times[throttle].append((at, user))
        self._counts[user, throttle] += 1

    def forget(self, now: datetime) -> None:
        """What counts no longer."""
        for name, times in self._times.items():
            while times and times[0][0] <= now - self._per[name]:
                _, user = times.popleft()
                self._counts[user, name] -= 1
                if self._counts[user, name] == 0:
                    del self._counts[user, name]

    def __len__(self) -> int:
        return len(self._counts)
