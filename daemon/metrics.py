"""What Prometheus is told by the pipeline. The hub has its own beside it, in ``dispatchers.websocket.metrics``.

No user and no order is ever a label.
"""

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
PLAN_FAILURES = Counter("orderbell_plan_failures", "Batches that could not be planned as a whole.")
PLANNER_WAITS = Counter(
    "orderbell_planner_waits", "Times the planner stood back because a table of the application was locked."
)
RECONNECTS = Counter("orderbell_planner_reconnects", "Times the planner lost its database connection.")

DELIVERIES = Counter("orderbell_deliveries", "Finished deliveries, by how they ended.", ["channel", "state", "reason"])
ATTEMPTS = Counter("orderbell_delivery_attempts", "Attempts, by what came of them.", ["channel", "outcome"])
COMMIT_TO_SENT = Histogram(
    "orderbell_commit_to_sent_seconds",
    "From the notification's creation to the provider's acceptance.",
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
