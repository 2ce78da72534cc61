"""What counts as an address, and how it goes on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatchers.email.address import BadAddress, Mailbox, read_mailbox


@pytest.mark.parametrize(
    ("given_as", "on_the_wire"),
    [
        ("zoe@example.com", "zoe@example.com"),
        ("  zoe@Example.COM ", "zoe@example.com"),
        ("Zoe.Miller+shop@mail.example.com", "Zoe.Miller+shop@mail.example.com"),
        ("zoe@localhost", "zoe@localhost"),
        ('"zoe miller"@example.com', '"zoe miller"@example.com'),
        ("zoe@bücher.example", "zoe@xn--bcher-kva.example"),
        ("zoe@straße.example", "zoe@xn--strae-oqa.example"),
        ("zoë@example.com", "zoë@example.com"),
        ("почта@пример.example", "почта@xn--e1afmkfd.example"),
    ],
)
def test_an_address_is_kept_and_its_domain_becomes_ascii(given_as: str, on_the_wire: str) -> None:
    assert str(read_mailbox(given_as)) == on_the_wire


@pytest.mark.parametrize(
    "not_an_address",
    [
        "",
        "zoe",
        "@example.com",
        "zoe@",
        "zoe@@example.com",
        "zoe miller@example.com",
        "zoe..miller@example.com",
        ".zoe@example.com",
        "zoe@exa mple.com",
        "zoe@-example.com",
        "zoe@example..com",
        "zoe@example.com>\r\nRCPT TO:<eve@example.com",
        "zoe\r\nBcc: eve@example.com",
        "zoe\x00@example.com",
        "zo\u200be@example.com",
        "zo\ud800e@example.com",
        "Zoe <zoe@example.com>",
        "a" * 65 + "@example.com",
        "zoe@" + "a" * 64 + ".com",
        "zoe@" + "a." * 127 + "com",
        "zoe@xn--a.\u0378",
        "zoe@[127.0.0.1]",
    ],
)
def test_what_is_not_an_address_is_refused_with_a_reason_that_does_not_repeat_it(not_an_address: str) -> None:
    with pytest.raises(BadAddress, match=r"^the address ") as refusal:
        read_mailbox(not_an_address)
    assert "zoe" not in str(refusal.value)


def test_only_what_stands_before_the_at_sign_can_need_smtputf8() -> None:
    assert Mailbox("zoë", "example.com").needs_smtputf8
    assert not read_mailbox("zoe@bücher.example").needs_smtputf8


@given(st.text())
def test_any_text_is_either_a_mailbox_that_is_safe_in_a_command_or_refused(text: str) -> None:
    try:
        on_the_wire = str(read_mailbox(text))
    except BadAddress:
        return
    assert on_the_wire.isprintable()
    assert not set(on_the_wire.rpartition("@")[2]) & set('<> "')
