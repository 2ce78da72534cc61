"""A page in parts that fit into memory."""

from collections.abc import Sequence

from daemon.replay.portions import Portion, portions

Told = dict[str, Sequence[str]]


def told(*users: str) -> Told:
    return {"customer": users}


def test_what_fits_is_one_portion() -> None:
    before, after = [told("a"), told("b")], [told("a"), told()]
    assert list(portions(before, after, 5)) == [Portion(0, (before, after))]


def test_the_larger_side_says_how_many_fit() -> None:
    before: list[Told] = [told(), told(), told()]
    after = [told("a", "b"), told("c", "d"), told("e")]
    assert [(each.first, each.count) for each in portions(before, after, 4)] == [(0, 2), (2, 1)]


def test_a_broadcast_has_the_same_people_of_both_sides_in_each_portion() -> None:
    before, after = told("a", "b", "c"), told("c", "d", "a", "a")
    first, *others = portions([before], [after], 2)
    assert (first.audiences, first.mentioned) == (([{}], [{}]), (None, None))
    assert [each.audiences for each in others] == [
        ([{"customer": ["a", "b"]}], [{"customer": ["a"]}]),
        ([{"customer": ["c"]}], [{"customer": ["c", "d"]}]),
    ]
    assert {each.mentioned[1]["customer"][0] for each in others if each.mentioned[1]} == {"c"}


def test_events_around_a_broadcast_keep_their_order() -> None:
    many = told(*"abcde")
    made = list(portions([told("a"), many, told("b")], [told("a"), many, told("b")], 3))
    assert [each.first for each in made] == [0, 1, 1, 1, 2]
