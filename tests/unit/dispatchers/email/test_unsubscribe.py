"""Links that end mails: what they carry, and that nobody else can make one."""

from base64 import urlsafe_b64decode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.names import Category
from dispatchers.base import Delivery
from dispatchers.email.unsubscribe import BadToken, Links, Subscription

Deliveries = Callable[..., Delivery]

SECRET = "a secret of at least thirty-two bytes"
URL = "https://notify.shop.example"
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=100)


@pytest.fixture(scope="module")
def links() -> Links:
    return Links(URL, SECRET)


def token_of(link: str | None) -> str:
    assert link is not None
    return link.removeprefix(f"{URL}/unsubscribe/")


def test_a_token_says_what_it_ends(links: Links, delivery: Deliveries) -> None:
    token = token_of(links.of(delivery()))
    assert links.read(token) == Subscription("u1", "zoe@example.com", Category.ORDER)
    assert len(token) < 70


@given(user=TEXT, address=TEXT, category=st.sampled_from(sorted(set(Category) - {"security", "verification"})))
def test_whatever_it_is_about_comes_back(
    links: Links, delivery: Deliveries, user: str, address: str, category: Category
) -> None:
    link = links.of(delivery(user_id=user, address=address, category=category))
    if link is not None:
        assert links.read(token_of(link)) == Subscription(user, address.strip(), category)
        assert link.isascii()
        assert link.isprintable()
        assert " " not in link


@given(st.one_of(st.text(max_size=200), st.from_regex(r"[A-Za-z0-9_-]{20,200}", fullmatch=True)))
def test_anything_else_is_no_token(links: Links, text: str) -> None:
    with pytest.raises(BadToken):
        links.read(text)


def test_no_character_of_a_token_can_be_changed(links: Links, delivery: Deliveries) -> None:
    token = token_of(links.of(delivery()))
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for position in range(len(token)):
        changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        if urlsafe_b64decode(changed + "=" * (-len(token) % 4)) == raw:
            continue  # the bits beyond the last byte
        with pytest.raises(BadToken):
            links.read(changed)


def test_a_token_of_another_secret_is_none(links: Links, delivery: Deliveries) -> None:
    with pytest.raises(BadToken):
        links.read(token_of(Links(URL, SECRET + "!").of(delivery())))


@pytest.mark.parametrize(("url", "secret"), [("", SECRET), (URL, None), ("", None)])
def test_without_a_public_url_or_a_secret_there_are_no_links(
    links: Links, delivery: Deliveries, url: str, secret: str | None
) -> None:
    none = Links(url, secret)
    assert none.of(delivery()) is None
    with pytest.raises(BadToken):
        none.read(token_of(links.of(delivery())))


@pytest.mark.parametrize(
    "changes",
    [{"category": Category.SECURITY}, {"category": Category.VERIFICATION}, {"critical": True}, {"user_id": ""}],
)
def test_what_people_must_be_told_has_no_link(links: Links, delivery: Deliveries, changes: dict[str, object]) -> None:
    assert links.of(delivery(**changes)) is None


def test_a_link_that_fits_no_line_of_a_mail_is_left_out(links: Links, delivery: Deliveries) -> None:
    assert links.of(delivery(user_id="u" * 1000)) is None
