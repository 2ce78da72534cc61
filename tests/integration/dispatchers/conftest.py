"""A clock that stands still until it is told to go on."""

from datetime import UTC, datetime

import pytest

from tests.clocks import Hands

BEGAN = datetime.now(UTC)


@pytest.fixture
def hands() -> Hands:
    return Hands(BEGAN)
