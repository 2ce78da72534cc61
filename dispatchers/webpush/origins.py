"""A gate for each push service that is in use, by its origin."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from dispatchers import metrics
from dispatchers.base import Outcome
from dispatchers.breaker import State
from dispatchers.failover import Clock, Failover, Provider
from dispatchers.gate import Gate

MOST = 1024
"""Origins come from browsers, so from anybody: the one that was not used for longest is forgotten first."""

T = TypeVar("T")


class Origins(Generic[T]):
    """Each origin is the one provider of its subscriptions; all are called by one name outside."""

    def __init__(self, channel: str, provider: str, ask: Callable[[T], Awaitable[Outcome]], clock: Clock) -> None:
        self._channel = channel
        self._provider = provider
        self._ask = ask
        self._clock = clock
        self._known: OrderedDict[str, Failover[T]] = OrderedDict()
        metrics.begin_series(channel, provider)
        metrics.BREAKER_STATE.labels(channel, provider).set_function(self.state)

    def of(self, origin: str) -> Failover[T]:
        """Sends to ``origin``, while its breaker and its pauses let it."""
        found = self._known.get(origin)
        if found is None:
            provider = Provider(self._provider, self._ask, Gate())
            found = Failover(self._channel, (provider,), self._clock, gauges=False)
            self._known[origin] = found
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(origin)
        return found

    def resting(self) -> str | None:
        """Why none of them may be asked; None where one may, or nobody was asked yet."""
        said = [failover.resting()[self._provider] for failover in self._known.values()]
        return next(iter(said), None) if None not in said else None

    def state(self) -> State:
        """Of the best of them."""
        return min((failover.state(self._provider) for failover in self._known.values()), default=State.CLOSED)

    def __len__(self) -> int:
        return len(self._known)
