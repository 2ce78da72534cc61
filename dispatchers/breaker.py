"""A circuit breaker: who fails again and again is left alone for a while. Pure: the time is passed in.

    CLOSED --failures--> OPEN --its time is over--> HALF_OPEN --the probe succeeds--> CLOSED
                          ^                             |
                          +------the probe fails--------+   for twice as long

Answers come late, so each belongs to the :class:`Permit` that it was asked under: what was asked before the breaker
opened says nothing about how things stand now, and neither opens nor closes it.
"""

from dataclasses import dataclass
from enum import IntEnum


class State(IntEnum):
    """The values are those of the metric."""

    CLOSED = 0
    """Everybody may ask."""
    HALF_OPEN = 1
    """One may ask, and its answer decides."""
    OPEN = 2
    """Nobody may ask."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When a breaker opens, and for how long."""

    failures: int = 5
    """In a row."""
    share: float = 0.5
    """Of the answers of a window that failed: who answers every other time is never five times in a row silent."""
    window_seconds: float = 30.0
    window_answers: int = 20
    """A share of fewer answers means nothing."""
    open_seconds: float = 5.0
    """The first time; then it doubles."""
    longest_open_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to ask once; to be given back with what came of it."""

    generation: int
    is_probe: bool


class Breaker:
    """Times are seconds of one monotonic clock."""

    __slots__ = (
        "_answers", "_failed", "_generation", "_in_a_row", "_openings", "_opens_until", "_probing", "_rules",
        "_state", "_well_in_a_row", "_window_ends",
    )  # fmt: skip

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self._state = State.CLOSED
        self._generation = 0
        self._opens_until = 0.0
        self._openings = 0
        self._probing = False
        self._forget_answers()

    def state(self, now: float) -> State:
        """How it stands; time alone makes an open one half-open. Changes nothing, so any thread may look."""
        is_over = self._state is State.OPEN and now >= self._opens_until
        return State.HALF_OPEN if is_over else self._state

    def wait(self, now: float) -> float:
        """Seconds until it is not open any more; 0 where it is not."""
        return self._opens_until - now if self.state(now) is State.OPEN else 0.0

    def enter(self, now: float) -> Permit | None:
        """Leave to ask, or None: it is open, or somebody asks already whose answer decides."""
        state = self.state(now)
        if state is State.OPEN or self._probing:
            return None
        if state is not self._state:
            self._turn(state)
        self._probing = state is State.HALF_OPEN
        return Permit(self._generation, self._probing)

    def succeeded(self, permit: Permit, now: float) -> None:
        """The other side works, whatever it thought of the message."""
        if not self._is_current(permit):
            return
        if permit.is_probe:
            self._turn(State.CLOSED)
            return
        self._in_a_row = 0
        self._well_in_a_row += 1
        if self._well_in_a_row >= self._rules.failures:
            # Only now: what answers one probe and fails again is left alone for longer each time.
            self._openings = 0
        self._count(now, failed=False)

    def failed(self, permit: Permit, now: float) -> None:
        """The other side is in trouble."""
        if not self._is_current(permit):
            return
        self._in_a_row += 1
        self._well_in_a_row = 0
        self._count(now, failed=True)
        many = self._answers >= self._rules.window_answers and self._failed >= self._rules.share * self._answers
        if permit.is_probe or many or self._in_a_row >= self._rules.failures:
            self._open(now)

    def trip(self, permit: Permit, now: float) -> None:
        """Nothing will pass until somebody has changed something: open at once."""
        if self._is_current(permit):
            self._open(now)

    def abandoned(self, permit: Permit) -> None:
        """No answer that says anything; the next may ask in its place."""
        if self._is_current(permit) and permit.is_probe:
            self._probing = False

    def _is_current(self, permit: Permit) -> bool:
        return permit.generation == self._generation

    def _open(self, now: float) -> None:
        # The exponent is bounded before the power is taken.
        seconds = self._rules.open_seconds * 2.0 ** min(self._openings, 30)
        self._openings += 1
        self._opens_until = now + min(seconds, self._rules.longest_open_seconds)
        self._turn(State.OPEN)

    def _turn(self, state: State) -> None:
        self._state = state
        self._generation += 1
        self._probing = False
        self._forget_answers()

    def _forget_answers(self) -> None:
        self._in_a_row = self._well_in_a_row = 0
        self._answers = self._failed = 0
        self._window_ends = float("-inf")

    def _count(self, now: float, *, failed: bool) -> None:
        if now >= self._window_ends:
            self._window_ends = now + self._rules.window_seconds
            self._answers = self._failed = 0
        self._answers += 1
        self._failed += failed
