"""The seam between the planner and those who look on live: what is shown at once, after the commit."""

from collections.abc import Sequence
from typing import Protocol

from daemon.planning.whereabouts import Sighting
from daemon.store.withdraw import TakenBack
from dispatchers.base import Delivery
from dispatchers.websocket.contract import Status


class Live(Protocol):
    """The screens, as the planner sees them. Nothing here waits or fails."""

    def publish(self, deliveries: Sequence[Delivery]) -> None:
        """One delivery per new notification, in the order of their ids."""

    def take_back(self, gone: Sequence[TakenBack]) -> None:
        """What was withdrawn."""

    def show(self, statuses: Sequence[Status]) -> None:
        """What rooms are shown."""

    def sighted(self, sightings: Sequence[Sighting]) -> None:
        """Who was seen where."""

    def listening(self, user_id: str) -> bool:
        """Whether anybody would see what is published to this person: of a broadcast, only that is published."""

    def concerns(self, user_id: str) -> bool:
        """Whether anybody would see what is published to this person, here or at another daemon for all we know."""

    def catch_up(self, since: float) -> None:
        """Whoever has joined since then (``time.monotonic()``) may have been left out of a broadcast."""

    @property
    def followed(self) -> bool:
        """Whether anybody may be in a room."""


class Nobody:
    """Nobody looks on."""

    followed = False

    def publish(self, deliveries: Sequence[Delivery]) -> None: ...

    def take_back(self, gone: Sequence[TakenBack]) -> None: ...

    def show(self, statuses: Sequence[Status]) -> None: ...

    def sighted(self, sightings: Sequence[Sighting]) -> None: ...

    def listening(self, user_id: str) -> bool:  # noqa: ARG002
        return False

    def concerns(self, user_id: str) -> bool:  # noqa: ARG002
        return False

    def catch_up(self, since: float) -> None: ...
