"""Sessions: a fresh server, its memory with and without people, and what it sends them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bench.frame import say
from bench.hub import said
from bench.hub.client import Crowd, Failed, Measured
from bench.hub.entrants import Entrant
from bench.hub.processes import Cores, Server

KINDS = {"announcement": said.ANNOUNCE, "notification": said.TELL}
"""The same frame for everybody; each person their own."""
FIRST = 20
"""Come and go before memory is looked at: what is loaded once is no connection's."""
WINDOW = 4
"""Frames on their way to each person."""
ONCE = 5_000
"""From so many connections on there is one round, and one frame at a time is on its way from the slow ones."""
MANY = 10_000
"""From so many on the slow ones take no part, and one frame at a time is on its way to each person."""
WARM_UP_SECONDS = 0.2
REST_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Session:
    """One server, once."""

    entrant: str
    people: int
    per_second: dict[str, float]
    """Frames received, by kind."""
    kib_per_connection: float
    accepts_per_second: float
    """Connected and welcomed."""
    accepts_per_cpu_second: float
    """Of the server."""
    frame_bytes: dict[str, int]
    busy: dict[str, tuple[float, float]]
    """The share of a core that server and client used while it was measured."""


def session(entrant: Entrant, people: int, seconds: float, cores: Cores) -> Session:
    """Raises Failed, RuntimeError."""
    with entrant.start(cores, people) as server:
        with Crowd(server.port, entrant.visitor) as first:
            first.come(FIRST)
        with Crowd(server.port, entrant.visitor) as crowd:
            crowd.rest(REST_SECONDS)  # the first are seen off
            before, cpu_before = server.used_kib(), server.cpu_seconds()
            took = crowd.come(people)
            cpu = server.cpu_seconds() - cpu_before
            crowd.rest(REST_SECONDS)
            used = server.used_kib() - before
            measured, busy = {}, {}
            window = WINDOW if people < (ONCE if entrant.slow else MANY) else 1
            for kind, code in KINDS.items():
                crowd.drain()
                measured[kind], share = _measured(server, crowd, code, seconds, window)
                busy[kind] = share, round(measured[kind].cpu_seconds / measured[kind].seconds, 2)
    return Session(
        entrant=entrant.name,
        people=people,
        per_second={kind: each.messages / each.seconds for kind, each in measured.items()},
        kib_per_connection=used / people,
        accepts_per_second=people / took,
        accepts_per_cpu_second=people / max(cpu, 0.01),
        frame_bytes={kind: each.frame_bytes for kind, each in measured.items()},
        busy=busy,
    )


def _measured(server: Server, crowd: Crowd, code: bytes, seconds: float, window: int) -> tuple[Measured, float]:
    looks: list[tuple[float, float]] = []
    found = crowd.measure(
        partial(server.command, code),
        seconds=seconds,
        warm_up=WARM_UP_SECONDS,
        window=window,
        look=lambda now: looks.append((now, server.cpu_seconds())),
    )
    (began, cpu_before), (ended, cpu_after) = looks
    return found, round((cpu_after - cpu_before) / (ended - began), 2)


def rounds(
    sizes: Sequence[int],
    count: int,
    entrants: Sequence[Entrant],
    trial: Sequence[Entrant],
    run: Callable[[Entrant, int], Session],
    has_time: Callable[[], bool] = lambda: True,
) -> Iterator[Session]:
    """Alternating. Every size has one round, the smallest first; those below :data:`ONCE` have ``count`` of them.
    Those on ``trial`` all take part in the first round; the best of them goes on.

    A round is whole, or it is left out: ``has_time`` is asked before each that is not a size's first.
    """
    going_on = tuple(trial)
    for number in range(count):
        for people in sizes:
            if number and people >= ONCE:
                continue
            if number and not has_time():
                say(f"no time for round {number + 1} of {people:,} connections")
                continue
            first = number % len(entrants)
            turn = [
                run(entrant, people)
                for entrant in (*entrants[first:], *entrants[:first], *going_on)
                if people < MANY or not entrant.slow
            ]
            yield from turn
            tried = [one for one in turn if one.entrant in {entrant.name for entrant in going_on}]
            if len(tried) > 1:
                ahead = max(tried, key=lambda one: one.per_second.get("announcement", 0.0))
                going_on = tuple(entrant for entrant in going_on if entrant.name == ahead.entrant)


def saying(run: Callable[[Entrant, int], Session]) -> Callable[[Entrant, int], Session]:
    """The same, with a line for each session; who cannot serve so many has no figures."""

    def aloud(entrant: Entrant, people: int) -> Session:
        try:
            found = run(entrant, people)
        except (Failed, OSError) as error:
            say(f"{entrant.name}, {people:,} connections: {error}")
            return Session(entrant.name, people, {}, 0.0, 0.0, 0.0, {}, {})
        rates = ", ".join(f"{kind} {rate:,.0f}/s {found.busy[kind]}" for kind, rate in found.per_second.items())
        say(
            f"{found.entrant}, {people:,} connections: {rates}; {found.kib_per_connection:.1f} KiB each;"
            f" {found.accepts_per_second:,.0f} accepts/s"
        )
        return found

    return aloud
