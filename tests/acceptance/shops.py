"""Two applications: one with integer keys and names of its own, one with UUIDs and tables apart for each role."""

from typing import Any

INTEGERS = """
CREATE SCHEMA logistics;
CREATE TABLE logistics.account (
    account_no serial PRIMARY KEY, full_name text, mail text, mobile text, lang text, on_duty boolean DEFAULT false);
CREATE TABLE logistics.shipment (
    shipment_no serial PRIMARY KEY, phase smallint NOT NULL, ordered_by int REFERENCES logistics.account,
    cooked_by int REFERENCES logistics.account, carried_by int REFERENCES logistics.account);
INSERT INTO logistics.account (full_name, mail, mobile, lang, on_duty) VALUES
    ('Cora', 'cora@example.com', '+447700900001', 'en', false),
    ('Vic''s Kitchen', 'vic@example.com', '+447700900002', null, false),
    ('Dee', 'dee@example.com', '+447700900003', 'en-GB', true), ('Dan', 'dan@example.com', '+447700900004', '', true),
    ('Off', 'off@example.com', '+447700900005', 'en', false);
"""

INTEGER_CODES = {
    "10": "created", "20": "confirmed", "30": "preparing", "40": "ready", "50": "picked_up", "60": "in_transit",
    "70": "delivered",
}  # fmt: skip


def integer_settings() -> dict[str, Any]:
    return {
        "watch": [
            {
                "name": "shipments",
                "table": "logistics.shipment",
                "key": "shipment_no",
                "event_column": "phase",
                "columns": ["ordered_by", "cooked_by", "carried_by"],
                "events": INTEGER_CODES,
            }
        ],
        "people": {
            "query": "SELECT account_no AS user_id, full_name AS name, mail AS email, mobile AS phone, lang AS locale"
            " FROM logistics.account WHERE account_no = ANY(:ids)"
        },
        "audience": {
            "customer": {"column": "ordered_by", "url": "https://shop.example/shipments/{{ key }}"},
            "vendor": {"column": "cooked_by"},
            "driver": {"column": "carried_by"},
            "available_drivers": {"query": "SELECT account_no FROM logistics.account WHERE on_duty"},
        },
    }


UUIDS = """
CREATE TABLE "Customer" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "displayName" text, email text);
CREATE TABLE "Merchant" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), title text, contact text);
CREATE TABLE "Rider" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, email text, state text);
CREATE TYPE order_status AS ENUM ('Pending', 'Confirmed', 'Preparing', 'Ready', 'PickedUp', 'InTransit', 'Delivered');
CREATE TABLE "Order" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "orderNumber" text, status order_status,
    "customerId" uuid REFERENCES "Customer", "merchantId" uuid REFERENCES "Merchant",
    "riderId" uuid REFERENCES "Rider");
INSERT INTO "Customer" ("displayName", email) VALUES ('Cora', 'cora@example.com');
INSERT INTO "Merchant" (title, contact) VALUES ('Vic''s Kitchen', 'vic@example.com');
INSERT INTO "Rider" (name, email, state) VALUES
    ('Dee', 'dee@example.com', 'free'), ('Dan', 'dan@example.com', 'free'), ('Off', 'off@example.com', 'asleep');
"""


def uuid_settings() -> dict[str, Any]:
    return {
        "watch": [
            {
                "table": '"Order"',
                "label_column": "orderNumber",
                "columns": ["customerId", "merchantId", "riderId"],
                "events": {"Pending": "created"},
            }
        ],
        "people": {
            "query": """
                SELECT id AS user_id, "displayName" AS name, email FROM "Customer" WHERE id = ANY(:ids)
                UNION ALL SELECT id, title, contact FROM "Merchant" WHERE id = ANY(:ids)
                UNION ALL SELECT id, name, email FROM "Rider" WHERE id = ANY(:ids)"""
        },
        "audience": {
            "customer": {"column": "customerId"},
            "vendor": {"column": "merchantId"},
            "driver": {"column": "riderId"},
            "available_drivers": {
                "query": """SELECT o.id, r.id FROM "Order" o, "Rider" r WHERE r.state = 'free' AND o.id = ANY(:keys)"""
            },
        },
    }
