import pytest
from websockets.datastructures import Headers

from dispatchers.websocket.upgrade import refusal


def asked(path: str = "/ws", origins: tuple[str, ...] = (), **headers: str) -> int | None:
    refused = refusal(path, Headers(headers), origins)
    return None if refused is None else refused[0].value


@pytest.mark.parametrize("path", ["/", "/ws/", "/wss", "/api", "/?/ws"])
def test_there_is_one_path(path: str) -> None:
    assert asked(path) == 404


def test_a_query_is_ignored() -> None:
    assert asked("/ws?x=1") is None


def test_what_is_no_browser_needs_no_origin() -> None:
    assert asked(Host="orders.example") is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://orders.example", "orders.example"),
        ("https://orders.example", "orders.example:443"),
        ("http://orders.example", "orders.example:80"),
        ("https://Orders.Example", "orders.example"),
        ("http://localhost:8480", "localhost:8480"),
        ("http://[::1]:8480", "[::1]:8480"),
    ],
)
def test_a_page_of_the_same_host_may_always_come(origin: str, host: str) -> None:
    assert asked(Origin=origin, Host=host) is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "orders.example"),
        ("https://orders.example.evil.example", "orders.example"),
        ("http://orders.example:8080", "orders.example"),
        ("null", "null"),
        ("", ""),
        ("https://[", "["),
        ("https://orders.example:x", "orders.example:x"),
        ("file://orders.example", "orders.example"),
    ],
)
def test_any_other_page_may_not(origin: str, host: str) -> None:
    assert asked(Origin=origin, Host=host) == 403


def test_a_page_without_a_host_to_compare_may_not_come() -> None:
    assert asked(Origin="https://orders.example") == 403


def test_configured_origins_may_come_as_they_are_written_or_in_other_case() -> None:
    origins = ("https://shop.example/",)
    assert asked(origins=origins, Origin="https://shop.example", Host="orders.example") is None
    assert asked(origins=origins, Origin="https://SHOP.example", Host="orders.example") is None
    assert asked(origins=origins, Origin="http://shop.example", Host="orders.example") == 403


def test_a_star_lets_every_page_in() -> None:
    assert asked(origins=("*",), Origin="null", Host="orders.example") is None


def test_two_origins_are_a_bad_request() -> None:
    headers = Headers([("Origin", "https://a.example"), ("Origin", "https://b.example")])
    refused = refusal("/ws", headers, ("*",))
    assert refused is not None
    assert refused[0] == 400
