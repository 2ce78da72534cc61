"""The table of what SMTP servers say when they refuse."""

import ssl

import pytest
from aiosmtplib import SMTPAuthenticationError, SMTPConnectError, SMTPConnectResponseError, SMTPServerDisconnected

from dispatchers.base import Fault, Retry
from dispatchers.email.meaning import Meaning, meaning_of
from dispatchers.email.outcome import of_failure, of_reply
from dispatchers.email.reply import Broken, Misconfigured, Reply, Stage


@pytest.mark.parametrize(
    ("stage", "code", "text", "meaning"),
    [
        # The recipient, for good.
        (Stage.RCPT, 550, "5.1.1 no such user", Meaning.ADDRESS),
        (Stage.RCPT, 550, "5.1.2 no such domain", Meaning.ADDRESS),
        (Stage.RCPT, 501, "5.1.3 bad syntax", Meaning.ADDRESS),
        (Stage.RCPT, 551, "5.1.6 moved", Meaning.ADDRESS),
        (Stage.RCPT, 556, "5.1.10 the domain takes no mail (null MX)", Meaning.ADDRESS),
        (Stage.RCPT, 556, "the domain takes no mail", Meaning.ADDRESS),
        (Stage.RCPT, 550, "5.2.1 disabled", Meaning.ADDRESS),
        (Stage.RCPT, 550, "5.4.1 access denied", Meaning.ADDRESS),
        (Stage.RCPT, 550, "5.5.0 mailbox unavailable", Meaning.ADDRESS),
        (Stage.RCPT, 550, "no such user", Meaning.ADDRESS),
        (Stage.CONTENT, 550, "5.1.1 no such user", Meaning.ADDRESS),
        # This message to this recipient.
        (Stage.RCPT, 552, "5.2.2 mailbox full", Meaning.MESSAGE),
        (Stage.RCPT, 550, "5.2.2 mailbox full", Meaning.MESSAGE),
        (Stage.RCPT, 552, "quota", Meaning.MESSAGE),
        (Stage.CONTENT, 552, "5.2.3 too long", Meaning.MESSAGE),
        (Stage.MAIL, 552, "5.3.4 too big", Meaning.MESSAGE),
        (Stage.CONTENT, 554, "5.7.1 spam", Meaning.MESSAGE),
        (Stage.CONTENT, 550, "5.7.26 no DMARC", Meaning.MESSAGE),
        (Stage.CONTENT, 554, "spam", Meaning.MESSAGE),
        # This server will not take it from us.
        (Stage.MAIL, 550, "5.1.0 sender refused", Meaning.ROUTE),
        (Stage.MAIL, 553, "5.7.1 sender not owned by user", Meaning.ROUTE),
        (Stage.RCPT, 550, "5.1.7 bad sender", Meaning.ROUTE),
        (Stage.RCPT, 550, "5.1.8 bad sender's domain", Meaning.ROUTE),
        (Stage.RCPT, 554, "5.7.1 relay access denied", Meaning.ROUTE),
        (Stage.RCPT, 550, "5.7.1 client host blocked", Meaning.ROUTE),
        (Stage.RCPT, 554, "no", Meaning.ROUTE),
        (Stage.MAIL, 550, "5.6.7 needs SMTPUTF8", Meaning.ROUTE),
        (Stage.DATA, 503, "5.5.1 bad sequence", Meaning.ROUTE),
        (Stage.RCPT, 521, "takes no mail", Meaning.ROUTE),
        # Our account.
        (Stage.MAIL, 530, "5.7.0 log in first", Meaning.SETTINGS),
        (Stage.CONNECT, 535, "5.7.8 wrong password", Meaning.SETTINGS),
        (Stage.RCPT, 550, "5.7.13 account disabled", Meaning.SETTINGS),
        (Stage.CONNECT, 432, "4.7.12 change your password", Meaning.SETTINGS),
        # The recipient, for the moment.
        (Stage.RCPT, 450, "4.2.0 busy", Meaning.LATER),
        (Stage.RCPT, 450, "4.2.1 receiving mail too quickly", Meaning.LATER),
        (Stage.RCPT, 452, "4.2.2 mailbox full", Meaning.LATER),
        (Stage.RCPT, 451, "4.1.8 the domain does not resolve", Meaning.LATER),
        (Stage.RCPT, 450, "4.7.1 greylisted", Meaning.LATER),
        (Stage.RCPT, 451, "Greylisting in action", Meaning.LATER),
        (Stage.RCPT, 450, "mailbox busy", Meaning.LATER),
        # The server, for the moment.
        (Stage.MAIL, 450, "4.1.8 the domain does not resolve", Meaning.TROUBLE),
        (Stage.RCPT, 451, "local error", Meaning.TROUBLE),
        (Stage.RCPT, 452, "4.3.1 disk full", Meaning.TROUBLE),
        (Stage.CONTENT, 451, "4.3.0 queue error", Meaning.TROUBLE),
        (Stage.CONTENT, 451, "4.4.1 no answer from host", Meaning.TROUBLE),
        (Stage.RCPT, 451, "4.7.0 temporary server error", Meaning.TROUBLE),
        (Stage.CONNECT, 454, "4.7.0 temporary authentication failure", Meaning.TROUBLE),
        (Stage.CONTENT, 199, "", Meaning.TROUBLE),
        # Too much.
        (Stage.RCPT, 421, "4.7.0 try again later", Meaning.LIMIT),
        (Stage.CONNECT, 421, "too many connections", Meaning.LIMIT),
        (Stage.CONNECT, 432, "4.3.2 concurrent connections limit exceeded", Meaning.LIMIT),
        (Stage.MAIL, 454, "Throttling failure: Maximum sending rate exceeded.", Meaning.LIMIT),
        (Stage.RCPT, 452, "4.5.3 too many recipients", Meaning.LIMIT),
        (Stage.CONTENT, 451, "4.7.500 server busy", Meaning.LIMIT),
        (Stage.RCPT, 451, "4.4.5 congestion", Meaning.LIMIT),
        (Stage.CONTENT, 450, "4.3.0 you are sending too fast", Meaning.LIMIT),
    ],
)
def test_a_refusal_means(stage: Stage, code: int, text: str, meaning: Meaning) -> None:
    assert meaning_of(Reply(stage, code, text)) is meaning


@pytest.mark.parametrize(
    ("stage", "code", "text", "codes"),
    [
        (Stage.RCPT, 550, "5.1.1 unknown", "550 5.1.1"),
        (Stage.RCPT, 550, "unknown", "550"),
        (Stage.CONTENT, 250, "2.0.0 Ok", "250 2.0.0"),
        (Stage.CONTENT, 199, "what", "199"),
    ],
)
def test_an_outcome_carries_both_codes(stage: Stage, code: int, text: str, codes: str) -> None:
    assert of_reply(Reply(stage, code, text), message_id="<1@x>", provider="smtp").code == codes


@pytest.mark.parametrize(
    ("cause", "fault", "code"),
    [
        (SMTPAuthenticationError(535, "5.7.8 wrong"), Fault.SETTINGS, "535 5.7.8"),
        (SMTPAuthenticationError(454, "4.7.0 temporary"), Fault.PROVIDER, "454 4.7.0"),
        (ssl.SSLCertVerificationError("self-signed"), Fault.SETTINGS, ""),
        (Misconfigured("ca_file: missing"), Fault.SETTINGS, ""),
        (SMTPConnectResponseError(421, "too many connections"), Fault.LIMIT, "421"),
        (SMTPConnectResponseError(554, "no service for you"), Fault.PROVIDER, "554"),
        (SMTPConnectError("refused"), Fault.PROVIDER, ""),
        (SMTPServerDisconnected("gone"), Fault.PROVIDER, ""),
        (TimeoutError(), Fault.PROVIDER, ""),
        (None, Fault.PROVIDER, ""),
    ],
)
def test_a_connection_that_is_not_made_says_whose_doing_it_is(cause: Exception | None, fault: Fault, code: str) -> None:
    failure = Broken(Stage.CONNECT)
    failure.__cause__ = cause
    outcome = of_failure(failure, provider="smtp")
    assert isinstance(outcome, Retry)
    assert (outcome.fault, outcome.code) == (fault, code)
