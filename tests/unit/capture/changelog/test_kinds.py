"""The JSON of a value's text; that it is PostgreSQL's own is seen in tests/integration/capture."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.capture.changelog.kinds import TEXT, Form, Kind, json_text, kind_of, kinds_of

BOOLEAN, NUMBER, MOMENT, JSON = Kind(Form.BOOLEAN), Kind(Form.NUMBER), Kind(Form.MOMENT), Kind(Form.JSON)


def array(element: Kind, delimiter: str = ",") -> Kind:
    return Kind(Form.ARRAY, element, delimiter)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (BOOLEAN, "t", "true"),
        (BOOLEAN, "f", "false"),
        (NUMBER, "12.50", "12.50"),
        (NUMBER, "-1e-05", "-1e-05"),
        (NUMBER, "NaN", '"NaN"'),
        (NUMBER, "-Infinity", '"-Infinity"'),
        (MOMENT, "2024-02-29", '"2024-02-29"'),
        (MOMENT, "0044-03-15 BC", '"0044-03-15 BC"'),
        (MOMENT, "-infinity", '"-infinity"'),
        (MOMENT, "2024-02-29 12:34:56", '"2024-02-29T12:34:56"'),
        (MOMENT, "2024-02-29 12:34:56.7+00", '"2024-02-29T12:34:56.7+00:00"'),
        (MOMENT, "2024-02-29 12:34:56+05:30", '"2024-02-29T12:34:56+05:30"'),
        (MOMENT, "0044-03-15 01:02:03-11 BC", '"0044-03-15T01:02:03-11:00 BC"'),
        (JSON, '{"a":  1}', '{"a":  1}'),
        (TEXT, 'é"\\\n\x01\x7f\N{BELL}', '"é\\"\\\\\\n\\u0001\x7f\N{BELL}"'),
        (Kind(Form.RECORD), "(a,)", '"(a,)"'),
        (Kind(Form.RECORD), "(,,)", "null"),
        (Kind(Form.VECTOR, NUMBER), "1 2", "[1,2]"),
        (Kind(Form.VECTOR, TEXT), "", "[]"),
        (array(NUMBER), "{}", "[]"),
        (array(NUMBER), "{{1,NULL},{NaN,4}}", '[[1,null],["NaN",4]]'),
        (array(NUMBER), "[0:1][-1:0]={{1,2},{3,4}}", "[[1,2],[3,4]]"),
        (array(TEXT), '{a b,"NULL",NULL,"","x,\\"\\\\{}"}', '["a b","NULL",null,"","x,\\"\\\\{}"]'),
        (array(TEXT, ";"), "{(1,2),(0,0);(3,4),(1,1)}", '["(1,2),(0,0)","(3,4),(1,1)"]'),
        (array(Kind(Form.VECTOR, NUMBER)), '{"1 2","3"}', "[[1,2],[3]]"),
        (array(TEXT), "not one", '"not one"'),
    ],
)
def test_a_value(kind: Kind, text: str, expected: str) -> None:
    assert json_text(kind, text) == expected


Nested = list["str | Nested | None"]

ELEMENT = st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10)


@given(st.lists(ELEMENT, min_size=1, max_size=5) | st.lists(st.lists(ELEMENT, min_size=2, max_size=2), min_size=1))
def test_any_array_of_text_comes_back(elements: Nested) -> None:
    assert json.loads(json_text(array(TEXT), written(elements))) == elements


def written(element: "str | Nested | None") -> str:
    """As ``array_out`` writes: in quotes where it must be."""
    match element:
        case None:
            return "NULL"
        case list():
            return f"{{{','.join(map(written, element))}}}"
        case _:
            special = element == "" or element.upper() == "NULL" or any(c in '{}",\\ \t\n\r\v\f' for c in element)
            escaped = element.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"' if special else element


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(text: str) -> None:
    assert json.loads(json_text(TEXT, text)) == text


def test_a_type_is_of_the_kind_that_it_stands_on() -> None:
    found = [
        (20, 20, None, None),
        (20001, 1184, None, None),
        (20002, 25, None, None),
        (20003, 1009, 25, ","),
        (1007, 1007, 23, ","),
        (20004, 2249, None, None),
        (1006, 1006, 22, ","),
    ]
    assert kinds_of([row[0] for row in found], found) == {
        20: NUMBER,
        20001: MOMENT,
        20002: TEXT,
        20003: array(TEXT),
        1007: array(NUMBER),
        20004: Kind(Form.RECORD),
        1006: array(Kind(Form.VECTOR, NUMBER)),
    }
    assert kind_of(20001, found) == MOMENT


def test_a_type_that_is_gone_is_text() -> None:
    assert kinds_of([30000], []) == {30000: TEXT}
