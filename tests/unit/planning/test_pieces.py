"""A broadcast is planned some people at a time, and everybody is told once."""

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.planning.catalogue import Catalogue
from daemon.planning.known import Known
from daemon.planning.pieces import Piece, pieces
from daemon.planning.plan import plan
from daemon.planning.policy import Policy
from tests.unit.planning.shop import NOON, event, person, rule

USERS = st.lists(st.integers(0, 30).map(str), max_size=25)
BATCH = st.lists(st.dictionaries(st.sampled_from(["customer", "drivers", "admins"]), USERS), max_size=6)


def cut(told: list[dict[str, list[str]]], people: int) -> list[Piece]:
    return list(pieces([event(key=str(n)) for n in range(len(told))], told, people))


@given(BATCH, st.integers(1, 12))
def test_everybody_is_in_exactly_one_piece(told: list[dict[str, list[str]]], people: int) -> None:
    expected = {
        (n, name, user) for n, of_event in enumerate(told) for name, users in of_event.items() for user in users
    }
    found = Counter(
        (int(of.key), name, user)
        for piece in cut(told, people)
        for of, named in zip(piece.events, piece.audiences, strict=True)
        for name, users in named.items()
        for user in set(users)
    )
    assert set(found) == expected
    assert set(found.values()) <= {1}


@given(BATCH, st.integers(1, 12))
def test_each_event_begins_once_and_in_order(told: list[dict[str, list[str]]], people: int) -> None:
    begun = [of.key for piece in cut(told, people) if piece.mentioned is None for of in piece.events]
    assert begun == [str(n) for n in range(len(told))]


@given(BATCH, st.integers(1, 12))
def test_a_piece_goes_on_only_with_the_event_just_before_it(told: list[dict[str, list[str]]], people: int) -> None:
    before = None
    for piece in cut(told, people):
        if piece.mentioned is not None:
            assert [piece.events[0].key] == [before]
        before = piece.events[-1].key


@given(BATCH, st.integers(1, 12))
def test_no_piece_has_many_more_people_than_it_may(told: list[dict[str, list[str]]], people: int) -> None:
    for piece in cut(told, people):
        largest = sum(len(users) for of in piece.audiences for users in of.values())
        assert largest <= max(people, 3), "at least one of each audience, of three"


@given(BATCH, st.integers(1, 12))
def test_a_piece_knows_its_place_in_the_batch(told: list[dict[str, list[str]]], people: int) -> None:
    for piece in cut(told, people):
        assert [of.key for of in piece.events] == [str(piece.first + n) for n in range(len(piece.events))]


WORDS = {
    "fallback": {"title": "t", "body": "b"},
    "order.ready": {"drivers": {"title": "From {{ vendor.name }}", "body": "b"}},
}


def test_later_pieces_name_whom_the_words_mention() -> None:
    by = Policy.of(
        [rule("ready", "drivers", channels=["inbox"])], Catalogue({"en": WORDS}, "en"), (), timedelta(days=1)
    )
    drivers = [str(n) for n in range(7)]
    told = [{"drivers": drivers, "vendor": ["v"]}]
    people = {user: person(user) for user in [*drivers, "v"]}
    plans = [
        plan(piece.events, piece.audiences, Known(people), by, NOON, piece.mentioned)
        for piece in pieces([event()], told, 3)
    ]
    assert len(plans) > 2
    assert {message.words.title for made in plans for message in made.messages} == {"From Person v"}
    assert [n.person.user_id for made in plans for n in made.notifications] == drivers


def test_what_is_not_told_again_is_not_withdrawn_again() -> None:
    """Only the piece that begins an event takes back what the event withdraws."""
    offer = rule("created", "drivers", withdraw_on=["order.ready"])
    by = Policy.of([offer, rule("ready", "drivers")], Catalogue({"en": WORDS}, "en"), (), timedelta(days=1))
    told = [{"drivers": [str(n) for n in range(7)]}]
    withdrawals = [
        len(plan(piece.events, piece.audiences, Known(), by, NOON, piece.mentioned).withdrawals)
        for piece in pieces([event()], told, 3)
    ]
    assert withdrawals == [1, 0, 0]
