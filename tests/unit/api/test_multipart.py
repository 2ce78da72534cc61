"""Forms in parts, as mail programs post them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.api.multipart import fields_of

ONE_CLICK = (
    b"------WebKitFormBoundaryx\r\n"
    b'Content-Disposition: form-data; name="List-Unsubscribe"\r\n'
    b"\r\n"
    b"One-Click\r\n"
    b"------WebKitFormBoundaryx--\r\n"
)
TYPE = "multipart/form-data; boundary=----WebKitFormBoundaryx"


def test_a_field_is_read() -> None:
    assert fields_of(TYPE, ONE_CLICK) == [("List-Unsubscribe", "One-Click")]


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="----WebKitFormBoundaryx"',
        "multipart/form-data; charset=utf-8; Boundary=----WebKitFormBoundaryx",
        "Multipart/Form-Data;boundary=----WebKitFormBoundaryx; charset=utf-8",
    ],
)
def test_the_boundary_may_be_given_in_many_ways(content_type: str) -> None:
    assert fields_of(content_type, b"a preamble\r\n" + ONE_CLICK + b"an epilogue") is not None


def test_fields_keep_their_order_and_may_be_described_further() -> None:
    more = (
        b"------WebKitFormBoundaryx\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"content-disposition: form-data; name=choice\r\n\r\nall\r\n"
    )
    assert fields_of(TYPE, more + ONE_CLICK) == [("choice", "all"), ("List-Unsubscribe", "One-Click")]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", ONE_CLICK),
        ("multipart/form-data; boundary=", ONE_CLICK),
        ("multipart/form-data; boundary=other", ONE_CLICK),
        (TYPE, b""),
        (TYPE, ONE_CLICK.removesuffix(b"--\r\n")),
        (TYPE, ONE_CLICK.replace(b"name=", b"nome=")),
        (TYPE, b"------WebKitFormBoundaryx\r\n" * 1000 + ONE_CLICK),
    ],
)
def test_anything_else_is_no_form(content_type: str, body: bytes) -> None:
    assert fields_of(content_type, body) is None


@given(st.text(max_size=100), st.binary(max_size=200))
def test_nothing_makes_it_raise(content_type: str, body: bytes) -> None:
    fields_of(f"multipart/form-data; boundary={content_type}", body)
    fields_of(TYPE, ONE_CLICK[:60] + body + ONE_CLICK[60:])
