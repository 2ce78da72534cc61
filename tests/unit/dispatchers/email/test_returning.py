"""Return paths: which mail came back, and that nobody else can say so."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatchers.base import Delivery
from dispatchers.email.address import read_mailbox
from dispatchers.email.returning import ReturnPaths

Deliveries = Callable[..., Delivery]

SECRET = "a secret of at least thirty-two bytes"


@pytest.fixture(scope="module")
def paths() -> ReturnPaths:
    return ReturnPaths("Bounces@Shop.Example", SECRET)


@given(id_=st.integers(1, 2**63 - 1))
def test_a_return_path_names_the_delivery(paths: ReturnPaths, delivery: Deliveries, id_: int) -> None:
    path = str(paths.of(delivery(id=id_)))
    assert str(read_mailbox(path)) == path
    for seen in (path, path.lower(), path.upper(), f" {path} "):
        returned = paths.read(seen)
        assert returned is not None
        assert returned.delivery_id == id_
        assert paths.went_to(returned, "Zoe@Example.com")
        assert not paths.went_to(returned, "adam@example.com")


def test_a_token_is_short(paths: ReturnPaths, delivery: Deliveries) -> None:
    assert len(paths.of(delivery()).local_part) <= len("bounces+") + 24


@given(token=st.text("abcdefghijklmnopqrstuvwxyz234567", max_size=40))
def test_a_token_that_we_have_not_signed_names_nothing(paths: ReturnPaths, token: str) -> None:
    assert paths.read(f"bounces+{token}@shop.example") is None


@given(st.text(max_size=80))
def test_anything_may_be_read(paths: ReturnPaths, text: str) -> None:
    assert paths.read(text) is None
    assert paths.read(f"bounces+{text}@shop.example") is None


def test_a_token_of_another_secret_names_nothing(paths: ReturnPaths, delivery: Deliveries) -> None:
    other = ReturnPaths("bounces@shop.example", SECRET + "!")
    assert paths.read(str(other.of(delivery()))) is None


def test_a_token_at_another_mailbox_names_nothing(paths: ReturnPaths, delivery: Deliveries) -> None:
    path = str(paths.of(delivery())).lower()
    assert paths.read(path.replace("bounces+", "returns+")) is None
    assert paths.read(path.replace("shop.example", "shop.test")) is None


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("bounces@shop.example", True),
        ("BOUNCES@SHOP.EXAMPLE", True),
        ("bounces+anything@shop.example", True),
        ("bounces-x@shop.example", False),
        ("hello@shop.example", False),
        ("bounces@elsewhere.example", False),
        ("bounces@shop.example@elsewhere.example", False),
        ("", False),
        ("bounces", False),
    ],
)
def test_the_mailbox_is_this_one_with_any_token(paths: ReturnPaths, address: str, taken: bool) -> None:  # noqa: FBT001 - a column
    assert paths.takes(address) is taken


def test_without_a_secret_all_mails_come_back_to_one_address(delivery: Deliveries) -> None:
    paths = ReturnPaths("bounces@shop.example", None)
    assert str(paths.of(delivery())) == "bounces@shop.example"
    assert paths.read("bounces@shop.example") is None


def test_a_mailbox_without_room_for_a_token_is_named_by_its_key() -> None:
    with pytest.raises(ValueError, match=r"^email\.bounces\.address: has more than 31 octets"):
        ReturnPaths(f"{'b' * 40}@shop.example", SECRET)
