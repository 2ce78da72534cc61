from http import HTTPStatus

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from dispatchers.websocket.deflate import EXTENSIONS
from dispatchers.websocket.upgrade import accept, read, refusal, refuse, token_of


def asked(path: str = "/ws", origins: tuple[str, ...] = (), cookie: str | None = None, **headers: str) -> int | None:
    refused = refusal(path, Headers(headers), origins, cookie)
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


@pytest.mark.parametrize(
    "query",
    [
        "token=t",
        "x=1&token=t",
        "TOKEN=t",
        "token",
        "tok%65n=t",
        "access_token=t",
        "jwt=t",
        "Authorization=t",
        "bearer=t",
        "auth=t",
        "a=1;token=t",
        "t=eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
        "a=1;t=Bearer%20eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
        "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    ],
)
def test_a_token_in_the_url_is_refused(query: str) -> None:
    assert asked(f"/ws?{query}") == 400


def test_two_authorizations_are_a_bad_request() -> None:
    headers = Headers([("Authorization", "Bearer a"), ("Authorization", "Bearer b")])
    refused = refusal("/ws", headers, ())
    assert refused is not None
    assert refused[0] == 400


SHOP = ("https://shop.example",)


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, None),
        ({"Authorization": "Bearer t"}, "t"),
        ({"Authorization": "bearer  t "}, "t"),
        ({"Authorization": "Bearer"}, None),
        ({"Authorization": "Bearer "}, None),
        ({"Authorization": "Basic dTpw"}, None),
        ({"Cookie": "session=t"}, None),
        ({"Cookie": "session=t", "Origin": "https://shop.example"}, "t"),
        ({"Cookie": 'a=b; session="t" ;c', "Origin": "https://shop.example"}, "t"),
        ({"Cookie": "session=t", "Origin": "https://here.example", "Host": "here.example"}, "t"),
        ({"Cookie": "session=t", "Origin": "https://evil.example"}, None),
        ({"Cookie": "session=", "Origin": "https://shop.example"}, None),
        ({"Cookie": "other=t; xsession=t", "Origin": "https://shop.example"}, None),
        ({"Cookie": "session=t; session=u", "Origin": "https://shop.example"}, None),
        ({"Cookie": "session=c", "Authorization": "Bearer t", "Origin": "https://shop.example"}, "t"),
    ],
)
def test_a_request_carries_a_token_in_a_header_or_in_the_cookie_of_a_known_page(
    headers: dict[str, str], token: str | None
) -> None:
    assert token_of(Headers(headers), SHOP, "session") == token


def test_a_cookie_counts_only_where_it_is_configured() -> None:
    assert token_of(Headers({"Cookie": "session=t", "Origin": "https://shop.example"}), SHOP) is None


@pytest.mark.parametrize("origins", [("*",), ("*", "https://shop.example")])
def test_a_star_lets_a_page_in_but_not_with_the_cookie(origins: tuple[str, ...]) -> None:
    headers = {"Cookie": "session=t", "Origin": "https://evil.example"}
    assert asked(origins=origins, cookie="session", **headers) is None
    assert token_of(Headers(headers), origins, "session") is None


def test_a_cookie_without_an_origin_or_with_a_wrong_one_is_refused() -> None:
    assert asked(cookie="session", Cookie="session=t") == 403
    assert asked(cookie="session", Cookie="session=t", Origin="https://evil.example", Host="here.example") == 403
    assert asked(cookie="session", Cookie="other=t") is None
    assert asked(cookie="session", Cookie="session=t", Authorization="Bearer t") is None


GOOD = {
    "host": "orders.example",
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def request(first: str = "GET /ws HTTP/1.1", **changed: str | None) -> bytes:
    headers = GOOD | {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [first, *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join((*lines, "", "")).encode("iso-8859-1")


def by_the_library(data: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers of what it answers, but for the date."""
    library = ServerProtocol()
    library.receive_data(data)
    for event in library.events_received():
        if isinstance(event, Request):
            library.send_response(library.accept(event))
    return answered(b"".join(library.data_to_send()))


def answered(data: bytes) -> tuple[int, dict[str, str]]:
    head, *lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    headers.pop("date", None)
    return (int(head.split(" ")[1]) if head else 0), headers


@pytest.mark.parametrize(
    "data",
    [
        request(),
        request(connection="keep-alive, Upgrade", origin="https://orders.example", cookie="a=b; c=d"),
        request(connection="keep-alive,upgrade"),
        request(upgrade="WebSocket"),
        request(user_agent="caf\xe9"),
        request(sec_websocket_key="x"),
        request(sec_websocket_key="dGhlIHNhbXBsZSBub25jZR=="),
        request(sec_websocket_key=None),
        request(sec_websocket_version="8"),
        request(sec_websocket_version=None),
        request(sec_websocket_protocol="a, b"),
        request(sec_websocket_protocol="\x7f"),
        request(sec_websocket_extensions="permessage-deflate"),
        request(connection="close"),
        request(upgrade="websocket, h2c"),
        request(content_length="0"),
        request(content_length="5"),
        request(transfer_encoding="chunked"),
        request("POST /ws HTTP/1.1"),
        request("GET /ws HTTP/1.0"),
        request("GET /w\xe9 HTTP/1.1"),
        request("GET  HTTP/1.1"),
        request(host="a\r\n b"),
        request(host="a\nb: c"),
        request(host="a\x00b"),
        request(x="y" * 9_000),
        request(**{f"x_{number}": "y" for number in range(200)}),
        request()[:-4] + b"\r\nSec-WebSocket-Version: 13\r\n\r\n",
        request()[:-4] + b"\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    ],
)
def test_every_request_is_answered_as_the_library_would(data: bytes) -> None:
    found = read(data)
    answer = accept(found) if isinstance(found, Request) else found
    assert answered(answer.data) == by_the_library(data)
    assert answer.status == by_the_library(data)[0]
    assert not answer.extensions


@pytest.mark.parametrize(
    "data", [request(), request("GET /ws?a=b HTTP/1.1", x=" y "), request(x="caf\xe9"), request(x="")]
)
def test_a_request_reads_as_the_library_reads_it(data: bytes) -> None:
    library = ServerProtocol()
    library.receive_data(data)
    [wanted] = library.events_received()
    assert read(data) == wanted


def test_compression_is_agreed_on_where_it_is_allowed() -> None:
    found = read(request(sec_websocket_extensions="permessage-deflate; client_max_window_bits"))
    assert isinstance(found, Request)
    assert [each.name for each in accept(found, EXTENSIONS).extensions] == ["permessage-deflate"]
    assert not accept(found).extensions


def test_a_refusal_says_why() -> None:
    answer = refuse(HTTPStatus.NOT_FOUND, "There is none.\n")
    assert answer.status == 404
    assert answer.data.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert answer.data.endswith(b"\r\n\r\nThere is none.\n")
