"""The inboxes: every query that the REST API and the hub ask of them. Each names the person in its WHERE."""

from daemon.api.inbox.listing import Count, Filter, Listing
from daemon.api.inbox.marking import Inbox
from daemon.api.inbox.putting import Putting
from daemon.api.inbox.stats import Statistics

__all__ = ["Count", "Filter", "Inbox", "Listing", "Putting", "Statistics"]
