"""Encryption and logins: what is verified, and that a fault of the configuration costs nobody a mail."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import pytest

from demo.sinks.smtp import SmtpSink
from dispatchers.base import Delivery, Retry, Sent, Unusable
from dispatchers.email import EmailDispatcher

Deliveries = Callable[..., Delivery]
Running = Callable[..., Awaitable[SmtpSink]]
DispatcherFor = Callable[..., Awaitable[EmailDispatcher]]


class Authority(Protocol):
    @property
    def ca_file(self) -> str: ...
    @property
    def server(self) -> ssl.SSLContext: ...


KINDS = pytest.mark.parametrize("security", ["starttls", "tls"])
LOGIN = ("bella", "correct horse")


@KINDS
async def test_a_server_with_a_certificate_of_our_authority_is_trusted(
    running: Running, dispatcher_for: DispatcherFor, delivery: Deliveries, authority: Authority, security: str
) -> None:
    sink = await running(tls=authority.server, implicit_tls=security == "tls")
    dispatcher = await dispatcher_for(sink, security=security, ca_file=authority.ca_file)

    assert [type(outcome) for outcome in await dispatcher.send([delivery(id=1)])] == [Sent]
    assert [type(outcome) for outcome in await dispatcher.send([delivery(id=2)])] == [Sent]
    assert sink.connections == 1
    assert sink.visits[0].is_encrypted


@KINDS
async def test_a_server_with_a_certificate_of_another_authority_is_refused(
    running: Running,
    dispatcher_for: DispatcherFor,
    delivery: Deliveries,
    authority: Authority,
    other_authority: Authority,
    security: str,
) -> None:
    sink = await running(tls=authority.server, implicit_tls=security == "tls")
    dispatcher = await dispatcher_for(sink, security=security, ca_file=other_authority.ca_file)

    (outcome,) = await dispatcher.send([delivery()])
    assert isinstance(outcome, Retry)
    assert "the server's certificate is not trusted" in outcome.error
    assert sink.count("MAIL") == 0


@KINDS
async def test_a_certificate_for_another_host_is_refused(
    running: Running,
    dispatcher_for: DispatcherFor,
    delivery: Deliveries,
    authority_of_another_host: Authority,
    security: str,
) -> None:
    sink = await running(tls=authority_of_another_host.server, implicit_tls=security == "tls")
    dispatcher = await dispatcher_for(sink, security=security, ca_file=authority_of_another_host.ca_file)

    (outcome,) = await dispatcher.send([delivery()])
    assert isinstance(outcome, Retry)
    assert "certificate is not trusted: IP address mismatch" in outcome.error


async def test_a_server_without_starttls_gets_no_mail_in_the_clear(
    sink: SmtpSink, dispatcher_for: DispatcherFor, delivery: Deliveries, authority: Authority
) -> None:
    dispatcher = await dispatcher_for(sink, security="starttls", ca_file=authority.ca_file)
    (outcome,) = await dispatcher.send([delivery()])
    assert isinstance(outcome, Retry)
    assert "STARTTLS" in outcome.error
    assert sink.count("MAIL") == 0


async def test_a_ca_file_that_is_missing_costs_no_mail_and_ping_says_so(
    sink: SmtpSink, dispatcher_for: DispatcherFor, delivery: Deliveries, tmp_path: Path
) -> None:
    dispatcher = await dispatcher_for(sink, security="starttls", ca_file=str(tmp_path / "missing.pem"))
    (outcome,) = await dispatcher.send([delivery()])
    assert isinstance(outcome, Retry)
    with pytest.raises(Unusable, match="ca_file"):
        await dispatcher.ping()


@KINDS
async def test_the_right_password_logs_in_once_for_each_connection(
    running: Running, dispatcher_for: DispatcherFor, delivery: Deliveries, authority: Authority, security: str
) -> None:
    sink = await running(tls=authority.server, implicit_tls=security == "tls", login=LOGIN)
    dispatcher = await dispatcher_for(
        sink, security=security, ca_file=authority.ca_file, username=LOGIN[0], password=LOGIN[1]
    )
    for number in range(3):
        assert isinstance((await dispatcher.send([delivery(id=number)]))[0], Sent)
    assert sink.count("AUTH") == 1
    await dispatcher.ping()


@KINDS
async def test_a_wrong_password_costs_no_mail_and_ping_says_so(
    running: Running, dispatcher_for: DispatcherFor, delivery: Deliveries, authority: Authority, security: str
) -> None:
    sink = await running(tls=authority.server, implicit_tls=security == "tls", login=LOGIN)
    dispatcher = await dispatcher_for(
        sink, security=security, ca_file=authority.ca_file, username=LOGIN[0], password="wrong secret"
    )
    (outcome,) = await dispatcher.send([delivery()])
    assert isinstance(outcome, Retry)
    assert "refused the login: 535" in outcome.error
    with pytest.raises(Unusable, match="refused the login: 535") as refusal:
        await dispatcher.ping()
    assert "secret" not in str(refusal.value)


async def test_a_server_that_asks_for_a_login_we_do_not_have_costs_no_mail(
    running: Running, dispatcher_for: DispatcherFor, delivery: Deliveries
) -> None:
    sink = await running(login=LOGIN)
    (outcome,) = await (await dispatcher_for(sink)).send([delivery()])
    assert outcome == Retry("MAIL: 530 5.7.0 Authentication required", provider="smtp")
