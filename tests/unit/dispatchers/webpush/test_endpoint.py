"""Which endpoints may be pushed to."""

import socket
from ipaddress import ip_address

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from dispatchers.webpush.endpoint import BadEndpoint, NotPublic, PublicResolver, check, is_public

PUBLIC = ["8.8.8.8", "142.250.185.74", "2a00:1450:4001:82a::200a", "64:ff9b::8.8.8.8"]
NOT_PUBLIC = [
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # cloud metadata
    "100.64.0.1",  # carrier-grade NAT
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "2002:7f00:1::",  # 6to4
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_host_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_everything_else_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("url", ["https://fcm.googleapis.com/fcm/send/abc", "https://push.example:8443/x?y=z"])
def test_an_https_endpoint_passes(url: str) -> None:
    assert str(check(url, allow_private=False)) == url


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused_in_the_url_too(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(BadEndpoint, match="public address"):
        check(f"https://{host}/push", allow_private=False)


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1.", "1.2.3.4.5", "8.8.8.08"],
)
def test_an_address_in_an_old_spelling_is_refused(host: str) -> None:
    with pytest.raises(BadEndpoint):
        check(f"https://{host}/push", allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example/x",
        "ftp://push.example/x",
        "file:///etc/passwd",
        "//push.example/x",
        "push.example",
        "",
        "https://",
        "https:///x",
        "https://user@push.example/x",
        "https://user:secret@push.example/x",
        "https://:secret@push.example/x",
        "https://push.example:99999/x",
        "https://[::1/x",
        "https://][x@",
        "https://push.example/" + "x" * 2048,
    ],
)
def test_what_is_no_plain_https_url_is_refused(url: str) -> None:
    with pytest.raises(BadEndpoint):
        check(url, allow_private=False)


def test_a_refusal_does_not_repeat_the_url() -> None:
    with pytest.raises(BadEndpoint) as refused:
        check("https://user:secret@push.example/token", allow_private=False)
    assert "secret" not in str(refused.value)
    assert "token" not in str(refused.value)


def test_the_demo_may_push_to_itself() -> None:
    check("http://127.0.0.1:9000/push/x", allow_private=True)
    check("http://[::1]:9000/push/x", allow_private=True)


class Answers(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        self.closed = True


async def test_a_resolver_keeps_the_public_addresses_only() -> None:
    resolver = PublicResolver(Answers("10.0.0.1", "8.8.8.8", "fe80::1%eth0", "::1"))
    assert [found["host"] for found in await resolver.resolve("push.example", 443)] == ["8.8.8.8"]


async def test_a_name_without_a_public_address_is_an_error_of_its_own() -> None:
    with pytest.raises(NotPublic):
        await PublicResolver(Answers("10.0.0.1", "127.0.0.1")).resolve("push.example", 443)


async def test_a_name_that_resolves_to_nonsense_is_not_public() -> None:
    with pytest.raises(NotPublic):
        await PublicResolver(Answers("localhost")).resolve("push.example", 443)


async def test_closing_closes_the_resolver_inside() -> None:
    inner = Answers()
    await PublicResolver(inner).close()
    assert inner.closed
