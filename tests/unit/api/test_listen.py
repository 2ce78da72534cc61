import pytest

from daemon.api.listen import ListenError, listen


def test_a_taken_port_is_one_clear_error_that_names_the_setting() -> None:
    with listen("127.0.0.1", 0, setting="http.port") as first:
        port = first.getsockname()[1]
        with pytest.raises(ListenError, match=rf"http\.port: cannot listen on 127\.0\.0\.1 port {port}: .*in use"):
            listen("127.0.0.1", port, setting="http.port")


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    with pytest.raises(ListenError, match=r"metrics\.port: cannot listen on 192\.0\.2\.1"):
        listen("192.0.2.1", 0, setting="metrics.port")


def test_an_ipv6_address_can_be_listened_on() -> None:
    with listen("::1", 0, setting="http.port") as listener:
        assert listener.getsockname()[0] == "::1"
