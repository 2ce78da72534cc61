"""What the benchmarks make of their figures."""

import pytest

from bench.email_rate import __main__ as email
from bench.frame_latency import __main__ as latency
from bench.frame_latency.pace import CUSTOMERS, FIRST_CUSTOMER, WARM_UP_SECONDS, keep_ordering
from bench.rate import Rate
from bench.webpush_rate import __main__ as webpush


def rates(**per_second: float) -> dict[str, list[Rate]]:
    return {name: [Rate(value, value)] for name, value in per_second.items()}


def test_email_is_judged_beside_the_quickest_that_connects_for_each_message() -> None:
    found = rates(**{email.OURS: 500.0, email.KEPT: 250.0, email.LIMIT: 1000.0})
    found |= rates(**dict(zip(email.PER_MESSAGE, (50.0, 125.0, 100.0), strict=True)))
    rows = email.report(found, 1, 1.0).rows
    assert [row.figure for row in rows] == [
        "4.00 times django send_mail",
        "2.00 times django, one connection",
        "0.50 of prepared bytes on as many connections",
    ]
    assert [row.met for row in rows] == [False, None, False]


def test_web_push_is_judged_beside_what_is_documented_and_shown_beside_sessions() -> None:
    found = rates(**{webpush.OURS: 700.0, webpush.LIMIT: 1000.0})
    found |= rates(**dict.fromkeys((*webpush.DOCUMENTED, *webpush.WITH_SESSION), 200.0))
    assert [row.met for row in webpush.report(found, 1, 1.0).rows] == [True, True, None, None, True]


def test_latency_is_judged_at_every_pace() -> None:
    found = {
        name: {10: [latency.Late(p50, p99, 10.0)], 200: [latency.Late(p50 * 3, p99 * 3, 200.0)]}
        for name, p50, p99 in (
            (latency.OURS, 2.0, 5.0),
            (latency.CHANNELS, 4.0, 8.0),
            (latency.LIMIT, 0.5, 1.0),
            (latency.MAILS, 9.0, 20.0),
        )
    }
    rows = latency.report(found, "18.4", 1, 1.0).rows
    assert [(row.met, row.figure) for row in rows[:3]] == [
        (True, "0.62 of Channels'"),
        (False, "4.00 times LISTEN alone"),
        (None, "9.0 ms"),
    ]
    assert len(rows) == 6


def test_orders_that_warm_up_are_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    placed: list[int] = []

    def place(customer: int) -> tuple[int, float]:
        placed.append(customer)
        return len(placed), 0.5

    keep_ordering(place, per_second=100.0, seconds=0.1)
    assert set(placed) == set(range(FIRST_CUSTOMER, FIRST_CUSTOMER + CUSTOMERS))
    assert capsys.readouterr().out.splitlines()[0] == f"{int(100 * WARM_UP_SECONDS) + 1} 0.500000"
