-- As Rails makes them: UUID keys, an enum in the database, a schema of its own, staff who belong to a store.

CREATE SCHEMA "Shop";
CREATE TYPE "Shop".order_state AS ENUM (
    'cart', 'placed', 'accepted', 'cooking', 'ready', 'shipped', 'out_for_delivery', 'completed', 'declined', 'on_hold'
);
CREATE TABLE "Shop".stores (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar NOT NULL);
CREATE TABLE "Shop".users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    full_name varchar,
    email varchar NOT NULL,
    mobile varchar,
    preferred_locale varchar,
    time_zone varchar,
    store_id uuid REFERENCES "Shop".stores
);
CREATE TABLE "Shop".orders (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number varchar NOT NULL,
    state "Shop".order_state NOT NULL DEFAULT 'cart',
    payment_state varchar,
    user_id uuid NOT NULL REFERENCES "Shop".users,
    store_id uuid NOT NULL REFERENCES "Shop".stores,
    total_cents bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX ON "Shop".orders (number);
CREATE TABLE "Shop".delayed_jobs (id bigint PRIMARY KEY, state text, user_id uuid REFERENCES "Shop".users);
CREATE TABLE public.schema_migrations (version varchar PRIMARY KEY);
