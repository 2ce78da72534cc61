"""What a server's reply, or its silence, means for a delivery."""

import ssl

import pytest
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from dispatchers.base import Outcome, Rejected, Retry, Sent, Unknown
from dispatchers.email.outcome import of_failure, of_reply
from dispatchers.email.reply import Broken, Reply, Stage

BEFORE_THE_DOT = [Stage.CONNECT, Stage.MAIL, Stage.RCPT, Stage.DATA]
NAMED = [Stage.MAIL, Stage.RCPT, Stage.DATA]


def outcome(stage: Stage, code: int, text: str = "text") -> Outcome:
    return of_reply(Reply(stage, code, text), message_id="<orderbell.1@shop.example>", provider="smtp")


def broken(stage: Stage, cause: BaseException) -> Outcome:
    failure = Broken(stage)
    failure.__cause__ = cause
    return of_failure(failure, provider="smtp")


@pytest.mark.parametrize(
    ("text", "provider_id"),
    [
        ("2.0.0 Ok: queued as 4Zx9KQ2Tl7z1rYv", "4Zx9KQ2Tl7z1rYv"),
        ("OK id=1tXYzA-0003Ab-2C", "1tXYzA-0003Ab-2C"),
        ("2.6.0 <a@b.example> [InternalId=9483, Hostname=x] Queued mail for delivery", "9483"),
        ("2.0.0 58LBq1dF004711 Message accepted for delivery", "58LBq1dF004711"),
        ("Ok 0102018f5c1c2a3b-7a4d-4c1e-000000", "0102018f5c1c2a3b-7a4d-4c1e-000000"),
        ("first line\n2.0.0 Ok: queued as ABC", "ABC"),
        ("2.0.0 fine", "<orderbell.1@shop.example>"),
        ("", "<orderbell.1@shop.example>"),
    ],
)
def test_a_taken_mail_is_known_by_the_servers_queue_id_or_else_by_ours(text: str, provider_id: str) -> None:
    assert outcome(Stage.CONTENT, 250, text) == Sent(provider_id=provider_id, provider="smtp")


@pytest.mark.parametrize("stage", [*NAMED, Stage.CONTENT])
@pytest.mark.parametrize("code", [421, 450, 451, 452, 454])
def test_a_4xx_is_tried_again(stage: Stage, code: int) -> None:
    assert outcome(stage, code, "4.2.0 later") == Retry(f"{stage.value}: {code} 4.2.0 later", provider="smtp")


@pytest.mark.parametrize("stage", [*NAMED, Stage.CONTENT])
@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_a_5xx_that_asks_for_a_login_is_our_fault_and_tried_again(stage: Stage, code: int) -> None:
    assert isinstance(outcome(stage, code, "5.7.0 log in first"), Retry)


@pytest.mark.parametrize(
    ("stage", "code", "text", "suppress"),
    [
        (Stage.RCPT, 550, "5.1.1 unknown user", True),
        (Stage.RCPT, 550, "unknown user", True),
        (Stage.RCPT, 551, "user not local", True),
        (Stage.RCPT, 553, "mailbox name not allowed", True),
        (Stage.RCPT, 554, "5.1.2 bad domain", True),
        (Stage.CONTENT, 550, "5.1.1 unknown user", True),
        (Stage.RCPT, 550, "5.7.1 blocked by policy", False),
        (Stage.RCPT, 550, "5.2.2 mailbox full", False),
        (Stage.RCPT, 550, "5.1.8 bad sender's domain", False),
        (Stage.RCPT, 552, "quota", False),
        (Stage.RCPT, 554, "no", False),
        (Stage.MAIL, 550, "5.1.0 sender refused", False),
        (Stage.MAIL, 553, "sender not allowed", False),
        (Stage.MAIL, 552, "5.3.4 too big", False),
        (Stage.DATA, 554, "no valid recipients", False),
        (Stage.CONTENT, 550, "5.7.26 no DMARC", False),
        (Stage.CONTENT, 554, "looks like spam", False),
    ],
)
def test_a_5xx_is_final_and_only_some_are_about_the_address(
    stage: Stage,
    code: int,
    text: str,
    suppress: bool,  # noqa: FBT001 - a column
) -> None:
    assert outcome(stage, code, text) == Rejected(
        f"{stage.value}: {code} {text}", suppress_address=suppress, provider="smtp"
    )


@pytest.mark.parametrize("stage", NAMED)
def test_a_reply_that_makes_no_sense_before_the_dot_is_tried_again(stage: Stage) -> None:
    assert isinstance(outcome(stage, 199), Retry)


@pytest.mark.parametrize("code", [199, 354, 699])
def test_a_reply_that_makes_no_sense_after_the_dot_leaves_the_outcome_unknown(code: int) -> None:
    assert isinstance(outcome(Stage.CONTENT, code), Unknown)


@pytest.mark.parametrize("cause", [SMTPServerDisconnected("Connection lost"), TimeoutError(), ssl.SSLError("x")])
def test_a_broken_connection_costs_a_retry_before_the_dot_and_certainty_after_it(cause: Exception) -> None:
    assert all(isinstance(broken(stage, cause), Retry) for stage in BEFORE_THE_DOT)
    assert isinstance(broken(Stage.CONTENT, cause), Unknown)


def test_errors_name_the_system_s_own_reason() -> None:
    refused = SMTPConnectError("Error connecting to localhost on port 1: [Errno 111] nope")
    refused.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert broken(Stage.CONNECT, refused) == Retry("connecting: Connection refused", provider="smtp")


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (
            SMTPAuthenticationError(535, "5.7.8 bad <zoe@example.com>"),
            "the server refused the login: 535 5.7.8 bad <address>",
        ),
        (SMTPResponseException(-1, "Malformed SMTP response line: secret"), "a reply that is not SMTP"),
        (SMTPResponseException(554, "no service"), "554 no service"),
        (TimeoutError(), "timed out"),
    ],
)
def test_errors_say_what_happened(cause: Exception, words: str) -> None:
    assert broken(Stage.CONNECT, cause) == Retry(f"connecting: {words}", provider="smtp")


@pytest.mark.parametrize(
    "text",
    [
        "5.1.1 <zoe.miller@example.com>: unknown",
        "zoe.miller@example.com... User unknown",
        "mailto:zoe.miller@example.com, (zoe.miller@example.com)",
        "x" * 990 + " zoe.miller@example.com",
    ],
)
def test_an_error_never_repeats_an_address(text: str) -> None:
    refusal = outcome(Stage.RCPT, 550, text)
    assert isinstance(refusal, Rejected)
    assert "zoe" not in refusal.error
    assert "example.com" not in refusal.error


def test_an_error_is_one_short_line() -> None:
    refusal = outcome(Stage.RCPT, 550, "first\nsecond\r\n\x1b[31mthird " + "x" * 30_000)
    assert isinstance(refusal, Rejected)
    assert refusal.error.isprintable()
    assert len(refusal.error) <= 200
