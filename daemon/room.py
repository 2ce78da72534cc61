"""The seam between the planner and the delivery workers of the same node."""

from collections.abc import Sequence
from typing import Protocol

from dispatchers.base import Delivery


class Room(Protocol):
    """The delivery workers, as the planner sees them."""

    def reserve(self, channel: str, wanted: int) -> int:
        """How many of ``wanted`` deliveries may be born leased; the room is taken until released or accepted."""

    def release(self, channel: str, count: int) -> None:
        """Give room back: the plan was not committed."""

    def accept(self, deliveries: Sequence[Delivery]) -> None:
        """The plan is committed: these are leased to this node. Any that found no room wait in the database."""
