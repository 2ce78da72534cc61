"""What the hub counts, in prometheus_client's default registry."""

from prometheus_client import Counter, Gauge

from dispatchers.websocket.codes import CloseCode, ErrorCode

CONNECTIONS = Gauge("orderbell_hub_connections", "WebSocket connections that are open now.")
LIMIT = Gauge("orderbell_hub_connections_limit", "Connections that one daemon lets in: hub.max_connections.")
FRAMES = Counter("orderbell_hub_frames_total", "Frames written to connections.")
REFUSED = Counter("orderbell_hub_refused_total", "Upgrade requests that were refused.", ["status"])
CLOSES = Counter("orderbell_hub_closes_total", "Connections closed by the hub.", ["code"])
SLOW_CLOSES = Counter("orderbell_hub_slow_closes_total", "Connections cut because their reader was too slow.")
DEAD_CLOSES = Counter("orderbell_hub_dead_closes_total", "Connections cut because a ping went unanswered.")
REPLAYS = Counter("orderbell_hub_replays_total", "Resumed connections: how what they missed was given.", ["result"])
CLIENT_ERRORS = Counter("orderbell_hub_client_errors_total", "Error frames sent to clients.", ["code"])
ROOMS = Gauge("orderbell_hub_rooms", "Rooms that somebody follows now.")
CATCH_UPS = Counter(
    "orderbell_hub_catch_ups_total",
    "Times that frames of other daemons may have been missed, by what was done.",
    ["result"],
)
BROKER_PUBLISHED = Counter("orderbell_broker_published_total", "Envelopes given to the other daemons.")
BROKER_RECEIVED = Counter("orderbell_broker_received_total", "Envelopes that came from other daemons.")
BROKER_DROPPED = Counter(
    "orderbell_broker_dropped_total",
    "Envelopes that were not given to the other daemons, or could not be read.",
    ["reason"],
)
BROKER_GAPS = Counter("orderbell_broker_gaps_total", "Times that envelopes may have been missed.", ["reason"])

# From the start, so that a first one is seen as a rise.
for _status in ("400", "403", "404", "503"):
    REFUSED.labels(_status)
for _close in CloseCode:
    CLOSES.labels(str(int(_close)))
for _error in ErrorCode:
    CLIENT_ERRORS.labels(_error.value)
for _result in ("nothing", "replayed", "reload"):
    REPLAYS.labels(_result)
for _result in ("replayed", "reload"):
    CATCH_UPS.labels(_result)
for _reason in ("overflow", "unreadable"):
    BROKER_DROPPED.labels(_reason)
for _reason in ("silent", "subscribed", "unreadable", "jump", "lost"):
    BROKER_GAPS.labels(_reason)
