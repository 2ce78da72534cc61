"""What Prometheus is told by the pipeline. The hub has its own beside it, in ``dispatchers.websocket.metrics``.

No user and no order is ever a label.
"""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram, Info

_LATENCY = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)

BUILD = Info("orderbell_build", "The version of Orderbell that runs.")
RELOADS = Counter("orderbell_config_reloads", "Times the configuration was read again.", ["outcome"])
for _outcome in ("done", "refused"):
    RELOADS.labels(_outcome)

KEY_FETCHES = Counter("orderbell_auth_key_fetches", "Fetches of the keys at auth.jwks_url.", ["outcome"])
for _outcome in ("done", "failed"):
    KEY_FETCHES.labels(_outcome)

DOORBELL_RINGS = Counter("orderbell_doorbell_rings", "Notifications heard from the capture triggers.")
SAFETY_POLLS = Counter("orderbell_safety_polls", "Looks for changes that nobody rang for.")
SAFETY_POLL_FINDS = Counter(
    "orderbell_safety_poll_finds",
    "Changes found by a safety poll; anything but 0 means that a ring was lost.",
)
CHANGES = Counter("orderbell_changes", "Captured changes consumed, by what became of them.", ["watch", "outcome"])
CAPTURE_ERRORS = Counter(
    "orderbell_capture_errors", "Changes that the trigger had to keep as whole rows; see the log.", ["watch"]
)
# The change log. What its reader knows of the slot has its name as a label, and is forgotten when it reads no longer.
CHANGELOG_WANTED = Gauge("orderbell_changelog_wanted", "1 where the configuration captures from the change log.")
CHANGELOG_ACTIVE = Gauge("orderbell_changelog_active", "1 on the daemon that reads the change log.")
CHANGELOG_LAG_BYTES = Gauge(
    "orderbell_changelog_lag_bytes", "WAL that is written and that the slot has not confirmed yet.", ["slot"]
)
CHANGELOG_RETAINED_BYTES = Gauge(
    "orderbell_changelog_retained_bytes", "WAL that the server keeps on its disk for the slot.", ["slot"]
)
CHANGELOG_SAFE_BYTES = Gauge(
    "orderbell_changelog_safe_bytes",
    "WAL that may still be written before the server gives the slot up; absent where it never does.",
    ["slot"],
)
CHANGELOG_LAG_WARNING_BYTES = Gauge(
    "orderbell_changelog_lag_warning_bytes", "The lag from which the configuration wants a warning.", ["slot"]
)
CHANGELOG_LAST_HEARTBEAT = Gauge(
    "orderbell_changelog_last_heartbeat_timestamp_seconds",
    "When the newest mark that came back through the log was written.",
    ["slot"],
)
CHANGELOG_COMMITTED = Gauge(
    "orderbell_changelog_committed_timestamp_seconds", "When the last transaction read was committed.", ["slot"]
)
CHANGELOG_RECONNECTS = Counter(
    "orderbell_changelog_reconnects", "Times the reader of the change log had to begin anew."
)
CHANGELOG_PIECES = Counter(
    "orderbell_changelog_pieces", "Pieces of transactions that were too large to be held in memory."
)
CHANGELOG_TRANSACTIONS = Counter("orderbell_changelog_transactions", "Transactions read from the change log.")
CHANGELOG_ROWS = Counter("orderbell_changelog_rows", "Rows of watched tables read from the change log.", ["watch"])
CHANGELOG_REBUILDS = Counter(
    "orderbell_changelog_rebuilds", "Times the slot was lost or unusable and was made anew, by why.", ["reason"]
)
CHANGELOG_RECONCILED = Counter(
    "orderbell_changelog_reconciled", "Changes found by comparing the tables after a gap in the log.", ["watch"]
)
CHANGELOG_PROBLEMS = Gauge(
    "orderbell_changelog_problems",
    "What is wrong with the set-up of the change log: how often it was found.",
    ["problem"],
)

for _reason in ("missing", "invalidated", "gap", "ahead"):
    CHANGELOG_REBUILDS.labels(_reason)


def forget_changelog() -> None:
    """Expose nothing of the slot any more: this daemon reads it no longer, and what it knows grows old."""
    CHANGELOG_ACTIVE.set(0)
    for gauge in (
        CHANGELOG_LAG_BYTES,
        CHANGELOG_RETAINED_BYTES,
        CHANGELOG_SAFE_BYTES,
        CHANGELOG_LAG_WARNING_BYTES,
        CHANGELOG_LAST_HEARTBEAT,
        CHANGELOG_COMMITTED,
        CHANGELOG_PROBLEMS,
    ):
        gauge.clear()


CHANGES_OLDEST = Gauge(
    "orderbell_changes_oldest_timestamp_seconds",
    "When the oldest change that is not planned yet was captured; absent where none waits.",
    ["source"],
)
CHANGES_SET_ASIDE = Gauge(
    "orderbell_changes_set_aside", "Changes that could not be planned and wait for `orderbell retry`, up to 10,000."
)
EVENTS = Counter("orderbell_events", "Events planned.", ["event"])
REMARKS = Counter("orderbell_event_remarks", "Events with somebody who could not be told; see event.remarks.")
NOTIFICATIONS = Counter("orderbell_notifications", "Notifications planned.", ["audience"])
UNREADABLE_SETTINGS = Counter(
    "orderbell_unreadable_settings", "Quiet hours of people that cannot be read; the configuration's count instead."
)
RENDER_FAILURES = Counter("orderbell_render_failures", "Messages for which the fallback's words were used.")
COMMIT_TO_PLANNED = Histogram(
    "orderbell_commit_to_planned_seconds",
    "From the application's write to the plan's commit.",
    buckets=_LATENCY,
)
PLANNER_ACTIVE = Gauge("orderbell_planner_active", "1 on the daemon whose planner is the active one.")
PLANNER_PROGRESS = Gauge(
    "orderbell_planner_progress_timestamp_seconds",
    "The planner's last sign of life; the present while it sleeps or stands by.",
)
LANES_PROGRESS = Gauge(
    "orderbell_lanes_progress_timestamp_seconds",
    "When the channel that is furthest behind last looked for work; the present while it does.",
)
PLAN_FAILURES = Counter("orderbell_plan_failures", "Batches that could not be planned as a whole.")
PLANNER_WAITS = Counter(
    "orderbell_planner_waits", "Times the planner stood back because a table of the application was locked."
)
RECONNECTS = Counter("orderbell_planner_reconnects", "Times the planner lost its database connection.")

DELIVERIES = Counter("orderbell_deliveries", "Finished deliveries, by how they ended.", ["channel", "state", "reason"])
ATTEMPTS = Counter("orderbell_delivery_attempts", "Attempts, by what came of them.", ["channel", "outcome"])


@cache
def ended(channel: str, state: str, reason: str) -> Counter:
    """Of :data:`DELIVERIES`; to find one by its labels takes longer than to count."""
    return DELIVERIES.labels(channel, state, reason)


@cache
def attempted(channel: str, outcome: str) -> Counter:
    """Of :data:`ATTEMPTS`."""
    return ATTEMPTS.labels(channel, outcome)


COMMIT_TO_SENT = Histogram(
    "orderbell_commit_to_sent_seconds",
    "From the application's commit, or from when it was first due if that is later, to the provider's acceptance.",
    ["channel"],
    buckets=_LATENCY,
)
DIGESTS = Counter("orderbell_digests", "Messages that tell of several notifications at once.")
HOLD_FAILURES = Counter("orderbell_hold_failures", "Groups that could not be let go and were put off; see the log.")
IN_FLIGHT = Gauge("orderbell_deliveries_in_flight", "Deliveries in a dispatcher's hands.", ["channel"])
HELD = Gauge("orderbell_deliveries_held", "Deliveries leased by this daemon and waiting for a free slot.", ["channel"])
QUEUE = Gauge("orderbell_queue_deliveries", "Deliveries in the database that are not finished.", ["channel", "state"])
QUEUE_OLDEST = Gauge(
    "orderbell_queue_oldest_due_timestamp_seconds",
    "When the longest waiting delivery was due; absent where none waits.",
    ["channel"],
)

FEEDBACK = Counter("orderbell_feedback", "Sent messages that somebody reported on.", ["channel", "state"])
FEEDBACK_REFUSED = Counter(
    "orderbell_feedback_refused", "Callbacks, links and returned mails that were not believed.", ["source", "reason"]
)
RETURNED_MAILS = Counter("orderbell_returned_mails", "Mails that came back, by what they said.", ["kind"])
INBOUND_TEXTS = Counter("orderbell_inbound_texts", "Texts that people wrote to us, by what they asked for.", ["kind"])
ADDRESSES_CLOSED = Counter(
    "orderbell_addresses_closed", "Addresses that nothing is sent to any more.", ["channel", "reason"]
)
