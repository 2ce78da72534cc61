"""What the admin routes work with."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from config import Settings
from daemon.api.admin.announcements import Announcements
from daemon.api.admin.audit import Audit
from daemon.api.admin.deliveries import Deliveries
from daemon.api.admin.desk import Desk
from daemon.api.admin.overview import Overviews
from daemon.api.admin.scheduled import Schedule
from daemon.api.admin.sending import Sending
from daemon.api.admin.suppressions import Suppressions
from daemon.api.admin.templates import Templates
from daemon.connections import Connections
from daemon.explain.records import Ask
from daemon.explain.values import Timeline
from daemon.planning.policy import Policy
from daemon.store.lookup import Lookup

Explain = Callable[[Ask], Awaitable[Timeline]]
"""Why somebody was told, or not: see ``daemon.explain``."""


class Admin:
    """One for all requests."""

    def __init__(
        self,
        engine: AsyncEngine,
        connections: Connections,
        settings: Settings,
        policy: Policy,
        lookup: Lookup,
        explain: Explain | None = None,
    ) -> None:
        """``policy`` is the planner's, so that what is offered here is what it can do."""
        desk = Desk(engine)
        self.audit = Audit(desk)
        self.deliveries = Deliveries(desk)
        self.announcements = Announcements(desk)
        self.overviews = Overviews(desk)
        self.schedule = Schedule(desk)
        self.sending = Sending(desk)
        self.suppressions = Suppressions(desk)
        self.templates = Templates(desk, connections)
        self.explain = explain
        self.obey(settings, policy, lookup)

    def obey(self, settings: Settings, policy: Policy, lookup: Lookup) -> None:
        """Go by these from now on."""
        self.settings = settings
        self.policy = policy
        self.lookup = lookup
