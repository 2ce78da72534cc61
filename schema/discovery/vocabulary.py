"""What applications call the things that Orderbell looks for. All in snake case, tables in the singular."""

from typing import Final

ORDERS: Final = {
    "order": 100,
    "purchase": 60,
    "booking": 50,
    "delivery": 48,
    "shipment": 45,
    "reservation": 40,
    "appointment": 36,
    "job": 34,
    "trip": 30,
    "ride": 30,
    "request": 24,
    "ticket": 22,
    "task": 20,
}
"""The last word of a table's name -> how much that speaks for orders."""

BESIDE_ORDERS: Final = {
    "item", "line", "detail", "product", "history", "log", "event", "audit", "archive", "archived", "old",
    "status", "state", "type", "note", "comment", "message", "notification", "tag", "discount", "coupon", "tax",
    "address", "payment", "refund", "invoice", "rating", "review", "attachment", "file", "template", "setting",
    "batch", "queue", "backup", "tmp", "temp", "staging",
}  # fmt: skip
"""Words that make a table something beside the orders: order_items, order_status_history."""

INFRASTRUCTURE: Final = (
    "django",
    "celery",
    "delayed",
    "solid",
    "que",
    "sidekiq",
    "oban",
    "procrastinate",
    "cron",
    "flyway",
)
"""First words of tables that a framework keeps for itself: delayed_jobs, solid_queue_jobs."""

STATUSES: Final = {
    "status": 40,
    "order_status": 39,
    "state": 36,
    "order_state": 36,
    "status_id": 36,
    "order_status_id": 36,
    "state_id": 30,
    "fulfillment_status": 34,
    "fulfilment_status": 34,
    "delivery_status": 34,
    "status_code": 34,
    "aasm_state": 34,
    "workflow_state": 34,
    "current_state": 34,
    "current_status": 34,
    "lifecycle": 28,
    "phase": 28,
    "stage": 26,
    "progress": 10,
}
STATUS_OF_SOMETHING: Final = 10
"""What another name that ends in status is worth: payment_status."""

STATUS_KINDS: Final = {"enum": 15, "text": 8, "integer": 6, "uuid": 0}

STATUS_NAMES: Final = (
    "code",
    "slug",
    "key",
    "name",
    "label",
    "title",
    "status",
    "state",
    "value",
    "description",
)
"""Columns of a lookup table that say what its key means, the plainest first."""

ROLES: Final = {
    "customer": (
        "customer", "buyer", "client", "purchaser", "user", "account", "consumer", "member", "guest",
        "person", "profile", "ordered_by", "placed_by", "passenger", "requester", "owner", "created_by",
    ),
    "vendor": (
        "vendor", "merchant", "restaurant", "store", "seller", "shop", "supplier", "kitchen", "cafe",
        "partner", "provider", "branch", "outlet", "farm",
    ),
    "driver": (
        "driver", "courier", "rider", "delivery_person", "delivery_agent", "delivery_driver",
        "delivery_partner", "delivery_man", "deliverer", "dasher", "runner", "carrier", "assigned_driver", "picker",
    ),
}  # fmt: skip
"""Audience -> columns that lead to it, without their ``_id``, the surest first."""

LOGINS: Final = {"user", "account", "person", "member", "login", "identity", "profile"}
"""Last words of tables that hold those who log in."""

TO_LOGINS: Final = (
    "user", "owner", "account", "person", "auth_user", "member", "manager", "contact", "login", "profile",
    "admin",
)  # fmt: skip
"""Columns, without their ``_id``, by which a vendor or driver leads to the one who logs in."""

FIELDS: Final = {
    "name": (("full_name",), ("display_name",), ("first_name", "last_name"), ("given_name", "family_name"),
             ("firstname", "lastname"), ("name",), ("first_name",), ("username",), ("user_name",)),
    "email": (("email",), ("email_address",), ("e_mail",), ("mail",), ("contact_email",), ("primary_email",)),
    "phone": (("phone",), ("phone_number",), ("mobile",), ("mobile_number",), ("mobile_phone",),
              ("cell_phone",), ("cell",), ("telephone",), ("phone_e164",), ("msisdn",), ("tel",), ("contact_phone",)),
    "locale": (("locale",), ("language",), ("lang",), ("preferred_language",), ("preferred_locale",),
               ("language_code",)),
    "time_zone": (("time_zone",), ("timezone",), ("tz",), ("time_zone_name",), ("timezone_name",)),
}  # fmt: skip
"""What is told of a person -> the columns that hold it, the surest first."""

PROFILES: Final = ("profile", "detail", "contact", "preference", "setting", "info")
"""Ends of the names of tables that say more of a person."""

LABELS: Final = (
    "number", "order_number", "order_no", "reference", "order_reference", "order_ref", "booking_number",
    "booking_reference", "order_code", "public_id", "short_id", "short_code", "confirmation_code",
)  # fmt: skip
"""Columns with what people call an order, by their names alone."""

UNIQUE_LABELS: Final = ("code", "ref", "tracking_number", "slug", "no", "invoice_number")
"""The same, where they are unique."""

AMOUNTS: Final = (
    ("total", "total_amount", "grand_total", "total_price", "amount", "total_cents", "amount_cents", "price",
     "order_total"),
    ("currency", "currency_code"),
)  # fmt: skip

FREE: Final = (
    "available", "is_available", "available_for_delivery", "on_shift", "is_on_shift", "on_duty", "is_on_duty",
    "online", "is_online", "active", "is_active",
)  # fmt: skip
FREE_STATUSES: Final = ("available", "online", "idle", "free", "on_duty", "on_shift")
