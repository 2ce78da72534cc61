"""Mails that come back, to a real Maildir and over real sockets."""

from collections.abc import Callable

import pytest

from daemon.connections import Pool
from daemon.feedback.mail.references import Ours
from daemon.feedback.mail.taking import Taking
from daemon.feedback.record import Feedback
from dispatchers.email.returning import ReturnPaths
from tests.deliveries import delivery
from tests.integration.feedback.conftest import SECRET

ADDRESS = "bounces@shop.example"
ZOE = "zoe@example.com"

PathOf = Callable[..., str]
"""``path_of(id, address)`` -> the envelope sender that this mail had."""


@pytest.fixture
def return_paths() -> ReturnPaths:
    return ReturnPaths(ADDRESS, SECRET)


@pytest.fixture
def path_of(return_paths: ReturnPaths) -> PathOf:
    def path_of(id_: int, address: str = ZOE) -> str:
        return str(return_paths.of(delivery(id=id_, address=address)))

    return path_of


@pytest.fixture
def taking(pool: Pool, feedback: Feedback, return_paths: ReturnPaths) -> Taking:
    return Taking(pool, feedback, Ours(return_paths, "shop.example"))
