"""Twilio's words, as a report."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.names import Closed
from daemon.feedback.texts import report_of
from daemon.feedback.values import Report
from dispatchers.sms.codes import CODES


@pytest.mark.parametrize("status", ["delivered", "read"])
def test_what_arrived(status: str) -> None:
    assert report_of("SM1", status, None) == Report("sms", "delivered", "SM1")


@pytest.mark.parametrize("status", ["accepted", "scheduled", "queued", "sending", "sent", "receiving", "", "new"])
def test_what_says_nothing_new(status: str) -> None:
    assert report_of("SM1", status, None) is None


@pytest.mark.parametrize(
    ("status", "code", "closed", "again"),
    [
        ("undelivered", 30003, None, True),
        ("undelivered", None, None, True),
        ("failed", 30001, None, True),
        ("undelivered", 30005, Closed.INVALID, False),
        ("failed", 21610, Closed.STOP, False),
        ("undelivered", 30007, None, False),
        ("failed", 99999, None, False),
        ("canceled", None, None, False),
    ],
)
def test_what_did_not_arrive(status: str, code: int | None, closed: Closed | None, again: bool) -> None:  # noqa: FBT001
    report = report_of("SM1", status, code)
    assert report is not None
    assert (report.state, report.closed, report.again) == ("failed", closed, again)
    assert report.error


def test_what_may_have_arrived_is_left_as_it_is() -> None:
    assert report_of("SM1", "undelivered", 30410) is None


@given(st.text() | st.sampled_from(["failed", "undelivered"]), st.none() | st.integers() | st.sampled_from([*CODES]))
def test_an_address_is_closed_only_where_it_failed(status: str, code: int | None) -> None:
    report = report_of("SM1", status, code)
    assert report is None or report.state == "failed" or (report.closed is None and not report.again)
