"""The classes of what providers answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatchers.metrics import code_class


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", "none"),
        ("250 2.0.0", "2xx"),
        ("550 5.1.1", "5xx"),
        ("421", "4xx"),
        ("201", "2xx"),
        ("21610", "21xxx"),
        ("30007", "30xxx"),
        ("7", "other"),
        ("216100", "other"),
    ],
)
def test_codes_are_told_apart_by_their_class(code: str, expected: str) -> None:
    assert code_class(code) == expected


@given(st.text())
def test_no_answer_makes_a_class_of_its_own(code: str) -> None:
    said = code_class(code)
    assert said in {"none", "other"} or said.rstrip("x").isdigit()
