"""The lines that begin a request: what an endpoint brings along stays in its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from dispatchers.webpush import endpoint
from dispatchers.webpush.wire import head_of

LINES = ["POST", "Host:", "Accept:", "Accept-Encoding:", "User-Agent:"]


@pytest.mark.parametrize(
    ("url", "request_line", "host"),
    [
        ("https://push.example/abc?d=e", "POST /abc?d=e HTTP/1.1", "push.example"),
        ("https://push.example", "POST / HTTP/1.1", "push.example"),
        ("https://push.example:443/a", "POST /a HTTP/1.1", "push.example"),
        ("https://push.example:8443/a#b", "POST /a HTTP/1.1", "push.example:8443"),
        ("https://[2a00:1450::1]:8443/a", "POST /a HTTP/1.1", "[2a00:1450::1]:8443"),
        ("https://bücher.example/ü ü", "POST /%C3%BC%20%C3%BC HTTP/1.1", "xn--bcher-kva.example"),
    ],
)
def test_the_request_names_the_path_and_the_host(url: str, request_line: str, host: str) -> None:
    assert head_of(URL(url)).split("\r\n")[:2] == [request_line, f"Host: {host}"]


@pytest.mark.parametrize("breaks", ["\r\n", "\n", "\r", "%0d%0a", "\x00", "\x85", "\u2028", " HTTP/1.1\r\nX: "])
@pytest.mark.parametrize("place", ["https://push.example/{}", "https://push.example/?{}", "https://push.{}/a"])
def test_an_endpoint_adds_no_line(place: str, breaks: str) -> None:
    begins_no_other_line(place.format(f"a{breaks}X-Injected: b"))


@given(st.text(max_size=60))
def test_no_endpoint_adds_a_line(text: str) -> None:
    begins_no_other_line(f"https://push.example/{text}")


def begins_no_other_line(url: str) -> None:
    try:
        found = endpoint.check(url, allow_private=False)
    except endpoint.BadEndpoint:
        return
    lines = head_of(found).encode("ascii").decode().splitlines()
    assert [line.partition(" ")[0] for line in lines] == LINES
    assert lines[0].count(" ") == 2
