import asyncio

import pytest

from demo.arrival import Arrival
from demo.expectation import Expectation
from demo.ledger import Ledger, Slot

MAIL = Expectation("email", "1", "1042", "order.created", "customer")
TEXT = Expectation("sms", "1", "1042", "order.in_transit", "customer")
OTHER_TEXT = Expectation("sms", "1", "1042", "order.cancelled", "customer")


def arrival(expectation: Expectation, words: str = "On the way") -> Arrival:
    event = None if expectation.channel == "sms" else expectation.event
    return Arrival(expectation.channel, expectation.user_id, expectation.order, event, "", words, at=0.0)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_everything_that_came_once_is_good(ledger: Ledger) -> None:
    ledger.expect([MAIL, TEXT])
    ledger.saw(arrival(MAIL))
    ledger.saw(arrival(TEXT))
    verdict = ledger.verdict()
    assert verdict.good
    assert verdict.received == {"email": 1, "sms": 1, "webpush": 0, "websocket": 0}


def test_what_did_not_come_is_missing(ledger: Ledger) -> None:
    ledger.expect([MAIL, TEXT])
    ledger.saw(arrival(TEXT))
    assert ledger.verdict().missing == ("email to user 1 about order.created of order 1042",)
    assert not ledger.verdict().good


def test_what_came_to_someone_else_is_missing_and_not_expected_there(ledger: Ledger) -> None:
    ledger.expect([MAIL])
    ledger.saw(Arrival("email", "2", "1042", "order.created", "", "", at=0.0))
    verdict = ledger.verdict()
    assert len(verdict.missing) == 1
    assert verdict.unexpected == ("email to user 2 about order.created of order 1042",)


def test_what_came_about_another_order_is_missing(ledger: Ledger) -> None:
    ledger.expect([MAIL])
    ledger.saw(Arrival("email", "1", "1043", "order.created", "", "", at=0.0))
    assert len(ledger.verdict().missing) == 1


def test_what_came_twice_is_a_duplicate(ledger: Ledger) -> None:
    ledger.expect([MAIL])
    ledger.saw(arrival(MAIL))
    ledger.saw(arrival(MAIL))
    verdict = ledger.verdict()
    assert verdict.duplicates == ("email to user 1 about order.created of order 1042",)
    assert not verdict.missing
    assert not verdict.good


def test_a_text_that_came_twice_is_a_duplicate(ledger: Ledger) -> None:
    ledger.expect([TEXT, OTHER_TEXT])
    ledger.saw(arrival(TEXT))
    ledger.saw(arrival(TEXT))
    verdict = ledger.verdict()
    assert verdict.duplicates == ("sms to user 1 about order 1042",)
    assert verdict.missing == ("sms to user 1 about order 1042",)


def test_texts_about_one_order_are_told_apart_by_their_words(ledger: Ledger) -> None:
    ledger.expect([TEXT, OTHER_TEXT])
    ledger.saw(arrival(TEXT, "On the way"))
    ledger.saw(arrival(OTHER_TEXT, "Cancelled"))
    assert ledger.verdict().good


def test_what_nobody_asked_for_is_not_good(ledger: Ledger) -> None:
    ledger.saw(arrival(MAIL))
    verdict = ledger.verdict()
    assert verdict.unexpected == ("email to user 1 about order.created of order 1042",)
    assert not verdict.good
    assert verdict.notifications["nobody"] == 1


def test_a_notification_counts_once_however_many_channels_it_took(ledger: Ledger) -> None:
    push = Expectation("webpush", "1", "1042", "order.created", "customer")
    ledger.expect([MAIL, push])
    ledger.saw(arrival(MAIL))
    ledger.saw(arrival(push))
    expected = {"customer": 1, "vendor": 0, "driver": 0, "available_drivers": 0}
    assert ledger.verdict().notifications == expected


def test_a_message_may_come_before_it_is_expected(ledger: Ledger) -> None:
    ledger.saw(arrival(MAIL))
    ledger.expect([MAIL])
    assert ledger.outstanding == 0
    assert ledger.verdict().good


MAIL_SLOT = Slot("email", "1", "1042", "order.created")
TEXT_SLOT = Slot("sms", "1", "1042", None)


def test_what_a_newer_status_has_replaced_is_not_missing(ledger: Ledger) -> None:
    ledger.expect([MAIL, TEXT])
    ledger.excuse(MAIL_SLOT)
    ledger.saw(arrival(TEXT))
    assert ledger.verdict().good
    assert ledger.outstanding == 0


def test_an_excuse_is_for_one_message_and_not_for_the_next(ledger: Ledger) -> None:
    ledger.expect([TEXT, OTHER_TEXT])
    ledger.excuse(TEXT_SLOT)
    assert ledger.outstanding == 1
    assert ledger.verdict().missing == ("sms to user 1 about order 1042",)


def test_what_came_before_it_was_excused_is_as_good(ledger: Ledger) -> None:
    ledger.expect([MAIL])
    ledger.saw(arrival(MAIL))
    ledger.excuse(MAIL_SLOT)
    assert ledger.verdict().good


def test_what_comes_though_it_was_excused_is_not_expected(ledger: Ledger) -> None:
    ledger.expect([MAIL])
    ledger.excuse(MAIL_SLOT)
    ledger.saw(arrival(MAIL))
    assert ledger.verdict().unexpected == ("email to user 1 about order.created of order 1042",)


def test_what_came_twice_is_not_excused(ledger: Ledger) -> None:
    ledger.expect([MAIL])
    ledger.saw(arrival(MAIL))
    ledger.saw(arrival(MAIL))
    ledger.excuse(MAIL_SLOT)
    assert ledger.verdict().duplicates == ("email to user 1 about order.created of order 1042",)


async def test_completeness_waits_for_the_last_message(ledger: Ledger) -> None:
    ledger.expect([MAIL, TEXT])
    waiting = asyncio.ensure_future(ledger.complete(seconds=10))
    ledger.saw(arrival(MAIL))
    assert not await _done_soon(waiting)
    ledger.saw(arrival(TEXT))
    assert await waiting


async def test_completeness_gives_up_at_the_deadline(ledger: Ledger) -> None:
    ledger.expect([MAIL])
    assert not await ledger.complete(seconds=0.01)


async def test_a_duplicate_does_not_stand_in_for_what_is_missing(ledger: Ledger) -> None:
    ledger.expect([MAIL, TEXT])
    ledger.saw(arrival(MAIL))
    ledger.saw(arrival(MAIL))
    assert ledger.outstanding == 1
    assert not await ledger.complete(seconds=0.01)


async def test_quiet_begins_anew_with_each_arrival(ledger: Ledger) -> None:
    waiting = asyncio.ensure_future(ledger.quiet(seconds=0.6, at_most=10))
    loop = asyncio.get_running_loop()
    began = loop.time()
    loop.call_later(0.05, ledger.saw, arrival(MAIL))
    await waiting
    assert loop.time() - began >= 0.64


async def test_quiet_ends_in_the_end_though_messages_keep_coming(ledger: Ledger) -> None:
    loop = asyncio.get_running_loop()

    def keep_coming() -> None:
        ledger.saw(arrival(MAIL))
        if not waiting.done():
            loop.call_later(0.01, keep_coming)

    waiting = asyncio.ensure_future(ledger.quiet(seconds=60, at_most=0.1))
    loop.call_soon(keep_coming)
    await asyncio.wait_for(waiting, 30)


async def _done_soon(waiting: "asyncio.Future[bool]") -> bool:
    done, _ = await asyncio.wait({waiting}, timeout=0.02)
    return bool(done)
